"""The WSGI application."""

import sys

from app import create_app
from app.config import ConfigError

try:
    app = create_app()
except ConfigError as error:
    for mistake in error.mistakes:
        sys.stderr.write(f"Configuration: {mistake}\n")
    sys.exit(2)
