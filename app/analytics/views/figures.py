"""The figures of an organisation over a range of days, as a page and as CSV."""

from collections.abc import Generator, Mapping
from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, request

from app.analytics.repo.figures import AnalyticsRepo, Figures, Key, Report
from app.analytics.services.periods import USUAL, Choice, read_period
from app.analytics.views.shown import shown
from app.audit.services import record
from app.db.session import TooSlow, analytics_session, transaction
from app.web.access import org_right
from app.web.export import stream_table
from app.web.filters import viewer_zone
from app.web.identity import require_org
from app.web.render import render

bp = Blueprint("analytics", __name__, url_prefix="/o/<org>/analytics")
MEASURES = tuple(Figures.__dataclass_fields__)
GROUPS = ("agent", "model")
OF_NO_MODEL = {"threads", "people"}
"""What is counted of threads and of what people write, in which no model has a part."""


@bp.get("")
@org_right("analytics.read")
def index(org: str) -> Response:
    """Threads, messages, people, tokens, cost, errors, feedback and latency by day, and by agent or model."""
    choice, by = _choice(), request.args.get("by", "agent")
    by = by if by in GROUPS else "agent"
    report = _report(choice)
    return render(
        "analytics/index.html",
        "results",
        choice=choice,
        by=by,
        usual=USUAL,
        measures=_measures(by),
        shown=report and shown(org, choice, report, by),
    )


@bp.get("/<any(day,agent,model):group>.csv")
@org_right("analytics.read")
def export(org: str, group: str) -> Response:
    """The figures by day, agent or model as a file."""
    choice, org_id = _choice(), require_org().org_id

    def note() -> None:
        with transaction():
            record("analytics.export", "figures", after={"by": group, "range": choice.text})

    return stream_table(
        f"{org}-figures-by-{group}",
        (group, *_measures(group)),
        lambda session: _rows(AnalyticsRepo(session).report(org_id, choice.period), group),
        note,
    )


def _measures(group: str) -> list[str]:
    return [measure for measure in MEASURES if group != "model" or measure not in OF_NO_MODEL]


def _choice() -> Choice:
    """The days in the address: `range`, or `from` and `to` as the form sends them."""
    ends = [request.args.get(end, "").strip() for end in ("from", "to")]
    asked = request.args.get("range", "").strip() or ("..".join(ends) if any(ends) else "")
    return read_period(asked, viewer_zone())


def _report(choice: Choice) -> Report | None:
    """The figures; None where they took too long."""
    try:
        with analytics_session() as session:
            return AnalyticsRepo(session).report(require_org().org_id, choice.period)
    except TooSlow:
        return None


def _rows(report: Report, group: str) -> Generator[Mapping[str, Any]]:
    groups: Mapping[Key, Figures] = {
        "day": report.by_day,
        "agent": report.by_agent,
        "model": report.by_model,
    }[group]
    for key, figures in groups.items():
        yield {group: report.words(key), **asdict(figures)}
