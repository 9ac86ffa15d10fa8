"""The form of an address whose pages are fetched, and what the list of these pages can be asked."""

from typing import Any

from flask_wtf import FlaskForm
from wtforms import SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, Length, ValidationError

from app.knowledge.crawler.addresses import plain_address
from app.knowledge.forms import whole_number
from app.knowledge.models.sources import STAGES, WebUrl
from app.knowledge.services.web import MOST_DEPTH, MOST_PAGES
from app.web.fields import one_line
from app.web.listing import Facet, ListSpec
from app.web.outbound import OutboundRefused, check

MOST_ADDRESS_LENGTH = 1_500
SCOPE_WORDS = {
    "page": "This page alone",
    "site": "The site from this page on",
    "sitemap": "The pages that this sitemap names",
}
REFRESH_WORDS = {"": "Never", "3600": "Every hour", "86400": "Every day", "604800": "Every week"}
PAGE_LIST = ListSpec(
    sorts={"url": "address", "fetched": "fetched", "chunks": "passages"},
    default_sort="url",
    facets={
        "status": Facet("Status", {stage: stage.capitalize() for stage in STAGES}),
        "enabled": Facet("Enabled", {"yes": "Enabled", "no": "Disabled"}),
    },
    dates={"fetched": "Fetched"},
    columns={"url": "Page", "status": "Status", "chunks": "Passages", "fetched": "Fetched"},
    shown=("url", "status", "chunks", "fetched"),
)


class BoundsForm(FlaskForm):
    """What of an address is fetched, and how often again."""

    scope = SelectField(
        "What to fetch", choices=[SelectChoice(*scope) for scope in SCOPE_WORDS.items()], default="page"
    )
    max_depth = whole_number("Steps along links", 1, MOST_DEPTH, 2)
    max_pages = whole_number("Pages at most", 1, MOST_PAGES, 100)
    refresh = SelectField(
        "Fetch again", choices=[SelectChoice(*words) for words in REFRESH_WORDS.items()], default=""
    )

    def values(self) -> dict[str, Any]:
        """The FIELDS of the address as the form has them."""
        return {
            "scope": self.scope.data,
            "max_depth": self.max_depth.data,
            "max_pages": self.max_pages.data,
            "refresh_seconds": int(self.refresh.data) if self.refresh.data else None,
        }

    def fill(self, web: WebUrl) -> None:
        """Take what is stored."""
        self.scope.data = web.scope
        self.max_depth.data = web.max_depth or self.max_depth.default
        self.max_pages.data = self.max_pages.default if web.scope == "page" else web.max_pages
        self.refresh.data = str(web.refresh_seconds or "")


class WebForm(BoundsForm):
    """An address whose pages are fetched; after validation `url` has its one spelling."""

    url = StringField(
        "Address",
        filters=[lambda text: (text or "").strip()],
        validators=[
            DataRequired("Enter an address, such as https://docs.example.org/guide/."),
            Length(max=MOST_ADDRESS_LENGTH, message=f"Use at most {MOST_ADDRESS_LENGTH:,} characters."),
            one_line,
        ],
        render_kw={"type": "url", "inputmode": "url", "placeholder": "https://", "autocomplete": "off"},
    )

    def validate_url(self, field: Any) -> None:
        """Refuse what is no address of the web, or one that may not be called."""
        address = plain_address(field.data)
        if address is None:
            raise ValidationError(
                "Enter an address that begins with https:// or http://, without a password."
            )
        try:
            check("crawl", address)
        except OutboundRefused as error:
            raise ValidationError(str(error)) from error
        field.data = address
