"""Bare extension instances; the factory binds them to an application."""

from flask_login import LoginManager
from flask_migrate import Migrate

login_manager = LoginManager()
migrate = Migrate()
