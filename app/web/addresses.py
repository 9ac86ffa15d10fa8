"""E-mail addresses in one spelling: lower case, the domain as DNS knows it."""

import email_validator

# A self-hosted instance lives on names such as `.local`, `.test` or `.internal`.
email_validator.SPECIAL_USE_DOMAIN_NAMES.clear()

MAX_LENGTH = 255


def read_address(text: str) -> str | None:
    """The address as it is stored and compared, or None if `text` is not exactly one address. No look-up is made."""
    try:
        checked = email_validator.validate_email(
            text.strip(" "), check_deliverability=False, allow_smtputf8=False, strict=True
        )
    except email_validator.EmailNotValidError:
        return None
    assert checked.ascii_email is not None
    return checked.ascii_email.lower()
