"""AgentPress: a self-hosted console for the people who run an organisation's AI agents."""

import sys
from pathlib import Path

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from app import handlers, models
from app.audit.forms import words
from app.auth import access as sessions
from app.config import ConfigError, Settings, load_settings
from app.db import attach, cached, engine, sealed, work
from app.db.base import db
from app.db.embedded.places import database_url
from app.db.session import ANALYTICS
from app.extensions import compress
from app.late import load
from app.orgs import access as gate
from app.orgs.services.saved_views import offered
from app.runtime import followers
from app.web import (
    assets,
    charts,
    errors,
    filters,
    idempotency,
    limits,
    logs,
    markdown,
    metrics,
    params,
    payloads,
    readiness,
    render,
    saved,
    security,
    stalled,
    tracing,
)
from app.web.templating import Templates

ROOT = Path(__file__).parent.parent
MAX_BODY_BYTES = 4 * 1024 * 1024


def start_app(*, pages: bool = True) -> Flask:
    """Build the application of a process: `create_app`, or an exit that tells the operator what is wrong."""
    try:
        return create_app(pages=pages)
    except ConfigError as error:
        for mistake in error.mistakes:
            sys.stderr.write(f"Configuration: {mistake}\n")
        sys.exit(2)


def create_app(settings: Settings | None = None, *, pages: bool = True) -> Flask:
    """Build the application without touching the database; without `pages` it answers no request, and is smaller.

    Raises ConfigError if `settings` are left out and those in the environment are wrong.
    """
    settings = settings or load_settings(database_url)
    app = Flask(__name__, static_folder=None, template_folder=str(ROOT / "templates"))
    _configure(app, settings)
    _bind_extensions(app, settings)
    for part in (
        logs,
        stalled,
        metrics,
        readiness,
        tracing,
        params,
        filters,
        markdown,
        payloads,
        charts,
        assets,
        render,
        security,
        idempotency,
        errors,
        sessions,
        words,
    ):
        part.register(app)
    cached.register(app, settings.redis_url)
    limits.register(app, settings.redis_url)
    sealed.register(app, [settings.secret_key, *settings.secret_key_fallbacks])
    work.register(app, handlers.KINDS)
    work.register_duties(app, handlers.DUTIES)
    followers.register(app)
    saved.register(app, offered)
    if pages:
        load("app.routes:register")(app)
    gate.register(app)
    return app


def _configure(app: Flask, settings: Settings) -> None:
    app.jinja_environment = Templates
    app.extensions["settings"] = settings
    app.debug, app.testing = settings.debug, settings.testing
    app.config.update(
        SECRET_KEY=settings.secret_key,
        SECRET_KEY_FALLBACKS=list(settings.secret_key_fallbacks),
        SESSION_COOKIE_NAME="__Host-visit" if settings.secure else "visit",
        SESSION_COOKIE_SECURE=settings.secure,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        TRUSTED_HOSTS=list(settings.allowed_hosts),
        MAX_CONTENT_LENGTH=MAX_BODY_BYTES,
        MAX_FORM_MEMORY_SIZE=MAX_BODY_BYTES,
        WTF_CSRF_ENABLED=False,
        COMPRESS_ALGORITHM="gzip",
        COMPRESS_LEVEL=1,
        COMPRESS_MIMETYPES=["text/html", "application/json"],
        COMPRESS_STREAMS=False,
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        SQLALCHEMY_ENGINE_OPTIONS=engine.main_options(),
        SQLALCHEMY_BINDS={ANALYTICS: {"url": settings.analytics_database_url, **engine.analytics_options()}},
    )
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]


def _bind_extensions(app: Flask, settings: Settings) -> None:
    db.init_app(app)
    if settings.embedded:
        attach.register(app, settings.data_dir)
    engine.register(app)
    compress.init_app(app)
    assert models.__all__
