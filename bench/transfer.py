"""Files: what goes out beside COPY … TO, and what comes in beside COPY … FROM."""

import sys
import tempfile
import time
from pathlib import Path
from uuid import uuid4

import orjson
import psutil

from app.auth.models import User
from app.web import file_tasks
from bench.place import Place
from bench.report import line, shown, table, times
from tests.support.cli import flask
from tests.support.client import Client
from tests.support.database import SECRET_KEY

_OF_LIST = "WHERE t.org_id = '{org}' AND t.deleted_at IS NULL AND NOT t.archived"
_ORDER = "ORDER BY t.last_message_at DESC, t.id DESC"
THREADS = f"""
    COPY (SELECT t.id, t.name, t.origin, t.tags, t.message_count, t.tokens, t.cost_micros, t.created_at,
                 t.last_message_at, a.name, u.email
            FROM threads t LEFT JOIN agents a ON a.id = t.agent_id LEFT JOIN users u ON u.id = t.user_id
            {_OF_LIST} {_ORDER}) TO STDOUT
"""
MESSAGES = f"""
    COPY (SELECT m.id, m.thread_id, m.external_id, m.parent_id, m.branch, m.role, m.status, m.parts,
                 m.agent_version_id, m.model, m.input_tokens, m.output_tokens, m.cost_micros, m.latency_ms,
                 m.first_token_ms, m.error, m.created_at
            FROM messages m JOIN threads t ON t.id = m.thread_id
            {_OF_LIST} {_ORDER}, m.created_at, m.id) TO STDOUT
"""
FILES = (
    ("the list of threads as NDJSON", "threads.ndjson", b"\n", THREADS),
    ("the messages of all threads as NDJSON", "threads/messages.ndjson", b',"parts":[', MESSAGES),
)
ROUNDS = 3
IMPORTED = 2_000
TEXTS = "SELECT text_content FROM messages LIMIT %s"
LOADED = "COPY messages (id, org_id, thread_id, role, parts, text_content) FROM STDIN"


def export(place: Place) -> None:
    """The threads of the largest organisation, and their messages, as NDJSON beside COPY of the same rows.

    So many rows a task would write to a file; the same bytes are taken as they come here.
    """
    file_tasks.COUNT_CAP = sys.maxsize
    place.app.test_client_class = Client
    client = place.app.test_client().sign_in(User(id=place.heavy))
    ((slug,),) = place.asked("SELECT slug FROM orgs WHERE id = %s", place.org_id)()
    table("export", "rows", "MB", "s", "COPY s", "ratio", "MB above idle")
    for name, path, mark, statement in FILES:
        rounds = []
        for _ in range(ROUNDS):
            rows, size, above, ours = _downloaded(client, f"/o/{slug}/{path}", mark)
            copied, plain = _copied_out(place, statement)
            assert copied == rows, (copied, rows)
            rounds.append((ours, plain, above))
        ours, plain = (min(figures) for figures in list(zip(*rounds, strict=True))[:2])
        most = max(above for *_, above in rounds)
        figures = (f"{rows:,}", f"{size / 1e6:,.0f}", shown(ours), shown(plain), times(ours / plain))
        line(name, *figures, f"{most / 1e6:.0f}")


def _downloaded(client: Client, path: str, mark: bytes) -> tuple[int, int, int, float]:
    """How often `mark` occurs in a file, the file's bytes, those of memory that it took, and the seconds."""
    process = psutil.Process()
    idle = most = process.memory_info().rss
    rows = size = 0
    began = time.perf_counter()
    response = client.get(path, buffered=False)
    assert response.status_code == 200
    for part in response.iter_encoded():
        rows, size = rows + part.count(mark), size + len(part)
        most = max(most, process.memory_info().rss)
    return rows, size, most - idle, time.perf_counter() - began


def _copied_out(place: Place, statement: str) -> tuple[int, float]:
    """The rows of COPY, and the seconds."""
    began = time.perf_counter()
    with place.original.cursor().copy(statement.format(org=place.org_id).encode()) as copy:
        rows = sum(bytes(part).count(b"\n") for part in copy)
    return rows, time.perf_counter() - began


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
