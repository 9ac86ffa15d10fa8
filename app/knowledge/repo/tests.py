"""Saved questions of knowledge bases, and how well generations answered them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Integer, Select, Uuid, and_, any_, case, cast, delete, func, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from app.db import terms
from app.db.base import db
from app.db.cursor import Order, Page, paginate
from app.knowledge.models.sources import Generation, KnowledgeBase, RetrievalTest, RetrievalTestRun
from app.web.listing import ListState

MOST_RUNS = 50
LISTED = 5
_RUN = RetrievalTestRun


@dataclass(frozen=True)
class TestRow:
    """A saved question in a list: how many passages answer it, and the recall of the live generation's last run."""

    id: UUID
    question: str
    expected: int
    recall: float | None
    created_at: datetime


@dataclass(frozen=True)
class Run:
    """Saved questions asked together: of which generation, how many, and the means of their figures."""

    id: UUID
    generation: int
    live: bool
    asked: int
    k: int
    recall: float
    mrr: float
    created_at: datetime


@dataclass(frozen=True)
class Answered:
    """How one question was answered in a run; `ranks` has one for each expected passage, None if it was not found."""

    test_id: UUID
    question: str
    recall: float
    mrr: float
    ranks: Sequence[int | None]
    generation: int
    k: int
    created_at: datetime


class TestsRepo:
    """Saved questions of one organisation."""

    __test__ = False

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def page(self, org_id: UUID, base_id: UUID, state: ListState) -> Page[TestRow]:
        """The rows of a list page; two statements.

        Sorts: question, created, recall (those never asked are last). Facet `result`: all, some, none, never.
        """
        rows = _listed(org_id, base_id).subquery()
        sorts = {
            "question": func.lower(rows.c.question),
            "created": rows.c.created_at,
            "recall": func.coalesce(rows.c.recall, 2),
        }
        statement = select(rows).where(
            *(rows.c.question.ilike(terms.contains(term), escape="\\") for term in state.terms)
        )
        result = _result(rows.c.recall)
        if state.chosen.get("result"):
            statement = statement.where(result.in_(state.chosen["result"]))
        if state.excluded.get("result"):
            statement = statement.where(result.not_in(state.excluded["result"]))
        order = Order(sorts[state.sort_key], rows.c.id, state.descending)
        return paginate(self._session, statement, order, state.request, lambda row: TestRow(*row[:LISTED]))

    def all(self, org_id: UUID, base_id: UUID) -> list[RetrievalTest]:
        """The questions of a base, the oldest first."""
        statement = (
            select(RetrievalTest)
            .where(RetrievalTest.org_id == org_id, RetrievalTest.knowledge_base_id == base_id)
            .order_by(RetrievalTest.id)
        )
        return list(self._session.scalars(statement, execution_options={"populate_existing": True}))

    def some(self, org_id: UUID, base_id: UUID, ids: Sequence[UUID]) -> list[RetrievalTest]:
        """Those of these questions that the base has."""
        statement = select(RetrievalTest).where(
            RetrievalTest.org_id == org_id,
            RetrievalTest.knowledge_base_id == base_id,
            RetrievalTest.id == any_(literal(list(ids), ARRAY(Uuid))),
        )
        return list(self._session.scalars(statement, execution_options={"populate_existing": True}))

    def count(self, org_id: UUID, base_id: UUID) -> int:
        """How many questions a base has."""
        statement = select(func.count()).where(
            RetrievalTest.org_id == org_id, RetrievalTest.knowledge_base_id == base_id
        )
        return self._session.scalars(statement).one()

    def add(self, org_id: UUID, values: Mapping[str, Any]) -> RetrievalTest:
        """Store a question."""
        test = RetrievalTest(org_id=org_id, **values)
        self._session.add(test)
        self._session.flush()
        return test

    def change(self, org_id: UUID, test_id: UUID, values: Mapping[str, Any]) -> None:
        """Set `question` or `expected`."""
        self._session.execute(
            update(RetrievalTest)
            .where(RetrievalTest.org_id == org_id, RetrievalTest.id == test_id)
            .values(**values)
            .execution_options(synchronize_session=False)
        )

    def remove(self, org_id: UUID, ids: Sequence[UUID]) -> None:
        """Delete questions with their runs."""
        self._session.execute(
            delete(RetrievalTest).where(
                RetrievalTest.org_id == org_id, RetrievalTest.id == any_(literal(list(ids), ARRAY(Uuid)))
            )
        )

    def note(self, org_id: UUID, values: Mapping[str, Any]) -> None:
        """Store how a question was answered in a run, instead of what was stored of it before."""
        figures = {key: values[key] for key in ("k", "recall", "mrr", "ranks")}
        statement = insert(_RUN).values(org_id=org_id, id=uuid7(), **values)
        self._session.execute(
            statement.on_conflict_do_update(
                index_elements=["org_id", "run_id", "retrieval_test_id"],
                index_where=_RUN.run_id.is_not(None),
                set_={**figures, "created_at": func.now()},
            )
        )

    def runs(self, org_id: UUID, base_id: UUID) -> list[Run]:
        """The last runs of a base, the newest first."""
        return [Run(*row) for row in self._session.execute(_runs(org_id, base_id).limit(MOST_RUNS))]

    def run(self, org_id: UUID, base_id: UUID, run_id: UUID) -> Run | None:
        """A run by its id."""
        row = self._session.execute(_runs(org_id, base_id).where(_RUN.run_id == run_id)).one_or_none()
        return Run(*row) if row else None

    def answers(self, org_id: UUID, base_id: UUID, run_ids: Sequence[UUID]) -> dict[UUID, list[Answered]]:
        """How each question was answered, by run; in order of the questions."""
        wanted = _RUN.run_id == any_(literal(list(run_ids), ARRAY(Uuid)))
        statement = _answers(org_id, base_id).where(wanted).order_by(RetrievalTest.question, RetrievalTest.id)
        found: dict[UUID, list[Answered]] = {run_id: [] for run_id in run_ids}
        for run_id, *values in self._session.execute(statement):
            found[run_id].append(Answered(*values))
        return found

    def history(self, org_id: UUID, base_id: UUID, test_id: UUID) -> list[Answered]:
        """How a question was answered, the last time first."""
        mine = _answers(org_id, base_id).where(_RUN.retrieval_test_id == test_id)
        statement = mine.order_by(_RUN.created_at.desc(), _RUN.id.desc()).limit(MOST_RUNS)
        return [Answered(*values) for _run_id, *values in self._session.execute(statement)]


