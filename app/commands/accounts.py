"""`flask users ...`, `flask orgs ...` and `flask api-keys ...`."""

from datetime import timedelta
from uuid import UUID

import click
from flask.cli import AppGroup

from app.audit.services import record
from app.auth.models import User
from app.auth.services.passwords import hash_password, password_problem
from app.auth.services.resets import issue_reset
from app.commands.running import Address, Line, changes, org_of, user_of
from app.db.scope import in_org
from app.orgs.models import ORG_ROLES
from app.orgs.repo.members import MemberRepo
from app.orgs.services.accounts import AddressTaken, NewAccount, create_user
from app.orgs.services.api_keys import create_api_key
from app.orgs.services.orgs import create_org
from app.orgs.services.platform import remove_second_factor
from app.web.access import SCOPES
from app.web.errors import Refusal

users = AppGroup("users", help="Accounts.")
orgs = AppGroup("orgs", help="Organisations.")
api_keys = AppGroup("api-keys", help="Keys of programs.")

MEMBER_ROLES = click.Choice(list(reversed(ORG_ROLES)))


def _accepted(context: click.Context, _parameter: click.Parameter, password: str) -> str:
    problem = password_problem(password, context.params["email"])
    if problem:
        raise click.BadParameter(problem)
    return password


@users.command("create")
@click.argument("email", type=Address(), is_eager=True)  # known when the password is judged
@click.option("--first-name", type=Line(255))
@click.option("--last-name", type=Line(255))
@click.option("--admin", is_flag=True, help="Make it a platform admin.")
@click.option("--org", "slug", help="Also a member of this organisation (the word after /o/).")
@click.option("--role", type=MEMBER_ROLES, default="member", show_default=True, help="The role there.")
@click.password_option(callback=_accepted, help="Asked for when left out.")
@changes
def create_account(*, slug: str | None, role: str, admin: bool, password: str, **who: str) -> str:
    """Create an account that signs in with EMAIL and a password."""
    org = org_of(slug) if slug else None
    platform_role, password_hash = "ADMIN" if admin else "GUEST", hash_password(password)
    account = NewAccount(**who, role=platform_role, password_hash=password_hash, proven=True)
    try:
        user = create_user(account)
    except AddressTaken:
        raise click.UsageError(f"An account with the address {account.email} exists.") from None
    if org:
        _join(org.id, user, role)
    return f"Created the account {user.email}."


def _join(org_id: UUID, user: User, role: str) -> None:
    with in_org(org_id):
        if not MemberRepo().add(org_id, user.id, role):  # a member by default already
            MemberRepo().set_role(org_id, user.id, role)
        record("member.add", "user", user.id, user.email, after={"role": role})


@users.command("reset-password")
@click.argument("email", type=Address())
@changes
def reset_account(*, email: str) -> str:
    """Print a link that lets EMAIL choose a new password, once, within 60 minutes."""
    return issue_reset(user_of(email))


@users.command("remove-second-factor")
@click.argument("email", type=Address())
@changes
def remove_factor(*, email: str) -> str:
    """Let EMAIL, who lost authenticator and recovery codes, sign in without a code; ends the account's sessions."""
    try:
        remove_second_factor(user_of(email).id)
    except Refusal:
        raise click.UsageError(f"The account {email} has no second factor.") from None
    return f"Removed the second factor of {email}."


@orgs.command("create")
@click.argument("name", type=Line(120))
@click.option("--owner", type=Address(), required=True, help="The address of the account that owns it.")
@changes
def create_organisation(*, name: str, owner: str) -> str:
    """Create the organisation NAME."""
    org = create_org(name, user_of(owner).id)
    return f"Created the organisation {org.name} at /o/{org.slug}."


@api_keys.command("create")
@click.argument("name", type=Line(120))
@click.option("--org", "slug", required=True, help="The organisation (the word after /o/).")
@click.option("--user", "email", type=Address(), required=True, help="The member it acts for.")
@click.option("--days", type=click.IntRange(1, 3650), help="How long it works; for ever when left out.")
@click.option(
    "--scope", "scopes", multiple=True, type=click.Choice(list(SCOPES)), help="Every one when left out."
)
@changes
def create_key(*, name: str, slug: str, email: str, days: int | None, scopes: tuple[str, ...]) -> str:
    """Create a key called NAME and print it. It is not shown again."""
    org, user = org_of(slug), user_of(email)
    with in_org(org.id):
        if MemberRepo().role(org.id, user.id) is None:
            raise click.UsageError(f"{email} is not a member of {org.name}.")
        life = timedelta(days=days) if days else None
        return create_api_key(org.id, user.id, name, scopes or tuple(SCOPES), life).secret
