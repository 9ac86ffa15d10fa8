"""Settings of an organisation, and its end."""

from flask import Blueprint, Response, url_for

from app.db.session import transaction
from app.orgs.forms import ConfirmForm, OrgSettingsForm, RenameForm, inventory
from app.orgs.models import Org
from app.orgs.repo.orgs import OrgRepo, SlugTaken
from app.orgs.repo.spending import SpendRepo
from app.orgs.services.orgs import delete_org, update_org
from app.orgs.services.spending import limit_facts
from app.web.access import org_right
from app.web.errors import NotFound
from app.web.identity import require_org
from app.web.render import leave, render, toast
from app.web.security import settings

bp = Blueprint("settings", __name__, url_prefix="/o/<org>/settings")


@bp.get("")
@org_right("settings.manage")
def show(org: str) -> Response:
    """The settings that the visitor may change."""
    return _page()


@bp.post("")
@org_right("settings.manage")
def update(org: str) -> Response:
    """Change the general settings."""
    form = OrgSettingsForm()
    if not form.validate():
        return _page(general=form)
    with transaction():
        update_org(require_org().org_id, time_zone=form.time_zone.data)
    toast("Settings saved.")
    return leave(url_for(".show", org=org))


@bp.post("/name")
@org_right("org.rename")
def rename(org: str) -> Response:
    """Change name and address."""
    form = RenameForm()
    if not form.validate():
        return _page(names=form)
    try:
        with transaction():
            changed = update_org(require_org().org_id, name=form.name.data, slug=form.slug.data)
    except SlugTaken:
        form.slug.errors = ["Another organisation has this address. Choose another one."]
        return _page(names=form)
    toast(f"Saved. The organisation is {changed.name}.")
    return leave(url_for(".show", org=changed.slug))


@bp.get("/delete")
@org_right("org.delete")
def confirm_delete(org: str) -> Response:
    """Say what goes, and ask for the name."""
    return _confirm(ConfirmForm(require_org().name))


@bp.post("/delete")
@org_right("org.delete")
def destroy(org: str) -> Response:
    """Delete the organisation with all its rows."""
    membership = require_org()
    form = ConfirmForm(membership.name)
    if not form.validate():
        return _confirm(form, 422)
    with transaction():
        delete_org(membership.org_id)
    toast(f"{membership.name} is deleted.")
    return leave(url_for("home.index"))


def _org() -> Org:
    org = OrgRepo().get(require_org().org_id)
    if org is None:
        raise NotFound
    return org


def _page(general: OrgSettingsForm | None = None, names: RenameForm | None = None) -> Response:
    org = _org()
    status = 422 if general or names else 200
    general = general or OrgSettingsForm(formdata=None, time_zone=org.settings.get("time_zone", "UTC"))
    names = names or RenameForm(formdata=None, name=org.name, slug=org.slug)
    mail = settings().mail
    limit = limit_facts(SpendRepo().get(org.id, None))
    return render("orgs/settings.html", status=status, general=general, names=names, mail=mail, limit=limit)


def _confirm(form: ConfirmForm, status: int = 200) -> Response:
    impact = inventory(OrgRepo().counts(require_org().org_id))
    return render("orgs/delete.html", status=status, form=form, impact=impact)
