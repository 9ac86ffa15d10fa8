"""What searches find of knowledge bases, asked of the tables themselves."""

from sqlalchemy import Connection, text, update

from app.db.base import Base
from tests.support.database import as_owner

_LIVE = """
    FROM knowledge_base_chunks c JOIN knowledge_bases b ON b.id = c.knowledge_base_id
   WHERE c.enabled AND c.source_enabled AND c.first_generation <= b.live_generation
     AND coalesce(c.last_generation, b.live_generation) >= b.live_generation
"""
SEARCHABLE = text(f"""
    SELECT c.text {_LIVE} AND EXISTS (
        SELECT FROM embeddings e WHERE e.chunk_id = c.id AND e.dimensions = b.dimensions
           AND e.model = coalesce(b.connection_id || '/' || b.dimensions || '/', '') || b.model
           AND e.first_generation <= b.live_generation
           AND coalesce(e.last_generation, b.live_generation) >= b.live_generation)
     ORDER BY coalesce(c.file_id, c.freeform_text_id, c.table_id, c.web_page_id), c.start_offset
""")  # noqa: S608 - our own text
WITHOUT_LIVE_SOURCE = text(f"""
    SELECT count(*) {_LIVE} AND NOT EXISTS (
        SELECT FROM knowledge_base_files f WHERE f.id = c.file_id AND f.enabled
         UNION ALL SELECT FROM knowledge_base_freeform_texts t WHERE t.id = c.freeform_text_id AND t.enabled
         UNION ALL SELECT FROM knowledge_base_tables t WHERE t.id = c.table_id AND t.enabled
         UNION ALL SELECT FROM knowledge_base_web_pages p JOIN knowledge_base_web_urls u ON u.id = p.web_url_id
                    WHERE p.id = c.web_page_id AND p.enabled AND u.enabled)
""")  # noqa: S608 - our own text


def searchable(connection: Connection | None = None) -> list[str]:
    """Return the texts of the passages that searches find, by source and place."""
    if connection is not None:
        return list(connection.execute(SEARCHABLE).scalars())
    with as_owner() as session:
        return list(session.scalars(SEARCHABLE))


def without_live_source(connection: Connection | None = None) -> int:
    """Return how many passages are found whose source is gone or disabled: always 0."""
    if connection is not None:
        return int(connection.execute(WITHOUT_LIVE_SOURCE).scalar_one())
    with as_owner() as session:
        return int(session.scalars(WITHOUT_LIVE_SOURCE).one())


def set_all(model: type[Base], **values: object) -> str:
    """Set values of every row of a table; answers ready."""
    with as_owner() as session:
        session.execute(update(model).values(**values))
    return "ready"
