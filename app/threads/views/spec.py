"""What the list of threads of this request can be searched, filtered and sorted by."""

from flask import url_for
from werkzeug.datastructures import MultiDict

from app.threads.access import current_viewer
from app.threads.forms import asked_list
from app.web.identity import require_org
from app.web.listing import ListSpec
from app.web.saved import parameters


def current_spec(args: MultiDict[str, str] | None = None) -> ListSpec:
    """The list's rules with the agents, people and tags of the day, and those that the address names."""
    args = parameters(url_for("threads.index", org=require_org().slug)) if args is None else args
    return asked_list(require_org().org_id, current_viewer(), args)
