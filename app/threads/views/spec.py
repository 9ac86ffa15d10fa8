"""What the list of threads of this request can be searched, filtered and sorted by."""

from flask import url_for
from werkzeug.datastructures import MultiDict

from app.threads.access import current_viewer
from app.threads.forms import thread_list
from app.threads.repo.choices import ThreadChoiceRepo
from app.web.identity import require_org
from app.web.listing import ListSpec
from app.web.params import filter_ids
from app.web.saved import parameters

MOST_ASKED = 50


def current_spec(args: MultiDict[str, str] | None = None) -> ListSpec:
    """The list's rules with the agents, people and tags of the day, and those that the address names."""
    args = parameters(url_for("threads.index", org=require_org().slug)) if args is None else args
    asked = {key: filter_ids(args.getlist(key)[:MOST_ASKED]) for key in ("agent", "user")}
    choices = ThreadChoiceRepo().choices(
        require_org().org_id, current_viewer(), asked["agent"], asked["user"]
    )
    return thread_list(choices, args.getlist("tag")[:MOST_ASKED])
