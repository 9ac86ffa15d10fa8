"""Links to versions by their ids alone, for what knows no more of them: answers and tasks."""

from uuid import UUID

from flask import Blueprint, Response, url_for

from app.agents.repo.versions import VersionRepo
from app.web.access import org_right
from app.web.errors import NotFound
from app.web.identity import require_org
from app.web.render import leave

bp = Blueprint("agent_version_links", __name__, url_prefix="/o/<org>/agents/versions/<uuid:version_id>")


@bp.get("")
@org_right("agents.read")
def show(org: str, version_id: UUID) -> Response:
    """Lead to the page of a version."""
    agent_id, number = _place(version_id)
    return leave(url_for("agent_versions.show", org=org, agent_id=agent_id, number=number))


@bp.get("/changes")
@org_right("agents.read")
def changes(org: str, version_id: UUID) -> Response:
    """Lead to what was changed since a version, drafts included."""
    agent_id, number = _place(version_id)
    where = url_for("agent_versions.difference", org=org, agent_id=agent_id)
    return leave(f"{where}?base={number}&head=draft")


def _place(version_id: UUID) -> tuple[UUID, int]:
    place = VersionRepo().place(require_org().org_id, version_id)
    if place is None:
        raise NotFound
    return place
