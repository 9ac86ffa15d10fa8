"""Bare extension instances; the factory binds them to an application."""

from flask_login import LoginManager
from flask_mailman import Mail
from flask_migrate import Migrate

login_manager = LoginManager()
mail = Mail()
migrate = Migrate()
