"""Names and preferences of one's own account."""

from flask import Blueprint, Response, url_for

from app.auth.forms import PreferencesForm, ProfileForm
from app.auth.services.changes import change_names, change_preferences
from app.db.session import transaction
from app.web.access import signed_in
from app.web.identity import require_visitor
from app.web.render import leave, render, toast
from app.web.security import settings

bp = Blueprint("me", __name__, url_prefix="/me")


@bp.get("")
@signed_in
def show() -> Response:
    """Who the person is."""
    return _profile(ProfileForm(obj=require_visitor()))


@bp.post("")
@signed_in
def update() -> Response:
    """Change the names."""
    form = ProfileForm()
    if not form.validate():
        return _profile(form, 422)
    with transaction():
        change_names(require_visitor().id, form.first_name.data, form.last_name.data)
    toast("Your profile is saved.")
    return leave(url_for(".show"))


@bp.get("/preferences")
@signed_in
def preferences() -> Response:
    """How pages look and behave."""
    kept = require_visitor().preferences
    form = PreferencesForm(
        theme=kept.get("theme", "auto"),
        time_zone=kept.get("time_zone", ""),
        shortcuts=kept.get("shortcuts", True),
        failure_mail=kept.get("failure_mail", True),
    )
    return render("me/preferences.html", form=form)


@bp.post("/preferences")
@signed_in
def update_preferences() -> Response:
    """Keep the preferences; the theme also for the pages before sign-in."""
    form = PreferencesForm()
    if not form.validate():
        return render("me/preferences.html", status=422, form=form)
    names = ("theme", "time_zone", "shortcuts", "failure_mail")
    with transaction():
        change_preferences(require_visitor().id, {name: form[name].data for name in names})
    toast("Your preferences are saved.")
    response = leave(url_for(".preferences"))
    response.set_cookie(
        "theme", form.theme.data, max_age=31536000, samesite="Lax", secure=settings().secure, path="/"
    )
    return response


def _profile(form: ProfileForm, status: int = 200) -> Response:
    return render("me/profile.html", status=status, form=form)
