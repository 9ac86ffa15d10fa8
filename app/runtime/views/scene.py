"""What the pages of a conversation are made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask import request, url_for

from app.agents.repo.versions import Draft, VersionRepo
from app.agents.snapshot import Snapshot
from app.runtime.approvals_repo import ApprovalRow, ApprovalsRepo
from app.runtime.forms import SayForm, prompt_variables, read_variables
from app.runtime.repo import RunRow, RunsRepo
from app.runtime.services.approving import may_decide
from app.runtime.services.lineage import with_earlier
from app.threads.access import current_viewer
from app.threads.repo.beside import Beside
from app.threads.repo.messages import MessageRepo
from app.threads.repo.threads import ThreadHead
from app.threads.views.found import seen_thread
from app.threads.views.shown import ShownMessage, shown_messages
from app.web.errors import NotFound
from app.web.identity import require_org, require_visitor

SHOWN = 40
MOST_BRANCHES = 20
MOST_AGENTS = 50
MOST_THREADS = 10
_CHOICES = ("version", "left", "right", "other")
"""The names under which versions are chosen."""
CONVERSED = ("playground", "console")
"""The origins of threads that people go on with in the playground."""


@dataclass(frozen=True)
class ShownApproval:
    """A call to decide, and whether the visitor may."""

    row: ApprovalRow
    may: bool


@dataclass(frozen=True)
class Scene:
    """A conversation: its messages, the branch that is read, the run that writes the last one, or what it waits for.

    `others` are the newest of its other branches, 0 for the main one.
    """

    thread: ThreadHead
    messages: list[ShownMessage]
    older: bool
    branch: int
    run: RunRow | None
    calls: list[ShownApproval]
    others: list[int]

    @property
    def busy(self) -> bool:
        """Whether the last message is still being written, or waits for people."""
        return bool(self.run or self.calls)

    @property
    def told(self) -> int:
        """The number of the last event of the run that waits."""
        return self.calls[-1].row.told if self.calls else 0


def found_draft(agent_id: UUID) -> Draft:
    """The agent of an address that can be talked to. Raises NotFound, also for a deleted one."""
    draft = VersionRepo().draft(require_org().org_id, agent_id)
    if draft is None or draft.agent.deleted_at:
        raise NotFound
    return draft


def found_thread(thread_id: UUID) -> tuple[ThreadHead, Draft]:
    """A conversation of the playground or console that the visitor sees, and its agent. Raises NotFound."""
    thread = seen_thread(thread_id)
    if thread.origin not in CONVERSED or thread.agent_id is None or thread.deleted_at:
        raise NotFound
    return thread, found_draft(thread.agent_id)


def read_scene(thread: ThreadHead) -> Scene:
    """The latest messages of the branch that the address names, of the main one if the thread has no such branch."""
    org_id, branch = require_org().org_id, read_branch(request.values.get("branch"))
    window = MessageRepo().latest(org_id, thread.id, SHOWN, branch)
    if branch and not window.rows:
        window = MessageRepo().latest(org_id, thread.id, SHOWN)
    rows = window.rows if window.older else with_earlier(org_id, thread.id, window.rows)
    files = f"{url_for('thread.show', org=require_org().slug, thread_id=thread.id)}/files"
    status = rows[-1].status if rows else ""
    waiting = ApprovalsRepo().of_message(org_id, rows[-1].id) if status == "waiting" else []
    shown = rows[-1].branch if rows else 0
    branches = [0, *(one.number for one in MessageRepo().branches(org_id, thread.id))]
    return Scene(
        thread=thread,
        messages=shown_messages(thread, rows, Beside(), files),
        older=window.older,
        branch=shown,
        run=RunsRepo().live(org_id, thread.id) if status == "pending" else None,
        calls=shown_approvals(waiting),
        others=[number for number in branches if number != shown][-MOST_BRANCHES:],
    )


def shown_approvals(rows: Sequence[ApprovalRow]) -> list[ShownApproval]:
    """Calls to decide as the visitor sees them."""
    role, user_id = require_org().role, require_visitor().id
    return [ShownApproval(row, row.status == "pending" and may_decide(role, user_id, row)) for row in rows]


def conversation(thread: ThreadHead, draft: Draft, form: SayForm) -> dict[str, Any]:
    """What `playground/show.html` shows."""
    return {"scene": read_scene(thread), "draft": draft, "form": form, "variables": filled(draft, thread)}


def filled(draft: Draft, thread: ThreadHead | None = None) -> dict[str, str]:
    """The variables of those who may answer with what was just sent for them, or else was given last in the thread."""
    names = prompt_variables(*_answering(draft))
    given: Mapping[str, str] = read_variables(request.form, names)
    if names and thread and request.method == "GET":
        given = RunsRepo().last_variables(require_org().org_id, thread.id)
    return {name: given.get(name, "") for name in names}


def _answering(draft: Draft) -> list[Snapshot]:
    """The draft, the newest version, and others that the address or the form names."""
    known = {draft.latest.number: draft.latest} if draft.latest else {}
    given = [request.values.get(name, "") for name in _CHOICES]
    named = {int(text) for text in given if text.isascii() and text.isdigit() and len(text) < 10}
    if named - known.keys():
        known |= VersionRepo().numbered(require_org().org_id, draft.agent.id, list(named))
    return [draft.snapshot, *(version.snapshot for version in known.values())]


def recent_threads() -> dict[str, Any]:
    """What `playground/index.html` shows."""
    org_id, repo = require_org().org_id, RunsRepo()
    return {
        "agents": repo.answering_agents(org_id, MOST_AGENTS),
        "threads": repo.recent_threads(org_id, current_viewer().user_id, MOST_THREADS),
    }


def read_branch(raw: str | None) -> int:
    """The number of a branch in an address; the main one for anything else."""
    return int(raw) if raw and raw.isascii() and raw.isdigit() and len(raw) < 5 else 0
