"""`flask seed demo`: the sample data from the command line."""

import click
from flask.cli import AppGroup

from app.analytics.services.samples import add_samples, remove_samples
from app.commands.running import changes, org_of
from app.db.scope import in_org
from app.orgs.models import Org
from app.orgs.repo.orgs import OrgRepo

seed = AppGroup("seed", help="Sample data.")


def _org(slug: str | None) -> Org:
    if slug:
        return org_of(slug)
    only = OrgRepo().only()
    if only is None:
        raise click.UsageError(
            "Name the organisation with --org: there is not exactly one. "
            "A new instance is claimed first, at the address `flask --app wsgi setup-link` prints."
        )
    return only


@seed.command()
@click.option(
    "--org", "slug", help="The organisation (the word after /o/); may be left out if there is one only."
)
@click.option("--remove", is_flag=True, help="Delete the samples instead.")
@changes
def demo(*, slug: str | None, remove: bool) -> str:
    """Add five sample agents and their threads to an organisation; those that are there stay as they are."""
    org = _org(slug)
    with in_org(org.id):
        changed = remove_samples(org.id) if remove else add_samples(org.id)
    done, way = ("Deleted", "from") if remove else ("Added", "to")
    return f"{done} {changed.agents} sample agents and {changed.threads} sample threads {way} {org.name}."
