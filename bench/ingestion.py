"""One long text brought into a knowledge base, alone in its process: `python -m bench.ingestion ADDRESS`."""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import flask_migrate

from app import create_app
from app.commands import registry
from app.commands.running import OPERATOR
from app.db.scope import use_scope
from app.db.session import transaction
from app.knowledge.services import evaluating, ingesting, passages
from app.knowledge.services.bases import create_base
from app.knowledge.services.choosing import LOCAL_MODEL
from app.knowledge.services.sources import add_text
from app.orgs.repo.orgs import OrgRepo
from tests.support.database import settings

PARAGRAPHS = 600
spent = {"inside": 0.0}


def timed(call: Callable[..., Any]) -> Callable[..., Any]:
    """The same call, its time counted."""

    def run(*given: Any, **named: Any) -> Any:
        began = time.perf_counter()
        try:
            return call(*given, **named)
        finally:
            spent["inside"] += time.perf_counter() - began

    return run


def body() -> str:
    """A text of many paragraphs, no two of them the same."""
    return "\n\n".join(
        f"Paragraph {number} of the handbook says what case {number * 7} costs, who signs it, and that form"
        f" F-{number} is kept for {number % 9 + 1} years. " * 4
        for number in range(PARAGRAPHS)
    )


def main(address: str) -> None:
    """Bring it in, and print what that took."""
    ingesting.embed_passages = timed(ingesting.embed_passages)  # type: ignore[assignment]
    passages.split = timed(passages.split)  # type: ignore[assignment]
    app = create_app(settings(address))
    registry.register(app)
    with app.app_context():
        flask_migrate.upgrade()
        use_scope(OPERATOR)
        with transaction():
            org_id = OrgRepo().add("Bench").id
            use_scope(replace(OPERATOR, org_id=org_id))
            base_id = create_base(org_id, {"name": "Bench"}).id
        ingesting.embed_passages(evaluating.Direct(org_id), LOCAL_MODEL, ["warm"])
        spent["inside"] = 0.0
        with transaction():
            source_id = add_text(org_id, base_id, "Handbook", body(), queued=False)
        began = time.perf_counter()
        evaluating.ingest_source(evaluating.Direct(org_id), base_id, "text", source_id)
        seconds = time.perf_counter() - began
        with transaction():
            row = evaluating.SourcesRepo().row(org_id, base_id, source_id)
    found = {
        "seconds": seconds,
        "share": spent["inside"] / seconds,
        "passages": row.chunk_count if row else 0,
        "mib": _largest_kib() / 1024,
    }
    print(json.dumps(found))


def _largest_kib() -> int:
    """The most memory this program had; what `getrusage` says counts the process that began it, too."""
    (line,) = [
        line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")
    ]
    return int(line.split()[1])


if __name__ == "__main__":
    main(sys.argv[1])
