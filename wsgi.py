"""The WSGI application."""

import sys

from app import create_app
from app.config import ConfigError, on_command_line

try:
    app = create_app()
except ConfigError as error:
    for mistake in error.mistakes:
        sys.stderr.write(f"Configuration: {mistake}\n")
    sys.exit(2)

if on_command_line():
    # A server needs neither the commands nor the packages they bring.
    from app.commands import registry

    registry.register(app)
