"""Two versions of an agent on the same messages, side by side: each in a thread of its own, both in the address."""

from operator import itemgetter
from uuid import UUID

from flask import Blueprint, Response, request, url_for

from app.agents.repo.versions import Draft
from app.agents.services.comparing import TextChange
from app.agents.services.differing import text_difference
from app.runtime.forms import DRAFT, MOST_MESSAGE_BYTES, BesideForm
from app.runtime.services.runs import begin_thread, say, stop
from app.runtime.views.asking import acted, asked_by, parts_of, sent
from app.runtime.views.scene import Scene, filled, found_draft, found_thread, read_scene
from app.threads.access import current_viewer
from app.threads.repo.threads import ThreadHead
from app.web.access import org_right, takes_file
from app.web.errors import NotFound
from app.web.identity import require_org
from app.web.render import leave, render

bp = Blueprint("beside", __name__, url_prefix="/o/<org>")
_PAIR = "/playground/<uuid:thread_id>/beside/<uuid:other_id>"


@bp.get("/agents/<uuid:agent_id>/beside")
@org_right("agents.run")
def new(org: str, agent_id: UUID) -> Response:
    """Choose the two versions, and what to say to them."""
    draft, form = found_draft(agent_id), BesideForm()
    form.offer(draft, request.args.get("left"), request.args.get("right"))
    return _page(draft, form)


@bp.post("/agents/<uuid:agent_id>/beside")
@org_right("agents.run")
@takes_file(MOST_MESSAGE_BYTES)
def begin(org: str, agent_id: UUID) -> Response:
    """Begin two threads with the same message."""
    draft, form = found_draft(agent_id), BesideForm()
    form.offer(draft)
    both = asked_by(form, draft)
    if not both:
        return _page(draft, form, status=422)
    org_id, viewer = require_org().org_id, current_viewer()
    begun = sent(
        form, lambda: [begin_thread(org_id, viewer, one, parts_of(form), "playground") for one in both]
    )
    if begun is None:
        return _page(draft, form, status=409)
    return leave(url_for(".show", org=org, thread_id=begun[0].thread_id, other_id=begun[1].thread_id))


@bp.get(_PAIR)
@org_right("agents.run")
def show(org: str, thread_id: UUID, other_id: UUID) -> Response:
    """Both conversations, with the answers that are being written."""
    threads, draft = _found(thread_id, other_id)
    columns, form = [read_scene(thread) for thread in threads], BesideForm()
    form.offer(draft, *map(_version, columns))
    return _page(draft, form, columns)


@bp.post(_PAIR)
@org_right("agents.run")
@takes_file(MOST_MESSAGE_BYTES)
def go_on(org: str, thread_id: UUID, other_id: UUID) -> Response:
    """Say the same to both."""
    threads, draft = _found(thread_id, other_id)
    form = BesideForm()
    form.offer(draft)
    both = asked_by(form, draft)
    if not both:
        return _page(draft, form, [read_scene(thread) for thread in threads], status=422)
    org_id, viewer = require_org().org_id, current_viewer()
    pairs = sorted(zip((thread_id, other_id), both, strict=True), key=itemgetter(0))
    begun = sent(form, lambda: [say(org_id, viewer, each, asked, parts_of(form)) for each, asked in pairs])
    if begun is None:
        return _page(draft, form, [read_scene(thread) for thread in threads], status=409)
    return leave(url_for(".show", org=org, thread_id=thread_id, other_id=other_id))


@bp.post(f"{_PAIR}/stop")
@org_right("agents.run")
def stop_both(org: str, thread_id: UUID, other_id: UUID) -> Response:
    """Stop the answers that are being written."""
    _found(thread_id, other_id)
    place = url_for(".show", org=org, thread_id=thread_id, other_id=other_id)
    return acted(lambda: stop(require_org().org_id, thread_id, other_id), place)


def _found(thread_id: UUID, other_id: UUID) -> tuple[list[ThreadHead], Draft]:
    """Two conversations with one agent. Raises NotFound for any other pair."""
    (left, draft), (right, other) = found_thread(thread_id), found_thread(other_id)
    if left.id == right.id or draft.agent.id != other.agent.id:
        raise NotFound
    return [left, right], draft


def _version(scene: Scene) -> str:
    """Who answered last, as the form names it."""
    number = scene.messages[-1].version if scene.messages else None
    return DRAFT if number is None else str(number)


def _change(columns: list[Scene]) -> TextChange | None:
    """How the last answers differ, if the address asks for it."""
    if "difference" not in request.args or not all(scene.messages for scene in columns):
        return None
    left, right = (_words(scene) for scene in columns)
    return TextChange("What differs from left to right", text_difference(left, right))


def _words(scene: Scene) -> str:
    """What the last message says."""
    return "\n\n".join(part["text"] for part in scene.messages[-1].parts if part["kind"] == "text")


def _side(scene: Scene) -> str:
    version = _version(scene)
    return "Draft" if version == DRAFT else f"Version {version}"


def _page(draft: Draft, form: BesideForm, columns: list[Scene] | None = None, status: int = 200) -> Response:
    shown = columns or []
    return render(
        "playground/beside.html",
        "columns" if request.method == "GET" else "composer",
        status,
        draft=draft,
        form=form,
        action=request.path,
        columns=shown,
        sides=[_side(scene) for scene in shown],
        change=_change(shown) if shown else None,
        variables=filled(draft, shown[0].thread if shown else None),
    )
