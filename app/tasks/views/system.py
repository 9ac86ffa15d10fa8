"""The state of the instance, for platform admins, and a test of its mail server."""

from flask import Blueprint, Response

from app.tasks.forms import TestMailForm
from app.tasks.services.mail import Outcome, send_test_mail
from app.web.access import platform_admin
from app.web.identity import require_visitor
from app.web.readiness import readiness
from app.web.render import render
from app.web.security import settings
from app.web.versions import versions

bp = Blueprint("system", __name__, url_prefix="/platform/system")


@bp.get("")
@platform_admin
def show() -> Response:
    """Every dependency with its state."""
    return _page(TestMailForm(recipient=require_visitor().email))


@bp.post("/test-mails")
@platform_admin
def create() -> Response:
    """Send a test message now, and show what the mail server answers."""
    form = TestMailForm()
    if not form.validate():
        return _page(form, 422)
    return _page(form, outcome=send_test_mail(form.recipient.data, require_visitor().display_name))


def _page(form: TestMailForm, status: int = 200, outcome: Outcome | None = None) -> Response:
    return render(
        "platform/system.html",
        status=status,
        form=form,
        outcome=outcome,
        found=readiness(),
        versions=versions(),
        mail=settings().mail,
    )
