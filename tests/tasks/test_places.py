"""Which places of a worker are for which tasks."""

import pytest

from app.tasks.worker.process import shares


@pytest.mark.parametrize(
    ("queues", "expected"),
    [
        ([], [(4, ["answers"]), (10, ["-answers"])]),
        (["answers"], [(4, ["answers"])]),
        (["default"], [(10, ["default"])]),
        (["default", "answers"], [(4, ["answers"]), (10, ["default"])]),
    ],
)
def test_answers_have_places_of_their_own(queues, expected):
    assert shares(queues, 10, 4) == expected
