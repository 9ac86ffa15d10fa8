"""Bare extension instances; the factory binds them to an application."""

from flask_compress import Compress
from flask_login import LoginManager

compress = Compress()
login_manager = LoginManager()
