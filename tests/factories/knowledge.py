"""Knowledge bases with sources, passages and vectors, as if a worker had ingested them."""

import hashlib
import itertools
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from uuid_utils.compat import uuid7

from app.knowledge.models.chunks import Chunk, Embedding
from app.knowledge.models.sources import (
    FreeformText,
    Generation,
    KnowledgeBase,
    KnowledgeFile,
    KnowledgeTable,
    KnowledgeTableRow,
    RetrievalTest,
    RetrievalTestRun,
    WebPage,
    WebUrl,
)
from app.orgs.models import Org
from tests.factories import threads
from tests.factories.rows import rows as stored_rows
from tests.factories.rows import save

CHUNKING = {"size": 200, "overlap": 30}
MODEL, DIMENSIONS = "all-MiniLM-L6-v2", 384
_numbers = itertools.count(1)
_KEYS = {
    KnowledgeFile: "file_id",
    FreeformText: "freeform_text_id",
    KnowledgeTable: "table_id",
    WebPage: "web_page_id",
}


def base(org: Org, **values: Any) -> KnowledgeBase:
    """Store an empty base with its live generation."""
    made = save(
        KnowledgeBase(
            **{
                "org_id": org.id,
                "name": f"Base {next(_numbers)}",
                "model": MODEL,
                "dimensions": DIMENSIONS,
                "chunking": CHUNKING,
                **values,
            }
        )
    )
    generation(made, made.live_generation, status="live")
    return made


def generation(base: KnowledgeBase, number: int, **values: Any) -> Generation:
    """Store a generation of a base, built with the base's settings."""
    given = {
        "org_id": base.org_id,
        "knowledge_base_id": base.id,
        "number": number,
        "status": "retired",
        "model": base.model,
        "dimensions": base.dimensions,
        "chunking": base.chunking,
    }
    return save(Generation(**{**given, **values}))


def _source(base: KnowledgeBase, digest: str) -> dict[str, Any]:
    return {
        "org_id": base.org_id,
        "knowledge_base_id": base.id,
        "status": "ready",
        "progress": 100,
        "input_hash": hashlib.sha256(digest.encode()).digest(),
    }


def text(base: KnowledgeBase, body: str = "Refunds take five days.", **values: Any) -> FreeformText:
    """Store a text; its passages are stored apart."""
    title = f"Text {next(_numbers)}"
    return save(FreeformText(**{**_source(base, body), "title": title, "body": body, **values}))


def file(base: KnowledgeBase, content: bytes = b"# Refunds\n", **values: Any) -> KnowledgeFile:
    """Store a Markdown file; its passages are stored apart."""
    org = stored_rows(Org, id=base.org_id)[0]
    blob = threads.blob(org, content, "text/markdown")
    given = {
        "name": f"file-{next(_numbers)}.md",
        "blob_id": blob.id,
        "media_type": "text/markdown",
        "byte_size": len(content),
        "markdown": content.decode(),
    }
    return save(KnowledgeFile(**{**_source(base, str(blob.id)), **given, **values}))


def table(base: KnowledgeBase, rows: list[list[str]], **values: Any) -> KnowledgeTable:
    """Store a typed table of texts, with columns A, B and so on."""
    columns = [{"name": chr(65 + number), "type": "text"} for number in range(len(rows[0]))]
    given = {"name": f"Table {next(_numbers)}", "columns": columns, "row_count": len(rows)}
    made = save(KnowledgeTable(**{**_source(base, str(rows)), **given, **values}))
    for position, cells in enumerate(rows):
        save(KnowledgeTableRow(org_id=base.org_id, table_id=made.id, position=position, cells=cells))
    return made


def chunk(
    source: KnowledgeFile | FreeformText | KnowledgeTable | WebPage,
    words: str,
    position: int = 0,
    **values: Any,
) -> Chunk:
    """Store a passage of a source in generation 1 and all later ones."""
    given = {
        "org_id": source.org_id,
        "knowledge_base_id": source.knowledge_base_id,
        _KEYS[type(source)]: source.id,
        "first_generation": 1,
        "position": position,
        "text": words,
        "start_offset": 0,
        "end_offset": len(words),
        "content_hash": hashlib.sha256(words.encode()).digest(),
    }
    return save(Chunk(**{**given, **values}))


