"""Pages and counts of the list of threads, against OFFSET and exact counting."""

from typing import Any

from sqlalchemy import select

from app.db.base import db
from app.db.cursor import PageRequest, Position, capped_count
from app.threads.models import Thread
from app.threads.repo.conditions import in_scope
from app.threads.repo.listed import ThreadListRepo
from app.threads.repo.search import SearchRepo
from app.threads.repo.threads import ThreadRepo
from app.web.listing import ListState
from bench import original
from bench.compare import compare, head, holding
from bench.place import Place
from bench.report import line, shown, table, times
from bench.rounds import race

PAGE = 10_000
SIZE = 20
_FOUND = "FROM original.threads WHERE user_id = %s"
ORIGINAL = f"SELECT * {_FOUND} ORDER BY created_at DESC LIMIT 20 OFFSET %s"
EXACT = f"SELECT count(*) {_FOUND}"
ANY = "SELECT id FROM threads WHERE org_id = %s AND deleted_at IS NULL LIMIT 1"
EDGE = f"SELECT created_at, id {_FOUND} ORDER BY created_at DESC LIMIT 1 OFFSET %s"


def listed(place: Place, page: int) -> ListState:
    """The state of a page of the heavy user's threads, newest first."""
    skipped = (page - 1) * SIZE
    position = None
    if skipped:
        ((moment, last),) = place.asked(EDGE, place.heavy, skipped - 1)()
        position = Position(moment, last, skipped)
    return place.state(
        chosen={"user": (str(place.heavy),)}, sort="-created", request=PageRequest(SIZE, position)
    )


def measure(place: Place) -> None:
    """First page, a far one, and the count."""
    original.make(place.original, original.THREADS)
    ((count,),) = place.asked(EXACT, place.heavy)()
    far = min(PAGE, count // SIZE)
    head(f"list of one person's {count:,} threads")
    bare = {}
    for page in (1, far):
        state = listed(place, page)

        def read(state: ListState = state) -> Any:
            return ThreadListRepo().page(place.org_id, place.viewer, state)

        rows = place.asked(ORIGINAL, place.heavy, (page - 1) * SIZE)
        assert [row.id for row in place.product(read)().page.rows] == [row[0] for row in rows()]
        bare[page] = compare(place, f"rows of page {page:,}", read, rows, only="ORDER BY")
        compare(place, f"rows and count of page {page:,}", read, rows)
    compare(place, "count", read, place.asked(EXACT, place.heavy), only="count(*)")
    table("same statement", "ratio")
    line(f"page {far:,} to page 1", times(bare[far] / bare[1]))


def growth(small: Place, full: Place) -> None:
    """The same work for the largest organisations of both databases."""
    table("growth, the largest organisation of each", "small, ms", "full, ms", "ratio")
    for name, (make, only) in CALLS.items():
        (few, many) = _both(small, full, make, only)
        line(name, shown(few), shown(many), times(many / few))


def _both(small: Place, full: Place, make: Any, only: str) -> tuple[float, float]:
    """How long some statements take at either place, in milliseconds, asked in turns."""
    variants = {}
    for which, place in (("small", small), ("full", full)):
        call = place.product(make(place))
        with place.app.app_context():
            variants[which] = place.plain(holding(only, place.recorded(call)))
    best = race(variants, full.ping)
    return best["small"].ms, best["full"].ms


def _page(place: Place, **state: Any) -> Any:
    return lambda: ThreadListRepo().page(place.org_id, place.viewer, place.state(sort="-last", **state))


def _filtered(place: Place) -> Any:
    counted = capped_count(select(Thread.id).where(*in_scope(place.org_id, place.state())))
    return lambda: db.session.execute(counted).all()


def _thread(place: Place) -> Any:
    ((thread_id,),) = place.asked(ANY, place.org_id)()
    return lambda: ThreadRepo().head(place.org_id, place.viewer, thread_id)


def _search(place: Place) -> Any:
    return lambda: SearchRepo().page(place.org_id, place.viewer, place.state("invoice"))


CALLS: dict[str, tuple[Any, str]] = {
    "first page": (_page, "ORDER BY"),
    "count of all": (_page, "thread_counts"),
    "count of a list that filters, up to 10,000": (_filtered, ""),
    "one thread": (_thread, ""),
    "no-match search in names": (lambda place: _page(place, q="xyzzyq"), ""),
    "ranked search in messages": (_search, ""),
}
