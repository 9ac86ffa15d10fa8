"""Organisations: those that one belongs to, and creating one."""

from flask import Blueprint, Response, url_for

from app.db.session import transaction
from app.orgs.forms import OrgForm
from app.orgs.services.orgs import create_org
from app.web.access import signed_in
from app.web.idempotency import once
from app.web.identity import require_visitor
from app.web.render import leave, render, toast

bp = Blueprint("orgs", __name__)


@bp.get("/me/orgs")
@signed_in
def index() -> Response:
    """Those that the visitor belongs to, with a way out of each."""
    return render("me/orgs.html")


@bp.get("/orgs/new")
@signed_in
def new() -> Response:
    """Ask for the name of a new organisation."""
    return render("orgs/new.html", form=OrgForm())


@bp.post("/orgs/new")
@signed_in
def create() -> Response:
    """Create it, owned by the visitor."""
    form = OrgForm()
    if not form.validate():
        return render("orgs/new.html", status=422, form=form)

    def stored() -> str:
        return url_for("home.show", org=create_org(form.name.data, require_visitor().id).slug)

    with transaction():
        location = once(stored)
    toast(f"{form.name.data} is ready.")
    return leave(location)
