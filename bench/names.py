"""The search in names, against ILIKE over one person's threads."""

from typing import Any

from app.threads.repo.listed import ThreadListRepo
from bench import original
from bench.compare import compare, head
from bench.place import Place

_FOUND = "FROM original.threads WHERE user_id = %s AND name ILIKE %s"
ORIGINAL = f"SELECT * {_FOUND} ORDER BY created_at DESC LIMIT 20"
COUNT = f"SELECT count(*) {_FOUND}"
WORDS = """
    SELECT w, count(*) FROM threads, regexp_split_to_table(lower(name), ' ') w
     WHERE user_id = %s AND deleted_at IS NULL AND NOT archived AND length(w) > 6 GROUP BY 1 ORDER BY 2, 1 LIMIT 1
"""


def measure(place: Place) -> None:
    """Each kind of word for each kind of person; ours always counts, the original form without and with its count."""
    original.make(place.original, original.THREADS)
    for who, user in (("heavy user", place.heavy), ("typical user", place.typical)):
        ((rare, _),) = place.asked(WORDS, user)()
        head(f"search in names, {who}")
        for kind, word in {"no match": "xyzzyq", "rare word": rare, "common word": "invoice"}.items():
            state = place.state(word, chosen={"user": (str(user),)}, sort="-created")

            def find(state: Any = state) -> Any:
                return ThreadListRepo().page(place.org_id, place.viewer, state)

            rows = place.asked(ORIGINAL, user, f"%{word}%")
            count = place.asked(COUNT, user, f"%{word}%")

            def both(rows: Any = rows, count: Any = count) -> Any:
                return rows(), count()

            found = [row.id for row in place.product(find)().page.rows]
            assert found == [row[0] for row in rows()], (who, word)
            compare(place, f"{kind}, rows", find, rows)
            compare(place, f"{kind}, rows and count", find, both)
