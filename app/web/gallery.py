"""The gallery of the shared macros, `/dev/ui`: each in all its states. Development and tests only."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, make_response, render_template, request
from flask_wtf import FlaskForm
from werkzeug.exceptions import NotFound
from wtforms import (
    BooleanField,
    FileField,
    IntegerField,
    PasswordField,
    RadioField,
    SelectChoice,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.validators import DataRequired, Email, Length, NumberRange
from wtforms.widgets import CheckboxInput, ListWidget

from app.web.access import always
from app.web.identity import Membership, Visitor
from app.web.listing import Facet, ListPage, ListSpec, read_list
from app.web.navigation import NavGroup, NavItem
from app.web.render import Shell
from app.web.saved import Saved, SavedView
from app.web.selection import Left
from app.web.trail import Trail

bp = Blueprint("gallery", __name__)

PAGES = (
    "layout",
    "buttons",
    "forms",
    "invalid",
    "lists",
    "matching",
    "notices",
    "values",
    "messages",
    "charts",
    "confirm",
    "public",
    "error",
    "mail",
)
_STATUSES = {"active": "Active", "draft": "Draft", "archived": "Archived"}
_SPEC = ListSpec(
    sorts={"name": "name", "updated": "updated"},
    default_sort="-updated",
    facets={
        "status": Facet("Status", _STATUSES),
        "in": Facet("Search in", {"names": "Names", "prompts": "Prompts"}),
    },
    dates={"created": "Created"},
    numbers={"messages": "Messages"},
    columns={
        "name": "Name",
        "status": "Status",
        "model": "Model",
        "messages": "Messages",
        "updated": "Updated",
    },
    shown=("name", "status", "model", "messages", "updated"),
)
_NAMES = (
    ("Support triage", "Sorts incoming tickets and drafts the first reply", "active"),
    ("Contract reader", "Finds terms and dates in supplier contracts", "draft"),
    ("مساعد الفواتير", "Checks invoices against purchase orders", "active"),
    ("=1+1 <b>markup</b> 🚀", "A name that tries its luck", "archived"),
    ("Averyveryverylongname" * 6, "A name without a place to break", "active"),
)


@dataclass(frozen=True)
class _Row:
    id: UUID
    name: str
    note: str
    status: str
    model: str
    messages: int
    updated_at: datetime


@dataclass(frozen=True)
class _Event:
    action: str
    actor_label: str
    created_at: datetime
    before: dict[str, str] | None
    after: dict[str, str] | None
    target_type: str = "agent"


class GalleryForm(FlaskForm):
    """One field of every kind."""

    name = StringField(
        "Name", [DataRequired("Enter a name."), Length(max=80)], render_kw={"autocomplete": "off"}
    )
    email = StringField(
        "E-mail", [Email("Enter an address such as ana@example.org.")], render_kw={"autocomplete": "email"}
    )
    password = PasswordField(
        "Password", [Length(8, 200, "Use at least 8 characters.")], render_kw={"autocomplete": "new-password"}
    )
    model = SelectField(
        "Model",
        choices=[
            SelectChoice("", "Choose a model"),
            SelectChoice("small", "Small"),
            SelectChoice("large", "Large"),
        ],
    )
    steps = IntegerField("Steps", [NumberRange(1, 50, "Enter a number from 1 to 50.")])
    prompt = TextAreaField("Prompt", [Length(max=2000)])
    schema = TextAreaField("Schema")
    picture = FileField("Picture")
    enabled = BooleanField("Answer new threads")
    role = RadioField(
        "Role",
        [DataRequired("Choose a role.")],
        choices=[
            SelectChoice("viewer", "Viewer"),
            SelectChoice("member", "Member"),
            SelectChoice("admin", "Admin"),
        ],
    )
    tools = SelectMultipleField(
        "Tools",
        choices=[SelectChoice("search", "Search"), SelectChoice("mail", "Send mail")],
        widget=ListWidget(),
        option_widget=CheckboxInput(),
    )


@bp.get("/dev/ui")
@always
def index() -> Response:
    """The list of gallery pages."""
    return _page("index", pages=PAGES)


@bp.get("/dev/ui/<page>")
@always
def show(page: str) -> Response:
    """One page of the gallery. NotFound for an unknown name."""
    if page not in PAGES:
        raise NotFound
    response = _page(page, **_SAMPLES.get(page, dict)())
    if page == "mail":
        response.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'"
    return response


def _page(page_name: str, **context: Any) -> Response:
    return make_response(render_template(f"dev/{page_name}.html", shell=_shell(page_name), **context))


def _shell(page: str) -> Shell:
    theme = request.args.get("theme", "auto")
    if page in {"public", "error"}:
        return Shell(None, None, (), None, (), theme, ())
    orgs = tuple(
        Membership(UUID(int=number), name, slug, role)
        for number, (name, slug, role) in enumerate(
            [("Acme", "acme", "owner"), ("Northwind Traders", "northwind", "member")]
        )
    )
    now = datetime.now(UTC)
    user = Visitor(
        UUID(int=1), "ana@example.org", "Ana", "Silva", "ADMIN", {}, UUID(int=2), now, orgs, orgs[0]
    )
    links = [NavItem(name.capitalize(), f"/dev/ui/{name}", "list", name == page) for name in PAGES]
    messages = (
        [{"level": "success", "text": "Agent archived.", "undo_url": "/dev/ui"}] if page == "notices" else []
    )
    return Shell(user, orgs[0], orgs, "owner", [NavGroup("Gallery", links)], theme, messages)


def _form() -> dict[str, Any]:
    return {"form": GalleryForm(data={"name": "Support triage", "role": "member", "steps": 12})}


def _invalid_form() -> dict[str, Any]:
    form = GalleryForm(data={"name": "", "email": "ana", "steps": 90})
    form.validate()
    return {"form": form}


def _list() -> dict[str, Any]:
    state = read_list(_SPEC)
    views = [
        SavedView(UUID(int=n), name, (("status", "active"),), shared=n > 1, own=n == 1, default=False)
        for n, name in enumerate(("Active ones", "Finance"), 1)
    ]
    state = replace(state, saved=Saved(views, views[0], views[0].pairs))
    now = datetime.now(UTC)
    rows = [
        _Row(UUID(int=n), name, note, status, "small", 1204 * n, now - timedelta(hours=9 * n))
        for n, (name, note, status) in enumerate(_NAMES)
        if state.q.lower() in name.lower()
    ]
    url = state.url([("after", "example")])
    page = ListPage(
        rows,
        21,
        20 + len(rows),
        1204,
        capped=False,
        first_url=state.url(),
        previous_url=url,
        next_url=url,
        last_url=url,
    )
    reason = {"id": str(UUID(int=99)), "name": _NAMES[1][0], "reason": "is archived"}
    return {"state": state, "page": page, "skipped": Left(23, [reason])}


def _layout() -> dict[str, Any]:
    return {"trail": Trail("/dev/ui/lists", "example")}


def _values() -> dict[str, Any]:
    now = datetime.now(UTC)
    moments = [
        now - timedelta(**ago) for ago in ({"seconds": 5}, {"minutes": 12}, {"hours": 7}, {"days": 40})
    ]
    events = [
        _Event("agent.change", "ana@example.org", moments[1], {"name": "Triage"}, {"name": "Support triage"}),
        _Event("agent.create", "ana@example.org", moments[3], None, None),
    ]
    return {"moments": [*moments, now + timedelta(hours=3)], "events": events}


_ANSWER = """Refunds take **five working days**. See [the policy](https://example.org/refunds) or ![a receipt](https://img.example.org/r.png).

### Steps

1. Open the *order*
2. Choose `Refund`
   - in full
   - in part

> Above 500 a person decides.

| Amount | Days |
|---|--:|
| up to 100 | 3 |
| more | 5 |

```python
def days(amount: float) -> int:
    return 3 if amount <= 100 else 5  # working days
```
"""


def _messages() -> dict[str, Any]:
    call = {"kind": "tool_call", "call_id": "1", "name": "search_orders", "arguments": {"order": "A-1204"}}
    found = {"kind": "tool_result", "call_id": "1", "status": "succeeded", "duration_ms": 840}
    parts: list[dict[str, Any]] = [
        {"kind": "reasoning", "text": "The order is *recent*.", "duration_ms": 3200, "tokens": 180},
        {"kind": "tool", "call": call, "result": {**found, "result": {"state": "paid", "total": 82.5}}},
        {"kind": "tool", "call": call, "result": {**found, "status": "failed", "result": [{"n": 1}] * 900}},
        {"kind": "tool", "call": call, "result": None},
        {"kind": "text", "text": _ANSWER},
        {"kind": "image", "alt": "A receipt", "own_url": "/static/0/img/icon.svg", "width": 96, "height": 96},
        {"kind": "image", "url": "https://img.example.org/x.png"},
        {
            "kind": "file",
            "name": "terms.pdf",
            "media_type": "application/pdf",
            "byte_size": 182_000,
            "own_url": "#",
        },
        {"kind": "file", "name": "elsewhere.csv", "url": "https://files.example.org/elsewhere.csv"},
        {
            "kind": "citations",
            "citations": [
                {"number": 1, "title": "Refund policy", "url": "https://example.org/refunds", "score": 0.91},
                {"number": 2, "title": "Handbook", "text": "Refunds above 500 need a second person."},
            ],
        },
        {"kind": "error", "message": "The model did not answer in time.", "detail": "Tried 3 times in 40 s."},
    ]
    question = [{"kind": "text", "text": "When do I get my money back?\nThanks!"}]
    return {
        "messages": [
            _message(1, "user", "Ana Silva", question),
            _message(2, "assistant", "Support triage", parts, marked=True, facts=True, status="stopped"),
            _message(3, "system", "System", [{"kind": "text", "text": "Answer in *one* language."}]),
            _message(
                4, "tool", "Tool", [{"kind": "tool", "call": None, "result": {**found, "result": "ok"}}]
            ),
        ],
        "reasons": [("inaccurate", "Inaccurate"), ("other", "Other")],
    }


def _message(number: int, role: str, author: str, parts: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    plain = {
        "marked": False,
        "facts": False,
        "status": "complete",
        "version": 12,
        "version_url": None,
        "drafted_at": None,
        "model": "small",
        "estimated": False,
    }
    return {
        "id": UUID(int=number),
        "role": role,
        "author": author,
        "created_at": datetime.now(UTC) - timedelta(minutes=9 - number),
        "parts": parts,
        "tokens": 1204,
        "cost": 0.0042,
        "latency_ms": 4200,
        "first_token_ms": 600,
        **plain,
        **more,
    }


def _charts() -> dict[str, Any]:
    labels = [f"{day} Nov" for day in range(1, 31)]
    now = [(day * 37) % 53 + day * 4 for day in range(1, 31)]
    before: list[int | None] = [None if day == 9 else (day * 29) % 41 + day * 3 for day in range(1, 31)]
    return {
        "labels": labels,
        "series": [{"name": "This month", "points": now}, {"name": "Month before", "points": before}],
        "costs": [{"name": "Cost", "points": [value / 700 for value in now]}],
        "urls": [f"/dev/ui/charts?day={day}" for day in range(1, 31)],
    }


_SAMPLES = {
    "layout": _layout,
    "forms": _form,
    "invalid": _invalid_form,
    "lists": _list,
    "matching": _list,
    "values": _values,
    "messages": _messages,
    "charts": _charts,
}
