"""Every blueprint with its prefix, one line each."""

from flask import Flask

from app.agents.views import agents, changes, files, search
from app.audit import views as audit
from app.auth.views import (
    credentials,
    email_changes,
    external,
    profile,
    resets,
    second_factor,
    sessions,
    sign_in,
)
from app.orgs.views import home, invitations, joining, members, orgs, settings, setup, sign_up
from app.tasks.views import mail, system
from app.web import gallery, health


def register(app: Flask) -> None:
    """Attach the blueprints."""
    app.register_blueprint(health.bp)
    app.register_blueprint(sign_in.bp)
    app.register_blueprint(resets.bp)
    app.register_blueprint(email_changes.bp)
    app.register_blueprint(profile.bp)
    app.register_blueprint(credentials.bp)
    app.register_blueprint(credentials.confirm)
    app.register_blueprint(sessions.bp)
    app.register_blueprint(second_factor.bp)
    app.register_blueprint(second_factor.challenge)
    app.register_blueprint(external.bp)
    app.register_blueprint(external.identities)
    app.register_blueprint(setup.bp)
    app.register_blueprint(home.bp)
    app.register_blueprint(orgs.bp)
    app.register_blueprint(settings.bp)
    app.register_blueprint(members.bp)
    app.register_blueprint(invitations.bp)
    app.register_blueprint(joining.bp)
    app.register_blueprint(sign_up.bp)
    app.register_blueprint(audit.bp)
    app.register_blueprint(mail.bp)
    app.register_blueprint(system.bp)
    app.register_blueprint(agents.bp)
    app.register_blueprint(changes.bp)
    app.register_blueprint(files.bp)
    app.register_blueprint(search.bp)
    if app.debug or app.testing:
        app.register_blueprint(gallery.bp)
