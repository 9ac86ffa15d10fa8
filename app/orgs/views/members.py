"""Members of an organisation: list, roles, removal, leaving."""

from uuid import UUID

from flask import Blueprint, Response, url_for

from app.auth.access import recent_password
from app.db.session import transaction
from app.orgs.forms import MEMBERS, ROLE_HINTS, ROLE_WORDS, RoleForm, offer_roles
from app.orgs.repo.members import MemberFacts, MemberRepo
from app.orgs.services.members import (
    change_role,
    leave_org,
    may_reset,
    remove_member,
    reset_member,
)
from app.web.access import manageable_roles, org_right
from app.web.errors import NotFound
from app.web.filters import viewer_zone
from app.web.identity import require_org, require_visitor
from app.web.listing import read_list, show_list
from app.web.render import leave, render, toast
from app.web.trail import came_from

bp = Blueprint("members", __name__, url_prefix="/o/<org>/members")


@bp.get("")
@org_right("members.read")
def index(org: str) -> Response:
    """The list."""
    membership = require_org()
    state = read_list(MEMBERS, viewer_zone().key)
    page = MemberRepo().page(membership.org_id, state)
    return show_list("members/index.html", state, page, manageable=manageable_roles(membership.role))


@bp.get("/<uuid:member_id>")
@org_right("members.read")
def show(org: str, member_id: UUID) -> Response:
    """One member, with what the visitor may change."""
    return _page(_member(member_id), RoleForm())


@bp.post("/<uuid:member_id>/role")
@org_right("members.manage")
def update_role(org: str, member_id: UUID) -> Response:
    """Give the member another role."""
    form = RoleForm()
    if not form.validate():
        return _page(_member(member_id), form, 422)
    with transaction():
        member = change_role(require_org().org_id, member_id, form.role.data)
    toast(f"The role of {member.name} is now {ROLE_WORDS[form.role.data].lower()}.")
    return leave(url_for(".show", org=org, member_id=member_id))


@bp.get("/<uuid:member_id>/remove")
@org_right("members.manage")
def confirm_remove(org: str, member_id: UUID) -> Response:
    """Say what removing the member means."""
    return render("members/remove.html", member=_member(member_id))


@bp.post("/<uuid:member_id>/remove")
@org_right("members.manage")
def remove(org: str, member_id: UUID) -> Response:
    """End the membership."""
    with transaction():
        member = remove_member(require_org().org_id, member_id)
    toast(f"{member.name} no longer belongs to {require_org().name}.")
    return leave(url_for(".index", org=org))


@bp.post("/<uuid:member_id>/resets")
@org_right("owners.manage")
@recent_password
def create_reset(org: str, member_id: UUID) -> Response:
    """Make a reset link for the member, shown this once."""
    with transaction():
        member, link = reset_member(require_org().org_id, member_id)
    crumbs = [
        ("Members", url_for(".index", org=org)),
        (member.name, url_for(".show", org=org, member_id=member_id)),
    ]
    return render("members/reset_link.html", email=member.email, link=link, crumbs=crumbs)


@bp.get("/leave")
@org_right("org.read")
def confirm_leave(org: str) -> Response:
    """Say what leaving means."""
    membership = require_org()
    last_owner = membership.role == "owner" and not MemberRepo().has_other_owner(
        membership.org_id, require_visitor().id
    )
    return render("members/leave.html", last_owner=last_owner)


@bp.post("/leave")
@org_right("org.read")
def leave_organisation(org: str) -> Response:
    """End the visitor's own membership."""
    with transaction():
        leave_org(require_org().org_id)
    toast(f"You have left {require_org().name}.")
    return leave(url_for("home.index"))


def _member(member_id: UUID) -> MemberFacts:
    found = MemberRepo().get(require_org().org_id, member_id)
    if found is None:
        raise NotFound
    return found


def _page(member: MemberFacts, form: RoleForm, status: int = 200) -> Response:
    own = member.user_id == require_visitor().id
    role = require_org().role
    manageable = manageable_roles(role)
    offer_roles(form.role, manageable)
    if not form.is_submitted():
        form.role.data = member.role
    may_manage = member.role in manageable and (not own or role == "owner")
    return render(
        "members/show.html",
        status=status,
        member=member,
        form=form,
        own=own,
        may_manage=may_manage,
        may_reset=role == "owner" and not own and may_reset(member),
        role_hints=ROLE_HINTS,
        trail=came_from(url_for(".index", org=require_org().slug)),
    )
