"""Bare extension instances; the factory binds them to an application."""

from flask_compress import Compress
from flask_login import LoginManager
from flask_migrate import Migrate

compress = Compress()
login_manager = LoginManager()
migrate = Migrate()
