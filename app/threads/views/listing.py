"""The list of threads."""

from flask import Blueprint, Response, request, url_for

from app.db.terms import clean
from app.threads.access import current_viewer
from app.threads.repo.listed import ThreadListRepo
from app.threads.repo.threads import ThreadRepo
from app.threads.views.spec import current_spec
from app.web.access import org_right
from app.web.filters import viewer_zone
from app.web.identity import require_org
from app.web.listing import pasted_id, read_list, show_list
from app.web.render import leave

bp = Blueprint("threads", __name__, url_prefix="/o/<org>/threads")


@bp.get("")
@org_right("threads.read")
def index(org: str) -> Response:
    """The threads that match the address; a pasted id, sent with Enter, leads to its thread."""
    org_id, viewer = require_org().org_id, current_viewer()
    jump = pasted_id("thr", clean(request.args.get("q", "")))
    if jump and ThreadRepo().get(org_id, viewer, jump):
        return leave(f"{url_for('.index', org=org)}/{jump}")
    state = read_list(current_spec(), viewer_zone().key)
    repo = ThreadListRepo()
    looked = repo.page(org_id, viewer, state)
    none_yet = looked.page.total == 0 and not state.filtered and not repo.any(org_id, viewer)
    return show_list(
        "threads/index.html",
        state,
        looked.page,
        cut_off=looked.cut_off,
        none_yet=none_yet,
    )
