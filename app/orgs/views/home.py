"""The start page, and the home of an organisation."""

from flask import Blueprint, Response, request, url_for

from app.db.session import transaction
from app.orgs.services.home import CARDS, dismiss_card, read_home
from app.web.access import org_right, role_has, signed_in
from app.web.errors import NotFound, Refusal
from app.web.identity import require_org, require_visitor
from app.web.render import leave, render
from app.web.security import settings

bp = Blueprint("home", __name__)
LAST_ORG = "last_org"
_YEAR = 365 * 24 * 3600


@bp.get("/")
@signed_in
def index() -> Response:
    """Lead to the organisation used last, else the first, else offer to create one."""
    orgs = require_visitor().memberships
    if not orgs:
        return render("home/none.html")
    last = request.cookies.get(LAST_ORG)
    org = next((org for org in orgs if org.slug == last), orgs[0])
    return leave(url_for(".show", org=org.slug))


@bp.get("/o/<org>")
@org_right("org.read")
def show(org: str) -> Response:
    """Set-up cards and what the organisation holds."""
    membership = require_org()
    response = render("home/show.html", home=read_home(membership))
    if request.cookies.get(LAST_ORG) != membership.slug:
        secure = settings().secure
        response.set_cookie(
            LAST_ORG, membership.slug, max_age=_YEAR, secure=secure, httponly=True, samesite="Lax"
        )
    return response


@bp.post("/o/<org>/cards/<card>/dismiss")
@org_right("org.read")
def dismiss(org: str, card: str) -> Response:
    """Show a set-up card no more; whoever may do what it proposes may dismiss it."""
    if card not in CARDS:
        raise NotFound
    if not role_has(require_org().role, CARDS[card]):
        raise Refusal(403, "Only those who may do what the card proposes can dismiss it.")
    with transaction():
        dismiss_card(require_org().org_id, card)
    return leave(url_for(".show", org=org))
