"""Files: what goes out beside COPY … TO, and what comes in beside COPY … FROM."""

import tempfile
import time
from pathlib import Path
from uuid import uuid4

import orjson
import psutil

from app.auth.models import User
from bench.place import Place
from bench.report import line, table, times
from tests.support.cli import flask
from tests.support.client import Client
from tests.support.database import SECRET_KEY

COPIED = """
    COPY (SELECT t.id, t.name, t.origin, t.tags, t.message_count, t.tokens, t.cost_micros, t.created_at,
                 t.last_message_at, a.name, u.email
            FROM threads t LEFT JOIN agents a ON a.id = t.agent_id LEFT JOIN users u ON u.id = t.user_id
           WHERE t.org_id = '{org}' AND t.deleted_at IS NULL AND NOT t.archived
           ORDER BY t.last_message_at DESC, t.id DESC) TO STDOUT
"""
IMPORTED = 2_000
TEXTS = "SELECT text_content FROM messages LIMIT %s"
LOADED = "COPY messages (id, org_id, thread_id, role, parts, text_content) FROM STDIN"


def export(place: Place) -> None:
    """The largest organisation's list of threads as NDJSON, beside COPY of the same rows."""
    place.app.test_client_class = Client
    client = place.app.test_client().sign_in(User(id=place.heavy))
    ((slug,),) = place.asked("SELECT slug FROM orgs WHERE id = %s", place.org_id)()
    process = psutil.Process()
    idle = most = process.memory_info().rss
    rows, began = 0, time.perf_counter()
    response = client.get(f"/o/{slug}/threads.ndjson", buffered=False)
    assert response.status_code == 200
    for part in response.iter_encoded():
        rows += part.count(b"\n")
        most = max(most, process.memory_info().rss)
    ours = time.perf_counter() - began
    began = time.perf_counter()
    with place.original.cursor().copy(COPIED.format(org=place.org_id).encode()) as copy:
        copied = sum(bytes(part).count(b"\n") for part in copy)
    plain = time.perf_counter() - began
    assert copied == rows, (copied, rows)
    table("export", "rows", "s", "COPY s", "ratio", "MB above idle")
    line(
        "threads as NDJSON",
        f"{rows:,}",
        f"{ours:.1f}",
        f"{plain:.1f}",
        times(ours / plain),
        f"{(most - idle) / 1e6:.0f}",
    )


def bring_in(place: Place, address: str) -> None:
    """Conversations of five messages by the import command, beside COPY of as many rows into the same table."""
    texts = [row[0] for row in place.original.execute(TEXTS, (IMPORTED * 5,))]
    ((slug, email),) = place.asked(
        "SELECT o.slug, u.email FROM orgs o, users u WHERE o.id = %s AND u.id = %s", place.org_id, place.heavy
    )()
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "import.jsonl")
        with path.open("wb") as file:
            for number in range(IMPORTED):
                said = texts[number * 5 : number * 5 + 5]
                messages = [
                    {"role": ("user", "assistant")[index % 2], "content": text}
                    for index, text in enumerate(said)
                ]
                file.write(orjson.dumps({"id": f"bench-{time.time_ns()}", "messages": messages}) + b"\n")
        environment = {"DATABASE_URL": address, "SECRET_KEY": SECRET_KEY}
        began = time.perf_counter()
        started = flask(environment, "threads", "import", "--help")
        idle = time.perf_counter() - began
        began = time.perf_counter()
        done = flask(environment, "threads", "import", str(path), "--org", slug, "--user", email, seconds=600)
        ours = time.perf_counter() - began - idle
        assert done.returncode == started.returncode == 0, done.stderr + done.stdout
    plain = _copied(place, texts)
    table("import", "messages", "rows/s", "COPY, rows/s", "share")
    count = len(texts)
    line("JSON Lines", f"{count:,}", f"{count / ours:,.0f}", f"{count / plain:,.0f}", f"1/{ours / plain:.1f}")


def _copied(place: Place, texts: list[str]) -> float:
    """Seconds that COPY takes for messages of these texts, with every index and trigger of the table."""
    ((thread,),) = place.asked("SELECT id FROM threads WHERE org_id = %s LIMIT 1", place.org_id)()
    began = time.perf_counter()
    with place.original.transaction(force_rollback=True), place.original.cursor().copy(LOADED) as copy:
        for text in texts:
            parts = orjson.dumps([{"kind": "text", "text": text}]).decode()
            copy.write_row((uuid4(), place.org_id, thread, "user", parts, text))
    return time.perf_counter() - began
