"""`make bench`: figures of the running product and of tasks; `python -m bench threads` and `knowledge`: of many rows.

Prints Markdown tables. Compare only figures of one run.
"""

import argparse
from pathlib import Path

from bench import answers, knowledge, product, servers, tasks, threads


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    groups = parser.add_subparsers(dest="group")
    many = groups.add_parser("threads", help="many threads and messages, against the original form")
    many.add_argument("--threads", type=int, default=1_000_000)
    many.add_argument("--messages", type=int, default=5_000_000)
    many.add_argument("--keep", type=Path, help="keep the filled databases in this directory")
    many.add_argument("--only", nargs="*", choices=list(threads.GROUPS), help="some of the tables")
    many.add_argument("--durable", action="store_true", help="let each commit wait for the disk")
    groups.add_parser("tasks", help="tasks and schedules")
    groups.add_parser("answers", help="what the runtime adds to a model")
    groups.add_parser("servers", help="gunicorn against granian")
    searches = groups.add_parser("knowledge", help="the search in knowledge bases")
    searches.add_argument("--vectors", type=int, default=50_000)
    searches.add_argument("--only", nargs="*", choices=[*knowledge.GROUPS, "ingestion", "quality"])
    wanted = parser.parse_args()
    if wanted.group == "threads":
        threads.main(wanted.threads, wanted.messages, wanted.keep, wanted.only, durable=wanted.durable)
    elif wanted.group == "tasks":
        tasks.main()
    elif wanted.group == "answers":
        answers.main()
    elif wanted.group == "servers":
        servers.main()
    elif wanted.group == "knowledge":
        knowledge.main(wanted.vectors, wanted.only)
    else:
        product.main()
        tasks.main()


main()
