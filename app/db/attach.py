"""Commands bring the embedded server with them: the first connection starts it, unless it runs already."""

from pathlib import Path

import click
from flask import Flask
from sqlalchemy import event

from app.db.base import db
from app.db.embedded.errors import EmbeddedError
from app.db.embedded.postgres import EmbeddedPostgres

_ATTACHED = "app.db.attach"


def register(app: Flask, data_dir: Path) -> None:
    """Have every engine of the application attach to the server of `data_dir` while a command runs.

    A command that cannot have the server ends with the reason as a ClickException.
    """

    def attach(*_connection: object) -> None:
        context = click.get_current_context(silent=True)
        if context is None or _ATTACHED in context.meta:
            return
        context.meta[_ATTACHED] = True
        try:
            context.find_root().with_resource(EmbeddedPostgres(data_dir).attached())
        except EmbeddedError as error:
            raise click.ClickException(str(error)) from None

    with app.app_context():
        for engine in db.engines.values():
            event.listen(engine, "do_connect", attach)
