"""What the visitor of this request may see of the organisation's threads."""

from app.threads.repo.threads import Viewer
from app.web.access import role_has
from app.web.identity import require_org, require_visitor


def current_viewer() -> Viewer:
    """The signed-in member; owners and admins see everyone's threads."""
    return Viewer(require_visitor().id, sees_all=role_has(require_org().role, "threads.read_all"))
