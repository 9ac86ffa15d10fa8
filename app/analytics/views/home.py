"""The start page, and the home of an organisation with what needs attention."""

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, request, url_for

from app.analytics.repo.attention import ANSWER, MOST, Attention, AttentionRepo
from app.analytics.repo.samples import SampleRepo
from app.db.cursor import COUNT_CAP
from app.db.session import transaction
from app.orgs.services.home import CARDS, Home, dismiss_card, read_home
from app.threads.access import current_viewer
from app.web.access import org_right, role_has, signed_in
from app.web.errors import NotFound, Refusal
from app.web.filters import grouped
from app.web.identity import require_org, require_visitor
from app.web.render import can, leave, render
from app.web.security import settings

bp = Blueprint("home", __name__)
LAST_ORG = "last_org"
_YEAR = 365 * 24 * 3600


@dataclass(frozen=True)
class Matter:
    """Something that needs attention: how many there are, in words, and the list of them."""

    count: int
    one: str
    many: str
    url: str

    @property
    def shown(self) -> str:
        """The number, as far as it was counted."""
        return str(self.count) if self.count < MOST else f"{MOST - 1}+"

    @property
    def words(self) -> str:
        """What there is so many of."""
        return self.one if self.count == 1 else self.many


@bp.get("/")
@signed_in
def index() -> Response:
    """Lead to the organisation used last, else the first, else offer to create one."""
    orgs = require_visitor().memberships
    if not orgs:
        return render("home/none.html")
    last = request.cookies.get(LAST_ORG)
    org = next((org for org in orgs if org.slug == last), orgs[0])
    return leave(url_for(".show", org=org.slug))


@bp.get("/o/<org>")
@org_right("org.read")
def show(org: str) -> Response:
    """What needs attention, set-up cards, and what the organisation holds."""
    membership = require_org()
    home, found = read_home(membership), AttentionRepo().read(membership.org_id, current_viewer())
    threads = "10,000+" if found.threads > COUNT_CAP else grouped(found.threads)
    response = render(
        "home/show.html", home=home, matters=_matters(org, found), threads=threads, vacant=_is_vacant(home)
    )
    if request.cookies.get(LAST_ORG) != membership.slug:
        secure = settings().secure
        response.set_cookie(
            LAST_ORG, membership.slug, max_age=_YEAR, secure=secure, httponly=True, samesite="Lax"
        )
    return response


@bp.post("/o/<org>/cards/<card>/dismiss")
@org_right("org.read")
def dismiss(org: str, card: str) -> Response:
    """Show a set-up card no more; whoever may do what it proposes may dismiss it."""
    if card not in CARDS:
        raise NotFound
    if not role_has(require_org().role, CARDS[card]):
        raise Refusal(403, "Only those who may do what the card proposes can dismiss it.")
    with transaction():
        dismiss_card(require_org().org_id, card)
    return leave(url_for(".show", org=org))


def _is_vacant(home: Home) -> bool:
    """Whether there is nothing yet, and the visitor may add sample data."""
    return (
        can("settings.manage") and not home.counts["agents"] and SampleRepo().is_vacant(require_org().org_id)
    )


def _matters(org: str, found: Attention) -> list[Matter]:
    """What needs attention and the visitor may see; nothing that there is none of."""
    failed: dict[str, Any] = {"org": org, "status": "failed"}
    sources = (
        url_for("knowledge_sources.index", base_id=found.base_id, **failed)
        if found.base_id
        else url_for("knowledge.index", org=org)
    )
    threads = url_for("threads.index", org=org, error="yes", last="24h")
    tasks = url_for("tasks.index", kind=f"-{ANSWER}", created="24h", **failed)
    matters = {
        "threads.read": [
            Matter(
                found.calls,
                "call waits for approval",
                "calls wait for approval",
                url_for("approvals.index", org=org),
            ),
            Matter(found.answers, "failed answer", "failed answers", threads),
        ],
        "tasks.read": [Matter(found.tasks, "failed task", "failed tasks", tasks)],
        "knowledge.view": [Matter(found.sources, "failed source", "failed sources", sources)],
        "invitations.manage": [
            Matter(
                found.mails,
                "mail was not delivered",
                "mails were not delivered",
                url_for("mail.index", at="24h", **failed),
            )
        ],
    }
    return [matter for right, listed in matters.items() if can(right) for matter in listed if matter.count]
