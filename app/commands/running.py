"""What every changing command shares: one transaction, the operator as actor, mistakes in one sentence."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import wraps
from typing import Any
from uuid import UUID

import click
from flask.cli import with_appcontext
from sqlalchemy.exc import DataError, ProgrammingError

from app.auth.models import User
from app.auth.repo.users import UserRepo
from app.db.scope import Scope, use_scope
from app.db.session import transaction
from app.orgs.models import Org
from app.orgs.repo.orgs import OrgRepo
from app.web.addresses import MAX_LENGTH, read_address
from app.web.errors import DATABASE_AWAY

OPERATOR = Scope(actor_label="command line")


class Address(click.ParamType[str]):
    """An e-mail address, in its stored spelling."""

    name = "address"

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> str:
        """The address, or a usage error."""
        address = read_address(value) if len(value) <= MAX_LENGTH else None
        if address is None:
            self.fail(f"{value!r} is not one e-mail address, such as ana@example.com.", param, context)
        return address


class Line(click.ParamType[str]):
    """A text on one line, neither empty nor too long."""

    name = "text"

    def __init__(self, longest: int) -> None:
        self.longest = longest

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> str:
        """The text without spaces around it, or a usage error."""
        text = str(value).strip()
        if not text or len(text) > self.longest or not text.isprintable():
            self.fail(f"use 1 to {self.longest} printable characters on one line.", param, context)
        return text


@contextmanager
def operating(away: str = "nothing was changed") -> Iterator[None]:
    """Act as the operator; `away` says what that means for the work if the database does not answer."""
    use_scope(OPERATOR)
    try:
        yield
    except DATABASE_AWAY:
        raise click.ClickException(f"The database does not answer; {away}.") from None
    except (ProgrammingError, DataError):
        raise click.ClickException(
            "The database is not up to date: run `flask --app wsgi db upgrade` first."
        ) from None


def changes(command: Callable[..., str]) -> Callable[..., None]:
    """Run a command in one transaction and print what it returns once that is committed."""

    @with_appcontext
    @wraps(command)
    def run(*arguments: Any, **options: Any) -> None:
        with operating(), transaction():
            said = command(*arguments, **options)
        click.echo(said)

    return run


def user_of(email: str) -> User:
    """The account with this address, or a usage error."""
    user = UserRepo().for_email(email)
    if user is None:
        raise click.UsageError(f"There is no account with the address {email}.")
    return user


def enter(slug: str) -> UUID:
    """Act in the organisation with this address part from now on; its id, or a usage error."""
    org_id = org_of(slug).id
    use_scope(replace(OPERATOR, org_id=org_id))
    return org_id


def org_of(slug: str) -> Org:
    """The organisation with this address part, or a usage error."""
    org = OrgRepo().for_slug(slug)
    if org is None:
        raise click.UsageError(f"There is no organisation {slug!r}; it is the word after /o/ in its address.")
    return org
