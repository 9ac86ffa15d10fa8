"""Versions of an agent: published, listed, shown, compared, restored."""

from uuid import UUID

from flask import Blueprint, Response, request, url_for

from app.agents.forms.versions import VERSION_LIST, PublishForm, read_side
from app.agents.repo.versions import Draft, VersionRepo, VersionRow
from app.agents.services.agents import Stale
from app.agents.services.comparing import compare, setting_words
from app.agents.services.evaluations import gate_fault
from app.agents.services.restoring import missing_words, restore
from app.agents.services.versions import GateClosed, NothingNew, editable_draft, found_draft, publish
from app.agents.snapshot import Snapshot
from app.connections.services.targets import target_fault
from app.db.session import transaction
from app.tools.forms.single import APPROVAL_WORDS
from app.tools.services.described import described
from app.web.access import org_right
from app.web.errors import NotFound, Refusal
from app.web.filters import viewer_zone
from app.web.identity import require_org
from app.web.listing import read_list, show_list
from app.web.render import can, leave, render, toast

bp = Blueprint("agent_versions", __name__, url_prefix="/o/<org>/agents/<uuid:agent_id>")
MOST_OFFERED = 200
AGAIN = (
    "Somebody changed this agent in the meantime. Look at the changes below: theirs will be published, too."
)
CHANGED = "Somebody changed this agent in the meantime. Look at the draft again first."
SIDES = "Compare two versions by their numbers, or one with the draft, such as ?base=2&head=draft."


@bp.get("/versions")
@org_right("agents.read")
def index(org: str, agent_id: UUID) -> Response:
    """The versions of an agent, newest first."""
    org_id = require_org().org_id
    draft = found_draft(org_id, agent_id)
    state = read_list(VERSION_LIST, viewer_zone().key)
    page = VersionRepo().page(org_id, agent_id, state)
    return show_list("versions/index.html", state, page, draft=draft)


@bp.get("/versions/<int:number>")
@org_right("agents.read")
def show(org: str, agent_id: UUID, number: int) -> Response:
    """What a version holds, and what of it is gone by now."""
    org_id = require_org().org_id
    draft = found_draft(org_id, agent_id)
    version = _version(agent_id, number)
    missing = missing_words(version.snapshot, VersionRepo().present(org_id, version.snapshot))
    return render(
        "versions/show.html",
        draft=draft,
        version=version,
        missing=missing,
        limits=setting_words(version.snapshot.settings),
        tools=described(org_id, version.snapshot.tools),
        approvals=APPROVAL_WORDS,
    )


@bp.get("/publish")
@org_right("agents.edit")
def review(org: str, agent_id: UUID) -> Response:
    """What publishing would change, and the form for it."""
    draft = editable_draft(require_org().org_id, agent_id)
    return _review(PublishForm(lock_version=draft.agent.lock_version), draft)


@bp.post("/publish")
@org_right("agents.edit")
def create(org: str, agent_id: UUID) -> Response:
    """Publish the draft that the form was opened with; any other is shown first, with what was typed."""
    form, org_id = PublishForm(), require_org().org_id
    if not form.validate():
        return _review(form, editable_draft(org_id, agent_id), 422)
    try:
        with transaction():
            given = (form.version(), form.note.data, form.name.data)
            version = publish(org_id, agent_id, *given, anyway=_anyway(form))
    except (GateClosed, NothingNew):
        return _review(form, editable_draft(org_id, agent_id), 409)
    except Stale:
        draft = editable_draft(org_id, agent_id)
        form.lock_version.data = str(draft.agent.lock_version)
        form.form_errors.append(AGAIN)
        return _review(form, draft, 409)
    toast(f"Published as version {version.number}.")
    return leave(url_for("agents.show", org=org, agent_id=agent_id))


@bp.get("/compare")
@org_right("agents.read")
def difference(org: str, agent_id: UUID) -> Response:
    """What differs between two versions, or one and the draft: by default, since the latest version."""
    org_id = require_org().org_id
    draft = found_draft(org_id, agent_id)
    if draft.latest is None:
        return render("versions/compare.html", draft=draft, comparison=None)
    before, after = _side("base", draft.latest.number), _side("head", None)
    found = VersionRepo().numbered(org_id, agent_id, [side for side in (before, after) if side])
    return render(
        "versions/compare.html",
        draft=draft,
        comparison=compare(_chosen(before, draft, found), _chosen(after, draft, found)),
        sides=(before, after),
        found=found,
        offered=VersionRepo().numbers(org_id, agent_id, MOST_OFFERED),
    )


@bp.post("/versions/<int:number>/restore")
@org_right("agents.edit")
def take_back(org: str, agent_id: UUID, number: int) -> Response:
    """Make a version the draft; a draft that equals no version is published first."""
    lock_version = PublishForm().version()
    try:
        with transaction():
            restored = restore(require_org().org_id, agent_id, number, lock_version)
    except Stale as stale:
        raise Refusal(409, CHANGED) from stale
    kept = f" The former draft is version {restored.kept}." if restored.kept else ""
    toast(f"Version {number} is the draft now.{kept}")
    for words in restored.missing:
        toast(words, "warning")
    return leave(url_for("agents.edit", org=org, agent_id=agent_id))


def _review(form: PublishForm, draft: Draft, status: int = 200) -> Response:
    comparison = compare(draft.latest.snapshot, draft.snapshot) if draft.latest else None
    fault = gate_fault(draft.agent.org_id, draft) if draft.changed else ""
    silent = target_fault(draft.agent.org_id, draft.snapshot.provider, draft.snapshot.model)
    shown = {"form": form, "draft": draft, "comparison": comparison, "fault": fault, "silent": silent}
    return render("versions/publish.html", "form", status, **shown)


def _anyway(form: PublishForm) -> bool:
    """Whether cases that do not pass are passed over, which admins may. Raises Refusal 403 for others."""
    if form.anyway.data and not can("settings.manage"):
        raise Refusal(403, "Only admins and owners publish what does not pass.")
    return bool(form.anyway.data)


def _version(agent_id: UUID, number: int) -> VersionRow:
    version = VersionRepo().numbered(require_org().org_id, agent_id, [number]).get(number)
    if version is None:
        raise NotFound
    return version


def _side(name: str, missing: int | None) -> int | None:
    text = request.args.get(name, "")
    try:
        return read_side(text) if text else missing
    except ValueError as error:
        raise Refusal(422, SIDES) from error


def _chosen(side: int | None, draft: Draft, found: dict[int, VersionRow]) -> Snapshot:
    if side is None:
        return draft.snapshot
    if side not in found:
        raise NotFound
    return found[side].snapshot
