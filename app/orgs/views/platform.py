"""The instance: its accounts, organisations and sessions."""

from uuid import UUID

from flask import Blueprint, Response, request, url_for

from app.auth.access import recent_password
from app.auth.repo.directory import AccountRow, DirectoryRepo
from app.auth.services.devices import device_name
from app.db.session import transaction
from app.orgs.forms import ACCOUNTS, ALL_ORGS, SIGN_INS
from app.orgs.repo.orgs import OrgRepo
from app.orgs.repo.platform import PlatformRepo
from app.orgs.services.platform import (
    disable,
    enable,
    end_sign_in,
    remove_second_factor,
    reset_for,
    set_default_org,
    set_platform_role,
)
from app.web.access import platform_admin
from app.web.errors import NotFound, Refusal
from app.web.filters import viewer_zone
from app.web.listing import read_list, show_list
from app.web.render import leave, render, toast

bp = Blueprint("platform", __name__, url_prefix="/platform")


@bp.get("")
@platform_admin
def index() -> Response:
    """The first of the pages."""
    return leave(url_for(".users"))


@bp.get("/users")
@platform_admin
def users() -> Response:
    """All accounts."""
    state = read_list(ACCOUNTS, viewer_zone().key)
    return show_list("platform/users.html", state, DirectoryRepo().accounts(state))


@bp.get("/users/<uuid:user_id>")
@platform_admin
def user(user_id: UUID) -> Response:
    """One account, with what can be done to it."""
    return render("platform/user.html", account=_account(user_id))


@bp.post("/users/<uuid:user_id>/<any(disable, enable, promote, demote):act>")
@platform_admin
def update_user(user_id: UUID, act: str) -> Response:
    """Shut or open the account, make it an administrator or take that away."""
    with transaction():
        if act == "disable":
            email, done = disable(user_id).email, "is disabled; all its sessions have ended"
        elif act == "enable":
            email, done = enable(user_id).email, "is enabled"
        elif act == "promote":
            email, done = set_platform_role(user_id, "ADMIN").email, "is an administrator now"
        else:
            email, done = set_platform_role(user_id, "GUEST").email, "is no longer an administrator"
    toast(f"{email} {done}.")
    return leave(url_for(".user", user_id=user_id))


@bp.post("/users/<uuid:user_id>/resets")
@platform_admin
@recent_password
def create_reset(user_id: UUID) -> Response:
    """Make a reset link, shown this once."""
    with transaction():
        person, link = reset_for(user_id)
    crumbs = [("Users", url_for(".users")), (person.email, url_for(".user", user_id=user_id))]
    return render("members/reset_link.html", email=person.email, link=link, crumbs=crumbs)


@bp.post("/users/<uuid:user_id>/second-factor/remove")
@platform_admin
@recent_password
def remove_factor(user_id: UUID) -> Response:
    """Take away the second factor of somebody who lost it."""
    with transaction():
        person = remove_second_factor(user_id)
    toast(f"{person.email} has no second factor any more; all its sessions have ended.")
    return leave(url_for(".user", user_id=user_id))


@bp.get("/orgs")
@platform_admin
def orgs() -> Response:
    """All organisations."""
    state = read_list(ALL_ORGS, viewer_zone().key)
    default_org_id = PlatformRepo().default_org_id()
    return show_list("platform/orgs.html", state, OrgRepo().page(state), default_org_id=default_org_id)


@bp.post("/default-org")
@platform_admin
def update_default_org() -> Response:
    """Name the organisation that new accounts join, or none."""
    given = request.form.get("org_id", "")
    try:
        org_id = UUID(given) if given else None
    except ValueError:
        raise Refusal(422, "Choose an organisation of the list.") from None
    with transaction():
        set_default_org(org_id)
    toast(
        "New accounts join it from now on." if org_id else "New accounts join no organisation by themselves."
    )
    return leave(url_for(".orgs"))


@bp.get("/sessions")
@platform_admin
def sessions() -> Response:
    """All live sessions."""
    state = read_list(SIGN_INS, viewer_zone().key)
    page = DirectoryRepo().sign_ins(state)
    return show_list("platform/sessions.html", state, page, device_name=device_name)


@bp.post("/sessions/<uuid:session_id>/revoke")
@platform_admin
def revoke(session_id: UUID) -> Response:
    """End one."""
    with transaction():
        end_sign_in(session_id)
    toast("The session has ended.")
    return leave(url_for(".sessions"))


def _account(user_id: UUID) -> AccountRow:
    found = DirectoryRepo().account(user_id)
    if found is None:
        raise NotFound
    return found
