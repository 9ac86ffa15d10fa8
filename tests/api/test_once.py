"""AP-2: a creating call with an Idempotency-Key happens once, whatever becomes of its answer."""

from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from app.agents.models import Agent
from app.db.tables import IdempotencyKey
from app.orgs.models import OrgMember
from tests.factories import auth, orgs, world
from tests.factories.rows import rows, save
from tests.support.live import Live
from tests.support.postgres import in_database
from tests.support.program import Program
from tests.support.tcp_proxy import TcpProxy
from tests.support.web import Web

AGENTS = "/api/v1/agents"


def once(program, key, body):
    return program.post(AGENTS, body, headers={"Idempotency-Key": key})


def same(first, second) -> bool:
    return (first.status_code, first.data, first.location) == (
        second.status_code,
        second.data,
        second.location,
    )


def test_ap_2_the_same_call_again_gives_the_same_answer(ours, home):
    first = once(ours, "k-1", {"name": "Only one"})
    assert first.status_code == 201
    ours.patch(first.location, {"version": 1, "name": "Renamed"})
    again = once(ours, "k-1", {"name": "Only one"})
    assert same(first, again)
    assert again.mimetype == first.mimetype
    assert len(rows(Agent, org_id=home.org.id)) == 2


def test_ap_2_another_body_or_address_is_a_conflict(ours, home):
    once(ours, "k-1", {"name": "Only one"})
    again = once(ours, "k-1", {"name": "Another"})
    assert (again.status_code, "Send a new one" in again.json["detail"]) == (409, True)
    assert len(rows(Agent, org_id=home.org.id)) == 2


def test_ap_2_without_a_key_each_call_counts(ours, home):
    assert ours.post(AGENTS, {"name": "One"}).status_code == 201
    assert ours.post(AGENTS, {"name": "Two"}).status_code == 201


def test_ap_2_a_refusal_is_an_answer_too(ours, home):
    """What is refused at first stays refused, although it would go through by now."""
    first = once(ours, "k-1", {"name": home.agent.name})
    assert first.status_code == 422
    ours.delete(f"{AGENTS}/{home.agent.id}")
    assert same(first, once(ours, "k-1", {"name": home.agent.name}))
    assert once(ours, "k-2", {"name": home.agent.name}).status_code == 201


def test_ap_2_what_cannot_be_read_is_no_answer_yet(ours):
    assert once(ours, "k-1", {"name": ""}).status_code == 422
    assert once(ours, "k-1", {"name": "Right this time"}).status_code == 201


def test_ap_2_keys_of_another_organisation_or_person_are_others(app, program, home, theirs):
    ours, foreign, colleague = program(home), program(theirs), program(home, "admin")
    first = once(ours, "k-1", {"name": "Only one"})
    assert once(foreign, "k-1", {"name": "Only one"}).json["id"] != first.json["id"]
    assert once(colleague, "k-1", {"name": "Second"}).status_code == 201
    both = auth.user()
    for tenant in (home, theirs):
        save(OrgMember(org_id=tenant.org.id, user_id=both.id, role="owner"))
    made = [
        once(Program(app, tenant.org, both), "k-9", {"name": "In both"}).json["id"]
        for tenant in (home, theirs)
    ]
    assert len(set(made)) == 2


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "ü"])
def test_ap_2_an_unusable_key_is_refused(ours, home, key):
    answer = once(ours, key, {"name": "x"})
    assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, "Idempotency-Key")
    assert len(rows(Agent, org_id=home.org.id)) == 1


def test_ap_2_what_is_kept_goes_with_the_organisation(ours, home):
    once(ours, "k-1", {"name": "Kept"})
    (kept,) = rows(IdempotencyKey, org_id=home.org.id, key="k-1")
    assert (kept.user_id, kept.status) == (home.owner.id, 201)
    assert "Kept" in kept.body


def post(url, secret, key, name):
    headers = {"Authorization": f"Bearer {secret}", "Idempotency-Key": key}
    return httpx2.post(f"{url}{AGENTS}", json={"name": name}, headers=headers, timeout=30, trust_env=False)


def test_ap_2_twenty_at_once_make_one(live: Live):
    home = world.tenant("Homecanary")
    _, secret = orgs.api_key(home.org, home.owner)
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: post(live.url, secret, "k-1", "Only one"), range(20)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({(answer.content, answer.headers["Location"]) for answer in answers}) == 1
    assert len(rows(Agent, org_id=home.org.id, name="Only one")) == 1


def test_ap_2_a_call_whose_answer_was_lost_in_a_kill_happened_once(live: Live, tmp_path):
    """The database is slow to tell the process that it has committed; then the process is gone."""
    home = world.tenant("Homecanary")
    _, secret = orgs.api_key(home.org, home.owner)
    port = int(in_database(live.cluster, live.name).rpartition(":")[2].partition("/")[0])
    with TcpProxy(port) as proxy, ThreadPoolExecutor(1) as pool:
        address = live.settings["DATABASE_URL"].replace(f":{port}/", f":{proxy.port}/")
        doomed = Web(tmp_path, {**live.settings, "DATABASE_URL": address, "PORT": "", "BASE_URL": live.url})
        doomed.begin()
        post(doomed.url, secret, "warm", "Warm")
        proxy.latency = 0.15
        lost = pool.submit(post, doomed.url, secret, "k-1", "Only one")
        while not rows(Agent, org_id=home.org.id, name="Only one"):
            assert not lost.done(), "the answer came before the commit was seen"
        doomed.kill()
        with pytest.raises(httpx2.TransportError):
            lost.result()
    again = post(live.url, secret, "k-1", "Only one")
    assert again.status_code == 201
    (made,) = rows(Agent, org_id=home.org.id, name="Only one")
    assert again.json()["id"] == str(made.id)
