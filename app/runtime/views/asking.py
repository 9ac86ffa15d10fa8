"""From the form of a message to what is asked of whom."""

from collections.abc import Callable
from typing import TypeVar

from flask import Response, request

from app.agents.repo.versions import Draft, VersionRepo
from app.db.session import transaction
from app.knowledge.forms import clean_name
from app.runtime.forms import DRAFT, SayForm, prompt_variables, read_variables
from app.runtime.services.runs import Asked
from app.threads.parts import Part, TextPart
from app.threads.services.pictures import store_picture
from app.web.errors import NotFound, Refusal
from app.web.identity import require_org
from app.web.render import is_htmx, refresh, toast

Sent = TypeVar("Sent")


def sent(form: SayForm, act: Callable[[], Sent]) -> Sent | None:
    """What `act`, in one transaction, answers; None if it is refused as things stand, which the form says then."""
    try:
        with transaction():
            return act()
    except Refusal as refusal:
        if refusal.status != 409:
            raise
        form.message.errors = [refusal.message]
        return None


def acted(act: Callable[[], object], place: str, done: str = "") -> Response:
    """Do what changes an answer, say that it is `done`, and show `place`.

    If it is refused as things stand, htmx is told why there, too. Raises Refusal otherwise.
    """
    try:
        with transaction():
            act()
    except Refusal as refusal:
        if refusal.status != 409 or not is_htmx():
            raise
        toast(refusal.message, "warning")
    else:
        if done:
            toast(done)
    return refresh(place)


def asked_by(form: SayForm, draft: Draft) -> list[Asked]:
    """Whom the form asks, with the variables that were filled in; nobody if it is wrong, which it says.

    It is wrong if a variable has no value, too. Raises NotFound for a version that is gone.
    """
    valid = form.validate_on_submit()
    if form.errors.keys() & {"version", "other"}:
        return []
    versions = form.versions()
    numbers = [int(version) for version in versions if version != DRAFT]
    found = VersionRepo().numbered(require_org().org_id, draft.agent.id, numbers) if numbers else {}
    if not found.keys() >= set(numbers):
        raise NotFound
    chosen = [None if version == DRAFT else found[int(version)] for version in versions]
    snapshots = [one.snapshot if one else draft.snapshot for one in chosen]
    names = prompt_variables(*snapshots)
    if lacking := [name for name in names if name not in read_variables(request.form, names)]:
        form.lack(lacking)
    if lacking or not valid:
        return []
    return [
        Asked(
            draft.agent.id, one.id if one else None, read_variables(request.form, prompt_variables(snapshot))
        )
        for one, snapshot in zip(chosen, snapshots, strict=True)
    ]


def parts_of(form: SayForm) -> tuple[Part, ...]:
    """The message as a person wrote it, with the pictures, which are stored."""
    files = [file for file in form.pictures.data or () if file and file.filename]
    pictures = [store_picture(require_org().org_id, file.stream, clean_name(file.filename)) for file in files]
    return (TextPart(text=form.message.data), *pictures)
