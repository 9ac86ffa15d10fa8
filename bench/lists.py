"""Pages and counts of the list of threads, against OFFSET and exact counting."""

from typing import Any

from app.db.cursor import PageRequest, Position
from app.threads.repo.listed import ThreadListRepo
from app.web.listing import ListState
from bench.compare import compare, head
from bench.place import Place
from bench.report import line, table, times
from bench.rounds import race

PAGE = 10_000
SIZE = 20
_LIVE = "user_id = %s AND deleted_at IS NULL AND NOT archived"
_COLUMNS = (
    "t.id, t.name, t.origin, t.tags, t.message_count, t.tokens, t.cost_micros, t.created_at, t.last_message_at,"
    " a.name, u.first_name, u.last_name"
)
ORIGINAL = f"""
    SELECT {_COLUMNS} FROM (SELECT * FROM threads WHERE {_LIVE} ORDER BY created_at DESC, id DESC LIMIT 20 OFFSET %s) t
      LEFT JOIN agents a ON a.id = t.agent_id LEFT JOIN users u ON u.id = t.user_id
     ORDER BY t.created_at DESC, t.id DESC
"""
EXACT = f"SELECT count(*) FROM threads WHERE {_LIVE}"
EDGE = f"SELECT created_at, id FROM threads WHERE {_LIVE} ORDER BY created_at DESC, id DESC LIMIT 1 OFFSET %s"


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
    ((count,),) = place.asked(EXACT, place.heavy)()
    far = min(PAGE, count // SIZE)
    head(f"list of one person's {count:,} threads")
    bare = {}
    for page in (1, far):
        state = listed(place, page)

        def read(state: ListState = state) -> Any:
            return ThreadListRepo().page(place.org_id, place.viewer, state)

        original = place.asked(ORIGINAL, place.heavy, (page - 1) * SIZE)
        assert [row.id for row in place.product(read)().page.rows] == [row[0] for row in original()]
        bare[page] = compare(place, f"rows of page {page:,}", read, original, only="ORDER BY")
        compare(place, f"rows and count of page {page:,}", read, original)
    compare(place, "count", read, place.asked(EXACT, place.heavy), only="count(*)")
    table("same statement", "ratio")
    line(f"page {far:,} to page 1", times(bare[far] / bare[1]))


def growth(small: Place, full: Place) -> None:
    """The same work on both databases, in turns."""
    table("growth, organisation's list and searches", "ratio, full to small")
    for name, make in CALLS.items():
        variants = {}
        for which, place in (("small", small), ("full", full)):
            call = place.product(make(place))
            with place.app.app_context():
                variants[which] = place.plain(place.recorded(call))
        best = race(variants, full.ping)
        line(name, times(best["full"].ms / best["small"].ms))


def _page(place: Place, **state: Any) -> Any:
    return lambda: ThreadListRepo().page(place.org_id, place.viewer, place.state(sort="-last", **state))


CALLS: dict[str, Any] = {
    "first page and count": _page,
    "no-match search in names": lambda place: _page(place, q="xyzzyq"),
}
