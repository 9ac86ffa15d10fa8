"""Mail as rows of the caller's transaction: sent if and only if the change behind it is committed."""

from typing import Any

import orjson
from sqlalchemy import insert

from app.db.base import db
from app.db.scope import current_scope
from app.db.tables import EmailOutbox


def queue_email(recipient: str, template: str, subject: str, context: dict[str, Any]) -> None:
    """Have the worker send `templates/email/<template>.txt` and `.html`, rendered with `context`, to one address.

    The row belongs to the organisation of the scope, if there is one. `context` is stored encrypted.
    """
    db.session.execute(
        insert(EmailOutbox).values(
            org_id=current_scope().org_id,
            recipient=recipient,
            template=template,
            subject=subject,
            context=orjson.dumps(context).decode(),
        )
    )
