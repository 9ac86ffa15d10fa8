"""AU-3: nothing tells whether an address has an account.

Work is measured as processor time: unlike the clock it does not depend on what else the machine does.
"""

import re
import time
from dataclasses import replace
from statistics import median

import pytest

from app.auth.services.passwords import hash_password
from tests.factories import auth

PAIRS = 15
# Differs between any two answers: the CSRF token and what was typed.
OWN = re.compile(r'(name="csrf[_-]token" (?:value|content)=|value=)"[^"]*"')


@pytest.fixture
def at_full_cost(app, connection, monkeypatch):
    """Passwords are hashed as in production; a hash of that cost."""
    monkeypatch.setitem(app.extensions, "settings", replace(app.extensions["settings"], testing=False))
    with app.app_context():
        return hash_password("the right passphrase")


def timed(client, url, form):
    begin = time.process_time()
    answer = client.submit(url, form)
    seconds = time.process_time() - begin
    headers = {name for name, _ in answer.headers}
    return seconds, (answer.status_code, answer.location, headers, OWN.sub("", answer.text))


def test_a_wrong_password_and_an_unknown_address_look_alike(client, at_full_cost):
    known, unknown = [], []
    for number in range(PAIRS):
        person = auth.user(password=at_full_cost)
        for found, email in ((known, person.email), (unknown, f"nobody{number}@example.org")):
            found.append(timed(client, "/sign-in", {"email": email, "password": "a wrong passphrase"}))
    assert [answer for _, answer in known] == [answer for _, answer in unknown]
    assert_equally_fast(known, unknown)


def test_a_reset_for_a_known_and_an_unknown_address_look_alike(client, mails):
    known, unknown = [], []
    for number in range(PAIRS):
        person = auth.user()
        for found, email in ((known, person.email), (unknown, f"nobody{number}@example.org")):
            found.append(timed(client, "/reset", {"email": email}))
    assert [answer for _, answer in known] == [answer for _, answer in unknown]
    assert_equally_fast(known, unknown)
    assert len(mails()) == PAIRS


def assert_equally_fast(first, second):
    medians = sorted(median(seconds for seconds, _ in found) for found in (first, second))
    assert medians[1] - medians[0] <= max(0.015, medians[1] * 0.1)
