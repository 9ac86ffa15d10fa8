"""The log of an organisation's mail, and the form of a test message."""

from flask_wtf import FlaskForm

from app.web.fields import address_field
from app.web.listing import Facet, ListSpec

MAIL_STATES = {"sent": "Sent", "waiting": "Waiting", "failed": "Failed"}
MAIL_LOG = ListSpec(
    sorts={"at": "time", "to": "recipient"},
    default_sort="-at",
    facets={"status": Facet("Status", MAIL_STATES)},
    dates={"at": "Written"},
)


class TestMailForm(FlaskForm):
    """Where the test message goes."""

    recipient = address_field("Send to")
