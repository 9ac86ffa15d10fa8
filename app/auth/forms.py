"""What accounts type."""

from typing import Any

from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    EmailField,
    PasswordField,
    RadioField,
    SelectChoice,
    SelectField,
    StringField,
)
from wtforms.validators import AnyOf, DataRequired, InputRequired, Length, ValidationError

from app.auth.services.passwords import password_problem
from app.web.fields import address_field, optional_field
from app.web.zones import time_zones


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

    email = address_field("E-mail", own=True)


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


def _acceptable(form: Any, field: Any) -> None:
    problem = password_problem(field.data, (form.email.data or "") if "email" in form else form.address)
    if problem:
        raise ValidationError(problem)


class PasswordForm(FlaskForm):
    """Sets a password of the account with this address, unless the form itself asks for the address."""

    address = ""


class NewPasswordForm(PasswordForm):
    """The password after a reset."""

    password = new_password_field("New password")


class CodeForm(FlaskForm):
    """A code of the authenticator app, or a recovery code."""

    code = StringField(
        "Code",
        validators=[InputRequired("Enter the code."), Length(max=40, message="This is too long for a code.")],
        render_kw={
            "autocomplete": "one-time-code",
            "autocapitalize": "none",
            "spellcheck": "false",
        },
    )


class ConfirmForm(FlaskForm):
    """The password of the person at the keyboard."""

    current_password = current_password_field()


class ChangePasswordForm(PasswordForm):
    """The password before and after; who has none yet gives the new one only."""

    current_password = current_password_field()
    password = new_password_field("New password")


class EmailForm(FlaskForm):
    """The address to move to."""

    email = address_field("New e-mail", own=True)


class ProfileForm(FlaskForm):
    """What others see of a person."""

    first_name = optional_field("First name", 255)
    last_name = optional_field("Last name", 255)


class PreferencesForm(FlaskForm):
    """How pages look and behave for one person."""

    theme = RadioField(
        "Theme",
        choices=[
            SelectChoice("auto", "As the system"),
            SelectChoice("light", "Light"),
            SelectChoice("dark", "Dark"),
        ],
        validate_choice=False,
        validators=[AnyOf(("auto", "light", "dark"), "Choose a theme.")],
    )
    time_zone = SelectField(
        "Time zone",
        choices=[
            SelectChoice("", "That of the browser"),
            *(SelectChoice(zone) for zone in time_zones()),
        ],
        validate_choice=False,
        validators=[AnyOf(("", *time_zones()), "Choose a time zone of the list.")],
    )
    shortcuts = BooleanField("Single-key shortcuts", id="single-keys")
    failure_mail = BooleanField("Mail about failed tasks")
