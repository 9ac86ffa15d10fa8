"""Form fields that several forms share: names on one line, addresses in one spelling."""

import re
import unicodedata
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from wtforms import DateTimeLocalField, EmailField, Form, IntegerField, StringField, TextAreaField
from wtforms.validators import DataRequired, Length, ValidationError

from app.web.addresses import MAX_LENGTH, read_address

FIRST_YEAR, LAST_YEAR = 2000, 2199
_MINUTES = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S"]
MOST_AMOUNT = 1_000_000_000
_AMOUNT = re.compile(r"[0-9]{1,10}(\.[0-9]{1,6})?")
_UNPRINTABLE = {"Cc", "Cs", "Zl", "Zp"}


def one_line(_form: Form, field: Any) -> None:
    """Refuse control characters, line breaks and halves of characters."""
    if any(unicodedata.category(char) in _UNPRINTABLE for char in field.data or ""):
        raise ValidationError("Use letters, digits and signs on one line only.")


def unified(text: str | None) -> str | None:
    """A filter for long texts: line ends as the database has them; nothing instead of empty text."""
    return (text or "").replace("\r\n", "\n") or None


def storable(_form: Form, field: Any) -> None:
    """Refuse what the database cannot keep."""
    if "\0" in (field.data or ""):
        raise ValidationError("Remove the null characters.")


def read_version(raw: object) -> int:
    """The version that a form was read at; 0, which nothing has, for anything else."""
    text = str(raw or "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def overtaken(form: Any, thing: str, version: object) -> None:
    """Have a form say that somebody else saved the thing after it was opened; sent again, it replaces that."""
    form.lock_version.data = str(version)
    form.form_errors.append(
        f"Somebody else changed this {thing} in the meantime, and nothing of yours is saved yet. "
        "Look at theirs in another tab; saving again replaces it."
    )


def name_field(label: str, longest: int, *, missing: str, **values: Any) -> StringField:
    """A required short text on one line; `missing` says what to do when it is empty, `values` as in the next."""
    return StringField(
        label, filters=[_stripped], validators=[DataRequired(missing), _at_most(longest), one_line], **values
    )


def optional_field(label: str, longest: int, **values: Any) -> StringField:
    """A short text on one line that may be empty; `values` are description, default and attributes."""
    return StringField(label, filters=[_stripped], validators=[_at_most(longest), one_line], **values)


def address_field(label: str, *, own: bool = False) -> EmailField:
    """A required e-mail address; after validation `data` is its stored spelling. own: the visitor's, not another's."""
    return EmailField(
        label,
        validators=[DataRequired("Enter an e-mail address."), _address],
        render_kw={"autocomplete": "email" if own else "off"},
    )


def _stripped(text: str | None) -> str:
    return (text or "").strip(" ")


def _at_most(longest: int) -> Length:
    return Length(max=longest, message=f"Use at most {longest:,} characters.")


def _address(_form: Form, field: Any) -> None:
    address = read_address(field.data) if len(field.data) <= MAX_LENGTH else None
    if address is None:
        raise ValidationError("Enter one e-mail address, such as ana@example.com.")
    field.data = address


class WholeNumberField(IntegerField):
    """An integer whose refusal says what to do."""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read the text that was sent; ValueError for anything but a whole number of at most nine digits."""
        if not valuelist:
            return
        digits = valuelist[0].strip(" ")
        if not (
            digits.removeprefix("-").isascii() and digits.removeprefix("-").isdigit() and len(digits) <= 9
        ):
            self.data = None
            raise ValueError("Enter a whole number.")
        self.data = int(digits)


class AmountField(StringField):
    """An amount of money; `data` counts millionths of the currency, None for nothing."""

    data: int | None

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read an amount such as 2.50; ValueError for anything else."""
        text = (valuelist[0] if valuelist else "").strip(" ")
        self.data = None
        if not text:
            return
        if not _AMOUNT.fullmatch(text) or Decimal(text) > MOST_AMOUNT:
            raise ValueError(
                "Enter an amount from 0 to 1,000,000,000 with at most six decimals, such as 2.50."
            )
        self.data = int(Decimal(text) * 1_000_000)

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        if self.data is None:
            return ""
        whole, _, rest = f"{Decimal(self.data) / 1_000_000:.6f}".partition(".")
        return f"{whole}.{rest.rstrip('0').ljust(2, '0')}"


class AssignmentsField(TextAreaField):
    """Names with texts, one on each line, as `name: text`."""

    data: dict[str, str] | None

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return "\n".join(f"{name}: {text}" for name, text in (self.data or {}).items())

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read the lines that were sent, empty ones left out; ValueError for one without a name, or with it again."""
        self.data = {}
        if valuelist and "\0" in valuelist[0]:
            raise ValueError("Remove the null characters.")
        for line in valuelist[0].splitlines() if valuelist else ():
            name, colon, text = line.partition(":")
            if not line.strip():
                continue
            if not colon or not name.strip():
                raise ValueError("Write each as name: value, on a line of its own.")
            if name.strip() in self.data:
                raise ValueError(f"{name.strip()} stands there twice.")
            self.data[name.strip()] = text.strip()


class MomentField(DateTimeLocalField):
    """A date and a time of day, without a zone, from 2000 to 2199."""

    data: datetime | None

    def __init__(self, label: str, **values: Any) -> None:
        super().__init__(label, format=_MINUTES, **values)

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read the text that was sent; ValueError for anything but a moment of these years."""
        if not valuelist or not valuelist[0].strip():
            return
        try:
            super().process_formdata(valuelist)
        except ValueError as error:
            raise ValueError("Enter a date and a time, such as 2027-03-01T09:00.") from error
        if self.data is not None and not FIRST_YEAR <= self.data.year <= LAST_YEAR:
            self.data = None
            raise ValueError(f"Enter a year from {FIRST_YEAR} to {LAST_YEAR}.")

    def moment(self, zone: str) -> datetime | None:
        """The moment in UTC, the field being meant in this zone; None if it is empty."""
        return None if self.data is None else self.data.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
