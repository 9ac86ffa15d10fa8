"""The models of a connection: what people know of them, and what the provider lists."""

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request, url_for

from app.connections.forms import PURPOSE_WORDS, ModelForm
from app.connections.models import ConnectionModel
from app.connections.providers import Offered
from app.connections.repo.known_models import KnownModelsRepo
from app.connections.repo.taken import NameTaken
from app.connections.services.changed import Stale
from app.connections.services.connections import try_connection
from app.connections.services.known_models import add_model, add_offered, change_model, remove_model
from app.connections.services.trying import ask_model
from app.connections.views.connections import connection_page, found_connection
from app.db.session import transaction
from app.web.access import org_right
from app.web.errors import NotFound, Refusal
from app.web.fields import overtaken
from app.web.idempotency import once
from app.web.identity import require_org
from app.web.render import leave, render, toast
from app.web.tokens import Forged, sign, unsign

bp = Blueprint("connections_models", __name__, url_prefix="/o/<org>/connections/<uuid:connection_id>/models")
NAME_IN_USE = "The connection lists a model of this name already."
PURPOSE = "models that a provider lists"


@bp.get("/new")
@org_right("connections.edit")
def new(org: str, connection_id: UUID) -> Response:
    """An empty form."""
    return _form(ModelForm(), connection_id)


@bp.post("/new")
@org_right("connections.edit")
def create(org: str, connection_id: UUID) -> Response:
    """Store what is known of a model."""
    form, found = ModelForm(), found_connection(connection_id)
    if not form.validate():
        return _form(form, connection_id, 422)
    path = url_for("connections.show", org=org, connection_id=connection_id)

    def stored() -> str:
        add_model(found.org_id, connection_id, form.values())
        return path

    try:
        with transaction():
            location = once(stored)
    except NameTaken:
        form.name.errors = [NAME_IN_USE]
        return _form(form, connection_id, 422)
    toast("Model added.")
    return leave(location)


@bp.get("/<uuid:model_id>/edit")
@org_right("connections.edit")
def edit(org: str, connection_id: UUID, model_id: UUID) -> Response:
    """The form with what is known."""
    model = _model(connection_id, model_id)
    return _form(ModelForm(obj=model), connection_id, model=model)


@bp.post("/<uuid:model_id>/edit")
@org_right("connections.edit")
def update(org: str, connection_id: UUID, model_id: UUID) -> Response:
    """Save what is known."""
    form, model = ModelForm(), _model(connection_id, model_id)
    if not form.validate():
        return _form(form, connection_id, 422, model=model)
    try:
        with transaction():
            change_model(model.org_id, connection_id, model_id, form.version(), form.values())
    except NameTaken:
        form.name.errors = [NAME_IN_USE]
        return _form(form, connection_id, 422, model=model)
    except Stale:
        overtaken(form, "model", model.lock_version)
        return _form(form, connection_id, 409, model=model)
    toast("Model saved.")
    return leave(url_for("connections.show", org=org, connection_id=connection_id))


@bp.post("/<uuid:model_id>/delete")
@org_right("connections.edit")
def destroy(org: str, connection_id: UUID, model_id: UUID) -> Response:
    """Take a model off the list."""
    with transaction():
        name = remove_model(require_org().org_id, connection_id, model_id)
    toast(f"“{name}” removed from the list.")
    return leave(url_for("connections.show", org=org, connection_id=connection_id))


@bp.post("/<uuid:model_id>/test")
@org_right("connections.edit")
def test(org: str, connection_id: UUID, model_id: UUID) -> Response:
    """Ask an embedding model for a vector and show how wide it is."""
    asked = ask_model(require_org().org_id, connection_id, model_id)
    return connection_page(found_connection(connection_id), asked=asked)


@bp.post("/offered")
@org_right("connections.edit")
def fetch(org: str, connection_id: UUID) -> Response:
    """Ask the provider for its models, and show those that are not listed yet, to choose from."""
    found, tried = found_connection(connection_id), try_connection(require_org().org_id, connection_id)
    known = KnownModelsRepo().names(found.org_id, connection_id)
    missing = [model for model in tried.models if model.name not in known]
    listed = [str(connection_id), [[model.name, model.context_size] for model in missing]]
    return render(
        "connections/offered.html",
        connection=found,
        tried=tried,
        missing=missing,
        listed=sign(PURPOSE, listed),
    )


@bp.post("/import")
@org_right("connections.edit")
def add_many(org: str, connection_id: UUID) -> Response:
    """Store the ticked models of the provider's list, as the page showed it."""
    found = found_connection(connection_id)
    wanted = set(request.form.getlist("names"))
    chosen = [model for model in _listed(connection_id) if model.name in wanted]
    if not chosen:
        raise Refusal(422, "Select at least one model.")
    with transaction():
        added = add_offered(found.org_id, connection_id, chosen)
    toast(f"{added} {'model' if added == 1 else 'models'} added.")
    return leave(url_for("connections.show", org=org, connection_id=connection_id))


def _listed(connection_id: UUID) -> list[Offered]:
    """The provider's list in the form. Refusal 422 for one that was not made for this connection."""
    try:
        signed: Any = unsign(PURPOSE, request.form.get("listed", ""))
        owner, models = signed
    except (Forged, ValueError, TypeError):
        owner, models = None, []
    if owner != str(connection_id):
        raise Refusal(422, "The list of models cannot be read. Fetch it again.")
    return [Offered(name, size) for name, size in models]


def _model(connection_id: UUID, model_id: UUID) -> ConnectionModel:
    found = KnownModelsRepo().get(require_org().org_id, connection_id, model_id)
    if found is None:
        raise NotFound
    return found


def _form(form: ModelForm, connection_id: UUID, status: int = 200, **context: Any) -> Response:
    template = "connections/edit_model.html" if "model" in context else "connections/new_model.html"
    context |= {"connection": found_connection(connection_id), "purposes": PURPOSE_WORDS}
    return render(template, "form", status, form=form, **context)
