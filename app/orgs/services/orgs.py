"""Creating, changing and deleting organisations."""

from typing import Any
from uuid import UUID

from app.audit.services import record
from app.auth.repo.links import ResetRepo
from app.db.scope import in_org
from app.orgs.models import Org
from app.orgs.repo.members import MemberRepo
from app.orgs.repo.orgs import OrgRepo
from app.web.errors import NotFound


def create_org(name: str, owner_id: UUID) -> Org:
    """Store an organisation with its first owner, whose reset links end, in the caller's transaction."""
    org = OrgRepo().add(name)
    with in_org(org.id):
        MemberRepo().add(org.id, owner_id, "owner")
        ResetRepo().withdraw(owner_id)
        record("org.create", "org", org.id, org.name, after={"name": org.name, "slug": org.slug})
    return org


def update_org(org_id: UUID, **values: str) -> Org:
    """Change `name`, `slug` or `time_zone`, in the caller's transaction. Raises SlugTaken."""
    repo = OrgRepo()
    org = repo.lock(org_id)
    if org is None:
        raise NotFound
    before = _facts(org)
    time_zone = values.pop("time_zone", None)
    if time_zone is not None:
        org.settings = {**org.settings, "time_zone": time_zone}
    for column, value in values.items():
        setattr(org, column, value)
    repo.save(org)
    changed = {key for key, value in _facts(org).items() if value != before[key]}
    if changed:
        record(
            "org.update",
            "org",
            org.id,
            org.name,
            before={key: before[key] for key in changed},
            after={key: value for key, value in _facts(org).items() if key in changed},
        )
    return org


def delete_org(org_id: UUID) -> None:
    """Delete the organisation with every row of it, in the caller's transaction; an event outside it stays."""
    repo = OrgRepo()
    org = repo.lock(org_id)
    if org is None:
        raise NotFound
    counts = {table: count for table, count in repo.counts(org_id).items() if count}
    with in_org(None):
        record("org.delete", "org", org.id, org.name, before={**_facts(org), "rows": counts})
    repo.remove(org_id)


def _facts(org: Org) -> dict[str, Any]:
    return {"name": org.name, "slug": org.slug, "time_zone": org.settings.get("time_zone")}
