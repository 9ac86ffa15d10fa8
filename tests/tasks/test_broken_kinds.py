"""Kinds of tasks whose code cannot be loaded: of the version that is being installed, or without a library it needs."""

from uuid import uuid4

import pytest

from app.db.work import kinds
from app.tasks.repo.runs import Claim
from app.tasks.worker import dispatch
from app.tasks.worker.dispatch import Dispatcher
from app.tasks.worker.running import attempt


@pytest.fixture
def claim(app, acting, monkeypatch):
    acting()
    monkeypatch.setattr(kinds(), "_paths", {"test.broken": "tests.support.there_is_none:KIND"})
    return Claim(uuid4(), uuid4(), "test.broken", 1)


def test_the_attempt_has_failed(claim):
    ending = attempt(claim, lambda *_values: None)
    assert (ending.status, ending.error) == ("queued", "ModuleNotFoundError")


def test_the_place_is_free_for_others(app, claim, monkeypatch):
    endings = []
    monkeypatch.setattr(dispatch, "settle", lambda *values: endings.append(values[-1].outcome))
    worker = Dispatcher(app, uuid4(), 1, [], 10)
    worker._start(claim)
    assert worker.finish(5)
    assert endings == ["failed"]
