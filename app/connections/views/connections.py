"""Model connections: the list, one connection with its models, its form, and the test of it."""

from uuid import UUID

from flask import Blueprint, Response, url_for

from app.audit.repo import AuditRepo
from app.connections.forms import CONNECTION_LIST, PROVIDER_HINTS, PROVIDER_WORDS, ConnectionForm, price_text
from app.connections.models import WIDTHS
from app.connections.providers import DEFAULT_URLS, Tried
from app.connections.repo.credentials import CredentialsRepo
from app.connections.repo.known_models import KnownModelsRepo
from app.connections.repo.model_connections import ConnectionFacts, ModelConnectionsRepo
from app.connections.repo.taken import NameTaken
from app.connections.services.changed import Stale
from app.connections.services.connections import (
    change_connection,
    clean_base_url,
    create_connection,
    delete_connection,
    in_use,
    named_bases,
    set_enabled,
    try_connection,
)
from app.connections.services.trying import Asked
from app.db.session import transaction
from app.orgs.forms import ConfirmForm
from app.web.access import org_right
from app.web.errors import NotFound
from app.web.fields import overtaken
from app.web.filters import viewer_zone
from app.web.idempotency import once
from app.web.identity import require_org
from app.web.listing import pasted_id, read_list, show_list
from app.web.outbound import OutboundRefused
from app.web.render import leave, render, toast
from app.web.trail import came_from

bp = Blueprint("connections", __name__, url_prefix="/o/<org>/connections")
HISTORY_LENGTH = 30
NAME_IN_USE = "Another connection has this provider name. Choose a different one."
TAKEN_OFF = "Connection saved. Its address leads elsewhere now, so the stored secret was taken off it."


@bp.get("")
@org_right("connections.view")
def index(org: str) -> Response:
    """The model connections that match the address; a pasted id leads to its connection."""
    repo, org_id = ModelConnectionsRepo(), require_org().org_id
    state = read_list(CONNECTION_LIST, viewer_zone().key)
    jump = pasted_id("conn", state.q)
    if jump and repo.get(org_id, jump):
        return leave(url_for(".show", org=org, connection_id=jump))
    return show_list("connections/index.html", state, repo.page(org_id, state), kinds=PROVIDER_WORDS)


@bp.get("/new")
@org_right("connections.edit")
def new(org: str) -> Response:
    """An empty form."""
    return _form(ConnectionForm(), None)


@bp.post("/new")
@org_right("connections.edit")
def create(org: str) -> Response:
    """Store a new connection, and its secret if one was typed."""
    form, org_id = ConnectionForm(), require_org().org_id
    base_url = _checked(form, None)
    if base_url is None:
        return _form(form, None, 422)

    def stored() -> str:
        made = create_connection(org_id, form.values(base_url), form.choice())
        return url_for(".show", org=org, connection_id=made)

    try:
        with transaction():
            location = once(stored)
    except NameTaken:
        form.slug.errors = [NAME_IN_USE]
        return _form(form, None, 422)
    toast("Connection created.")
    return leave(location)


@bp.get("/<uuid:connection_id>")
@org_right("connections.view")
def show(org: str, connection_id: UUID) -> Response:
    """What a connection is, the models that are known of it, and what happened to it."""
    return connection_page(found_connection(connection_id))


@bp.get("/<uuid:connection_id>/edit")
@org_right("connections.edit")
def edit(org: str, connection_id: UUID) -> Response:
    """The form with the connection as it is stored, but for its secret."""
    found = found_connection(connection_id)
    given = {name: getattr(found, name) for name in ("name", "slug", "kind", "base_url", "enabled")}
    return _form(ConnectionForm(**given, lock_version=found.lock_version), found)


