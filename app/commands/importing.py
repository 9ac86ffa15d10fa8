"""`flask threads import`: the threads of another product's export, as far as they are not there yet."""

from dataclasses import replace
from pathlib import Path
from typing import IO
from uuid import UUID

import click
from flask.cli import AppGroup, with_appcontext

from app.agents.repo.agents import AgentRepo
from app.commands.running import OPERATOR, Address, operating, org_of, user_of
from app.db.scope import use_scope
from app.db.session import transaction
from app.orgs.repo.members import MemberRepo
from app.threads.readers.formats import FORMATS, read_export
from app.threads.services.importing import Destination, Written, batches, write_batch

threads = AppGroup("threads", help="Threads.")

AWAY = "what was stored until now stays; run the command again to go on"


@threads.command("import")
@click.argument("path", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--org", "slug", required=True, help="The organisation (the word after /o/).")
@click.option("--user", "email", type=Address(), required=True, help="The member whose threads they become.")
@click.option("--format", "name", type=click.Choice(list(FORMATS)), help="Told by the content when left out.")
@click.option("--agent", help="The name of the agent they are listed under.")
@click.pass_context
@with_appcontext
def import_file(
    context: click.Context, *, path: Path, slug: str, email: str, name: str | None, agent: str | None
) -> None:
    """Import the threads of FILE, an export of ChatGPT, Claude, Open WebUI or LibreChat, or JSON Lines.

    FILE is JSON, or the ZIP archive as it was downloaded. What cannot be read is listed with its place and the
    reason, and the rest imported. The same file again changes nothing; an interrupted import is gone on with by
    running it again. Exits with 1 if something was left out.
    """
    with operating(AWAY), path.open("rb") as file:
        org_id, to = _destination(path, slug, email, agent)
        use_scope(replace(OPERATOR, org_id=org_id))
        refused = _import(file, name, org_id, to)
    context.exit(1 if refused else 0)


def _destination(path: Path, slug: str, email: str, agent: str | None) -> tuple[UUID, Destination]:
    org, user = org_of(slug), user_of(email)
    use_scope(replace(OPERATOR, org_id=org.id))
    if MemberRepo().role(org.id, user.id) is None:
        raise click.UsageError(f"{email} is not a member of {org.name}.")
    agents = AgentRepo().ids_of(org.id, [agent]) if agent else []
    if agent and not agents:
        raise click.UsageError(f"{org.name} has no agent called {agent}.")
    return org.id, Destination(user.id, agents[0] if agents else None, path.name)


def _import(file: IO[bytes], name: str | None, org_id: UUID, to: Destination) -> int:
    """Import and report; how many entries were left out."""
    size = max(file.seek(0, 2), 1)
    file.seek(0)
    written, refused = Written(), 0
    for batch in batches(read_export(file, name)):
        if batch.threads:
            with transaction():
                written += write_batch(org_id, batch.threads, to)
        refused += len(batch.refused)
        for left_out in batch.refused:
            click.echo(f"{left_out.place}: {left_out.reason}", err=True)
        click.echo(f"{file.tell() * 100 // size} % read, {written.threads + refused:,} threads", err=True)
    click.echo(
        f"{written.added:,} imported, {written.extended:,} got further messages, "
        f"{written.unchanged:,} unchanged, {refused:,} left out; {written.messages:,} messages stored."
    )
    return refused