def _listed(org_id: UUID, base_id: UUID) -> Select[Any]:
    """The questions of a base; the recall is that of the last time the live generation was asked."""
    last = (
        select(_RUN.recall)
        .join(Generation, and_(Generation.org_id == org_id, Generation.id == _RUN.generation_id))
        .where(
            _RUN.org_id == org_id,
            _RUN.retrieval_test_id == RetrievalTest.id,
            Generation.status == "live",
        )
        .order_by(_RUN.created_at.desc(), _RUN.id.desc())
        .limit(1)
        .correlate(RetrievalTest)
        .scalar_subquery()
    )
    return select(
        RetrievalTest.id,
        RetrievalTest.question,
        cast(func.jsonb_array_length(RetrievalTest.expected), Integer).label("expected"),
        last.label("recall"),
        RetrievalTest.created_at,
    ).where(RetrievalTest.org_id == org_id, RetrievalTest.knowledge_base_id == base_id)


def _result(recall: Any) -> Any:
    return case((recall.is_(None), "never"), (recall >= 1, "all"), (recall > 0, "some"), else_="none")


def _runs(org_id: UUID, base_id: UUID) -> Select[Any]:
    return (
        select(
            _RUN.run_id,
            Generation.number,
            (Generation.number == KnowledgeBase.live_generation).label("live"),
            func.count(),
            func.max(_RUN.k),
            func.avg(_RUN.recall),
            func.avg(_RUN.mrr),
            func.max(_RUN.created_at),
        )
        .select_from(_RUN)
        .join(Generation, and_(Generation.org_id == org_id, Generation.id == _RUN.generation_id))
        .join(
            KnowledgeBase,
            and_(KnowledgeBase.org_id == org_id, KnowledgeBase.id == Generation.knowledge_base_id),
        )
        .where(_RUN.org_id == org_id, Generation.knowledge_base_id == base_id, _RUN.run_id.is_not(None))
        .group_by(_RUN.run_id, Generation.number, KnowledgeBase.live_generation)
        .order_by(func.max(_RUN.created_at).desc(), _RUN.run_id.desc())
    )


def _answers(org_id: UUID, base_id: UUID) -> Select[Any]:
    return (
        select(
            _RUN.run_id,
            RetrievalTest.id,
            RetrievalTest.question,
            _RUN.recall,
            _RUN.mrr,
            _RUN.ranks,
            Generation.number,
            _RUN.k,
            _RUN.created_at,
        )
        .select_from(_RUN)
        .join(RetrievalTest, and_(RetrievalTest.org_id == org_id, RetrievalTest.id == _RUN.retrieval_test_id))
        .join(Generation, and_(Generation.org_id == org_id, Generation.id == _RUN.generation_id))
        .where(_RUN.org_id == org_id, RetrievalTest.knowledge_base_id == base_id)
    )