@bp.post("/<uuid:connection_id>/edit")
@org_right("connections.edit")
def update(org: str, connection_id: UUID) -> Response:
    """Save the form; another address takes the secret off, unless it is chosen or typed again."""
    form, found = ConnectionForm(), found_connection(connection_id)
    base_url = _checked(form, found)
    if base_url is None:
        return _form(form, found, 422)
    try:
        with transaction():
            dropped = change_connection(
                found.org_id, connection_id, form.version(), form.values(base_url), form.choice()
            )
    except NameTaken:
        form.slug.errors = [NAME_IN_USE]
        return _form(form, found, 422)
    except Stale:
        overtaken(form, "connection", found.lock_version)
        return _form(form, found, 409)
    toast(TAKEN_OFF if dropped else "Connection saved.", "warning" if dropped else "success")
    return leave(url_for(".show", org=org, connection_id=connection_id))


@bp.post("/<uuid:connection_id>/<any(enable,disable):act>")
@org_right("connections.edit")
def switch(org: str, connection_id: UUID, act: str) -> Response:
    """Let agents use a connection, or not."""
    with transaction():
        set_enabled(require_org().org_id, connection_id, enabled=act == "enable")
    toast(f"Connection {act}d.")
    return leave(url_for(".show", org=org, connection_id=connection_id))


@bp.post("/<uuid:connection_id>/test")
@org_right("connections.edit")
def test(org: str, connection_id: UUID) -> Response:
    """Ask the provider for its models and show what it answers."""
    tried = try_connection(require_org().org_id, connection_id)
    return connection_page(found_connection(connection_id), tried)


@bp.get("/<uuid:connection_id>/delete")
@org_right("connections.edit")
def confirm_delete(org: str, connection_id: UUID) -> Response:
    """Say what goes, or why it cannot."""
    found = found_connection(connection_id)
    why = in_use(found) if found.bases else None
    return render("connections/delete.html", connection=found, form=ConfirmForm(found.name), why=why)


@bp.post("/<uuid:connection_id>/delete")
@org_right("connections.edit")
def destroy(org: str, connection_id: UUID) -> Response:
    """Delete a connection whose name was typed."""
    found = found_connection(connection_id)
    form = ConfirmForm(found.name)
    if not form.validate():
        return render("connections/delete.html", status=422, connection=found, form=form, why=None)
    with transaction():
        name = delete_connection(found.org_id, connection_id)
    toast(f"“{name}” deleted.")
    return leave(url_for(".index", org=org))


def found_connection(connection_id: UUID) -> ConnectionFacts:
    """A connection of the visitor's organisation. Raises NotFound."""
    found = ModelConnectionsRepo().get(require_org().org_id, connection_id)
    if found is None:
        raise NotFound
    return found


def connection_page(
    connection: ConnectionFacts, tried: Tried | None = None, asked: Asked | None = None
) -> Response:
    """The page of a connection, with what came of a test of it or of one of its models."""
    org = require_org()
    return render(
        "connections/show.html",
        "test_result",
        connection=connection,
        tried=tried,
        asked=asked,
        widths=WIDTHS,
        embedded=named_bases(connection.bases) if connection.bases else None,
        kind=PROVIDER_WORDS[connection.kind],
        models=KnownModelsRepo().of_connection(org.org_id, connection.id),
        price=price_text,
        history=AuditRepo().for_target(org.org_id, "model_connection", connection.id, HISTORY_LENGTH),
        trail=came_from(url_for("connections.index", org=org.slug)),
    )


def _offer(form: ConnectionForm, connection: ConnectionFacts | None) -> None:
    form.offer(
        CredentialsRepo().choices(require_org().org_id, "model"), connection.hint if connection else None
    )


def _checked(form: ConnectionForm, connection: ConnectionFacts | None) -> str | None:
    """The base URL as it is stored, if all of the form fits."""
    _offer(form, connection)
    if not form.validate():
        return None
    try:
        return clean_base_url(form.kind.data, form.base_url.data or "")
    except OutboundRefused as refused:
        form.base_url.errors = [str(refused)]
        return None


def _form(form: ConnectionForm, connection: ConnectionFacts | None, status: int = 200) -> Response:
    if form.credential.choices is None:
        _offer(form, connection)
    template = "connections/edit.html" if connection else "connections/new.html"
    context = {"connection": connection, "hints": PROVIDER_HINTS, "defaults": DEFAULT_URLS}
    return render(template, "form", status, form=form, **context)
