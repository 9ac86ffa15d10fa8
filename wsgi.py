"""The WSGI application."""

from app import start_app
from app.config import on_command_line

app = start_app()

if on_command_line():
    # A server needs neither the commands nor the packages they bring.
    from app.commands import registry

    registry.register(app)
