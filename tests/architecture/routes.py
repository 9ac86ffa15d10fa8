"""The application's routes as text. Run `python -m tests.architecture.routes` to write `routes.txt` anew."""

from pathlib import Path

from flask import Flask

from app import create_app
from app.web.access import access_of
from tests.support.database import settings

LISTED = Path(__file__).with_name("routes.txt")


def lines(app: Flask) -> list[str]:
    """Return `path methods endpoint access` per route, by path."""
    found = []
    for rule in app.url_map.iter_rules():
        methods = ",".join(sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}))
        found.append(f"{rule.rule} {methods} {rule.endpoint} {access_of(app, rule.endpoint)}")
    return sorted(found)


def main() -> None:
    app = create_app(settings("postgresql://nobody@127.0.0.1:1/none"))
    LISTED.write_text("\n".join(lines(app)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
