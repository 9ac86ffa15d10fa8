"""From the form of a message to what is asked of whom."""

from collections.abc import Callable
from typing import TypeVar

from flask import request

from app.agents.repo.versions import Draft, VersionRepo
from app.agents.snapshot import Snapshot
from app.db.session import transaction
from app.knowledge.forms import clean_name
from app.runtime.forms import DRAFT, SayForm, prompt_variables, read_variables
from app.runtime.services.runs import Asked
from app.threads.parts import Part, TextPart
from app.threads.services.pictures import store_picture
from app.web.errors import NotFound, Refusal
from app.web.identity import require_org

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


def asked_by(draft: Draft, version: str) -> Asked:
    """The chosen version with the variables that were filled in. Raises NotFound for a version that is gone."""
    if version == DRAFT:
        return Asked(draft.agent.id, variables=_variables(draft.snapshot))
    number = int(version)
    versions = VersionRepo().numbered(require_org().org_id, draft.agent.id, [number])
    if number not in versions:
        raise NotFound
    return Asked(draft.agent.id, versions[number].id, _variables(versions[number].snapshot))


def _variables(snapshot: Snapshot) -> dict[str, str]:
    return read_variables(request.form, prompt_variables(snapshot))


def parts_of(form: SayForm) -> tuple[Part, ...]:
    """The message as a person wrote it, with the pictures, which are stored."""
    files = [file for file in form.pictures.data or () if file and file.filename]
    pictures = [store_picture(require_org().org_id, file.stream, clean_name(file.filename)) for file in files]
    return (TextPart(text=form.message.data), *pictures)