def embedding(chunk: Chunk, numbers: Mapping[int, float], **values: Any) -> Embedding:
    """Store a vector that is zero but for these numbers by their places."""
    vector = [numbers.get(place, 0.0) for place in range(DIMENSIONS)]
    given = {
        "org_id": chunk.org_id,
        "knowledge_base_id": chunk.knowledge_base_id,
        "chunk_id": chunk.id,
        "resource_id": chunk.file_id,
        "first_generation": 1,
        "embedding": str(vector),
        "dimensions": DIMENSIONS,
        "model": MODEL,
    }
    return save(Embedding(**{**given, **values}))


def expected(passage: Chunk, name: str = "Source") -> dict[str, Any]:
    """Return a passage as a saved question expects it."""
    kind = next(
        kind
        for kind, key in (("file", "file_id"), ("text", "freeform_text_id"), ("table", "table_id"))
        if getattr(passage, key)
    )
    source_id = passage.file_id or passage.freeform_text_id or passage.table_id
    place = {"start": passage.start_offset, "end": passage.end_offset}
    return {"kind": kind, "source_id": str(source_id), "name": name, **place, "text": passage.text}


def question(base: KnowledgeBase, words: str, *passages: Chunk) -> RetrievalTest:
    """Store a saved question with the passages that answer it."""
    return save(
        RetrievalTest(
            org_id=base.org_id,
            knowledge_base_id=base.id,
            question=words,
            expected=[expected(passage) for passage in passages],
        )
    )


def one_of_each(org: Org, canary: str) -> dict[str, Any]:
    """Return a row of each table around knowledge, by its table's name."""
    made = base(
        org,
        name=f"{canary} base",
        description=f"{canary} knowledge",
        live_generation=1,
        source_count=3,
        chunk_count=1,
    )
    listed = table(made, [[f"{canary} cell", "2"]], name=f"{canary} table")
    document = file(made, f"# {canary} file\n".encode(), name=f"{canary}.md")
    passage = chunk(document, f"{canary} passage")
    live = stored_rows(Generation, org_id=org.id, knowledge_base_id=made.id)[0]
    return (
        {
            "knowledge_bases": made,
            "knowledge_base_generations": live,
            "knowledge_base_files": document,
            "knowledge_base_freeform_texts": text(made, f"{canary} body", title=f"{canary} text"),
            "knowledge_base_tables": listed,
            "knowledge_base_table_rows": stored_rows(KnowledgeTableRow, org_id=org.id)[0],
            "knowledge_base_chunks": passage,
            "embeddings": embedding(passage, {0: 1.0}),
        }
        | _fetched(made, canary)
        | _tested(made, live, passage, canary)
    )


def web(base: KnowledgeBase, url: str = "https://example.com/", **values: Any) -> WebUrl:
    """Store an address of a site; its pages are stored apart."""
    given = {"url": url, "scope": "site", "max_depth": 2, "max_pages": 100}
    return save(WebUrl(**{**_source(base, url), **given, **values}))


def page(web: WebUrl, path: str = "", **values: Any) -> WebPage:
    """Store a page that was fetched from an address; its passages are stored apart."""
    words = f"Page {next(_numbers)}"
    given = {
        "org_id": web.org_id,
        "knowledge_base_id": web.knowledge_base_id,
        "web_url_id": web.id,
        "url": web.url + path,
        "title": words,
        "markdown": words,
        "status": "ready",
        "progress": 100,
        "input_hash": hashlib.sha256(words.encode()).digest(),
        "fetched_at": datetime.now(UTC),
    }
    return save(WebPage(**{**given, **values}))


def _fetched(base: KnowledgeBase, canary: str) -> dict[str, Any]:
    address = web(base, f"https://{canary.lower()}.example/")
    fetched = page(address, title=f"{canary} page", markdown=f"{canary} page")
    return {"knowledge_base_web_urls": address, "knowledge_base_web_pages": fetched}


def _tested(base: KnowledgeBase, live: Generation, passage: Chunk, canary: str) -> dict[str, Any]:
    asked = question(base, f"{canary} question", passage)
    run = save(
        RetrievalTestRun(
            org_id=base.org_id,
            retrieval_test_id=asked.id,
            generation_id=live.id,
            k=5,
            recall=1.0,
            mrr=1.0,
            ranks=[1],
            run_id=uuid7(),
        )
    )
    return {"retrieval_tests": asked, "retrieval_test_runs": run}
