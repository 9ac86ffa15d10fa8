"""Mail as rows of the caller's transaction: sent if and only if the change behind it is committed."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import orjson
from flask import current_app
from psycopg import Connection
from sqlalchemy import func, insert, text

from app.db.base import db
from app.db.scope import current_scope
from app.db.tables import EmailOutbox

CHANNEL = "agentpress_mail"


def queue_email(recipient: str, template: str, subject: str, context: dict[str, Any]) -> None:
    """Have the worker send `templates/email/<template>.txt` and `.html`, rendered with `context`, to one address.

    The row belongs to the organisation of the scope, if there is one. `context` is stored encrypted until the message
    is sent. Without a mail server the row only notes that nothing was sent, and keeps no context.
    """
    row: dict[str, Any] = {
        "org_id": current_scope().org_id,
        "recipient": recipient,
        "template": template,
        "subject": subject,
    }
    if current_app.extensions["settings"].mail is None:
        row |= {"failed_at": func.now(), "error": "Mail is off: MAIL_SERVER is not set."}
    else:
        row |= {"context": orjson.dumps(context).decode()}
    db.session.execute(insert(EmailOutbox).values(**row))
    db.session.execute(text(f"NOTIFY {CHANNEL}"))


@contextmanager
def mail_bell() -> Iterator[Connection[Any]]:
    """A connection that becomes readable when a transaction with mail in it is committed."""
    fairy = db.engine.raw_connection()
    try:
        connection = cast("Connection[Any]", fairy.dbapi_connection)
        connection.autocommit = True
        connection.execute(f"LISTEN {CHANNEL}")
        yield connection
    finally:
        fairy.invalidate()
