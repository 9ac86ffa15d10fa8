"""Figures of an organisation over a range of days, added up in the database by the read-only engine."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeAlias
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

_PERIOD = """
    m.created_at >= :start AS present,
    (CAST(:days AS date[]))[width_bucket(m.created_at, CAST(:midnights AS timestamptz[]))] AS day
"""
"""The database is not asked for days of a zone: it may lack one that we know, or have other rules for it."""
_WITHIN = "m.org_id = :org AND m.created_at >= :before AND m.created_at < :end"
_THREAD = "JOIN threads t ON t.org_id = m.org_id AND t.id = m.thread_id AND t.deleted_at IS NULL"
_SETS = "GROUP BY GROUPING SETS ((present), (present, day), (present, agent_id), (present, model))"
_KEYS = "GROUPING(day, agent_id, model) AS level, present, day, agent_id, model"

_MESSAGES = f"""
    WITH parts AS (
        SELECT {_PERIOD}, t.agent_id, m.model,
               CASE WHEN m.role = 'user' THEN coalesce(t.user_id::text, t.external_user) END AS person,
               count(*) AS messages, count(m.error) AS errors, sum(m.cost_micros) AS cost_micros,
               sum(coalesce(m.input_tokens, 0) + coalesce(m.output_tokens, 0)) AS tokens
          FROM messages m {_THREAD} WHERE {_WITHIN} GROUP BY 1, 2, 3, 4, 5)
    SELECT {_KEYS}, sum(messages)::bigint AS messages, sum(errors)::bigint AS errors, sum(tokens)::bigint AS tokens,
           coalesce(sum(cost_micros), 0)::bigint AS cost_micros, count(DISTINCT person) AS people
      FROM parts {_SETS}
"""  # noqa: S608 - of the constants above
_THREADS = f"""
    WITH parts AS (SELECT {_PERIOD}, m.agent_id, NULL::text AS model FROM threads m
                    WHERE {_WITHIN} AND m.deleted_at IS NULL)
    SELECT {_KEYS}, count(*) AS threads FROM parts {_SETS}
"""  # noqa: S608 - of the constants above
_FEEDBACK = f"""
    WITH parts AS (
        SELECT {_PERIOD}, t.agent_id, g.model, m.rating
          FROM feedback m {_THREAD} JOIN messages g ON g.org_id = m.org_id AND g.id = m.message_id WHERE {_WITHIN})
    SELECT {_KEYS}, count(*) FILTER (WHERE rating > 0) AS ups, count(*) FILTER (WHERE rating < 0) AS downs
      FROM parts {_SETS}
"""  # noqa: S608 - of the constants above
_LATENCIES = f"""
    WITH parts AS (
        SELECT {_PERIOD}, t.agent_id, m.model, m.latency_ms FROM messages m {_THREAD}
         WHERE {_WITHIN} AND m.role = 'assistant' AND m.status = 'complete' AND m.error IS NULL
           AND m.latency_ms IS NOT NULL)
    SELECT {_KEYS}, round(percentile_cont(0.5) WITHIN GROUP (ORDER BY latency_ms))::int AS latency_p50_ms,
           round(percentile_cont(0.95) WITHIN GROUP (ORDER BY latency_ms))::int AS latency_p95_ms
      FROM parts {_SETS}
"""  # noqa: S608 - of the constants above
_STATEMENTS = tuple(text(statement) for statement in (_MESSAGES, _THREADS, _FEEDBACK, _LATENCIES))
_AGENTS = text("SELECT id, name FROM agents WHERE org_id = :org AND id = ANY (:ids)")
# GROUPING() has a bit for each of day, agent_id and model that a row is not grouped by.
_LEVELS = {0b111: "total", 0b011: "day", 0b101: "agent", 0b110: "model"}

Key: TypeAlias = "date | UUID | str | None"


@dataclass(frozen=True)
class Period:
    """Whole days in a zone, and the same number of days before them; ends are not included."""

    before: datetime
    start: datetime
    end: datetime
    zone: str
    days: Sequence[date]
    midnights: Sequence[datetime]
    """The moments at which the days begin."""


@dataclass(frozen=True)
class Figures:
    """Threads begun, messages, people who wrote, tokens, cost in millionths, failed messages, ratings, latency.

    Latency is that of answers that did not fail and were not stopped; None where there are none.
    """

    threads: int = 0
    messages: int = 0
    people: int = 0
    tokens: int = 0
    cost_micros: int = 0
    errors: int = 0
    ups: int = 0
    downs: int = 0
    latency_p50_ms: int | None = None
    latency_p95_ms: int | None = None


@dataclass(frozen=True)
class Report:
    """Figures of a period and of the one before, by day, by agent, and by model.

    Groups are keyed by the day, the agent's id or the model's name; None stands for messages without one.
    """

    total: Figures
    previous: Figures
    by_day: Mapping[Key, Figures]
    by_agent: Mapping[Key, Figures]
    by_model: Mapping[Key, Figures]
    agent_names: Mapping[UUID, str]

    def words(self, key: Key) -> str:
        """A group in words: the day, the agent's name, the model."""
        if isinstance(key, UUID):
            return self.agent_names.get(key, "Deleted agent")
        return "None" if key is None else str(key)


class AnalyticsRepo:
    """Figures of one organisation. The session is one of the analytics engine."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def report(self, org_id: UUID, period: Period) -> Report:
        """Everything that the page of figures shows; five statements."""
        values = {
            "org": org_id,
            "before": period.before,
            "start": period.start,
            "end": period.end,
            "days": period.days,
            "midnights": period.midnights,
        }
        found: dict[tuple[str, bool], dict[Key, dict[str, Any]]] = defaultdict(lambda: defaultdict(dict))
        for statement in _STATEMENTS:
            for row in self._session.execute(statement, values).mappings():
                level = _LEVELS[row["level"]]
                key = row[f"{level}_id" if level == "agent" else level] if level != "total" else None
                group = found[level, row["present"]][key]
                group.update({name: row[name] for name in Figures.__dataclass_fields__ if name in row})
        agents = [key for key in found["agent", True] if isinstance(key, UUID)]
        names = self._session.execute(_AGENTS, {"org": org_id, "ids": agents})
        days, none = _figures(found["day", True]), Figures()
        return Report(
            total=_figures(found["total", True]).get(None, none),
            previous=_figures(found["total", False]).get(None, none),
            by_day={day: days.get(day, none) for day in period.days},
            by_agent=_figures(found["agent", True]),
            by_model=_figures(found["model", True]),
            agent_names={row.id: row.name for row in names},
        )


def _figures(groups: Mapping[Key, dict[str, Any]]) -> dict[Key, Figures]:
    """The figures of each group, the one with the most messages first."""
    made = {key: Figures(**measures) for key, measures in groups.items()}
    return dict(sorted(made.items(), key=lambda pair: (-pair[1].messages, -pair[1].threads, str(pair[0]))))
