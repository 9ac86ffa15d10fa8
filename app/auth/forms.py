"""What accounts type."""

from typing import Any

from flask_wtf import FlaskForm
from wtforms import EmailField, PasswordField
from wtforms.validators import DataRequired, InputRequired, ValidationError

from app.auth.services.passwords import password_problem
from app.web.fields import address_field


class SignInForm(FlaskForm):
    """Address and password; whether they belong together is never said by field."""

    email = EmailField(
        "E-mail",
        validators=[DataRequired("Enter your e-mail address.")],
        render_kw={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"},
    )
    password = PasswordField(
        "Password",
        validators=[InputRequired("Enter your password.")],
        render_kw={"autocomplete": "current-password"},
    )


class RequestResetForm(FlaskForm):
    """Whose password is forgotten."""

    email = address_field("E-mail")


def new_password_field(label: str = "Password") -> PasswordField:
    """A password to set; show `passwords.RULES` before it."""
    return PasswordField(
        label,
        validators=[InputRequired("Enter a password."), _acceptable],
        render_kw={"autocomplete": "new-password"},
    )


def current_password_field() -> PasswordField:
    """The password that proves who is at the keyboard."""
    return PasswordField(
        "Current password",
        validators=[InputRequired("Enter your current password.")],
        render_kw={"autocomplete": "current-password"},
    )


def _acceptable(_form: Any, field: Any) -> None:
    problem = password_problem(field.data)
    if problem:
        raise ValidationError(problem)


class NewPasswordForm(FlaskForm):
    """The password after a reset."""

    password = new_password_field("New password")
