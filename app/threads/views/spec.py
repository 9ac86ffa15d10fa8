"""Who looks at the threads of this request, and what their list can be searched, filtered and sorted by."""

from collections.abc import Sequence
from uuid import UUID

from flask import request
from werkzeug.datastructures import MultiDict

from app.threads.forms import thread_list
from app.threads.repo.choices import ThreadChoiceRepo
from app.threads.repo.threads import Viewer
from app.web.access import role_has
from app.web.identity import require_org, require_visitor
from app.web.listing import ListSpec

MOST_ASKED = 50


def current_viewer() -> Viewer:
    """The person behind the request, with what their role lets them see."""
    return Viewer(require_visitor().id, sees_all=role_has(require_org().role, "threads.read_all"))


def current_spec(args: MultiDict[str, str] | None = None) -> ListSpec:
    """The list's rules with the agents, people and tags of the day, and those that the address names."""
    args = request.args if args is None else args
    asked = {key: _ids(args.getlist(key)) for key in ("agent", "user")}
    choices = ThreadChoiceRepo().choices(
        require_org().org_id, current_viewer(), asked["agent"], asked["user"]
    )
    return thread_list(choices, args.getlist("tag")[:MOST_ASKED])


def _ids(values: Sequence[str]) -> list[UUID]:
    """Those of the values that are ids, a leading minus left out."""
    found = []
    for value in values[:MOST_ASKED]:
        try:
            found.append(UUID(value.removeprefix("-")))
        except ValueError:
            continue
    return found
