"""What became of an organisation's mail."""

from flask import Blueprint, Response

from app.tasks.forms import MAIL_LOG
from app.tasks.repo.mail import DeliveryRepo
from app.web.access import org_right
from app.web.filters import viewer_zone
from app.web.identity import require_org
from app.web.listing import read_list, show_list
from app.web.mail import mail_is_on

bp = Blueprint("mail", __name__, url_prefix="/o/<org>/mail")


@bp.get("")
@org_right("invitations.manage")
def index(org: str) -> Response:
    """The messages that match the address, newest first; never what they say."""
    state = read_list(MAIL_LOG, viewer_zone().key)
    page = DeliveryRepo().page(require_org().org_id, state)
    return show_list("mail/index.html", state, page, mail_is_on=mail_is_on())
