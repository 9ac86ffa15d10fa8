"""Passages put into order by a real server, and left as they are when it does not answer."""

import pytest

from app.connections.asking import Patience
from app.knowledge.services import bases, sources
from app.knowledge.services.reranking import offered_rerankers
from app.knowledge.services.retrieval import Question, search
from tests.factories import connections, knowledge, orgs
from tests.factories.rows import stored
from tests.support.embedding_server import PERSONAL, embedding_server

TEXTS = {
    "Long": "Refunds take five days after you returned the parcel to the shop, whatever the plan says.",
    "Middle": "Refunds take five days, and parcels two.",
    "Short": "Refunds take days.",
}


@pytest.fixture
def server(allow):
    with embedding_server() as made:
        allow(made, kind="model")
        yield made


@pytest.fixture
def opened(org, server):
    key = connections.credential(org, PERSONAL)
    made = connections.connection(org, name="Order", base_url=server.url, credential_id=key.id)
    connections.model(made, "reranker", purpose="rerank")
    return made


@pytest.fixture
def filled(do, base, opened):
    """The handbook with its texts, reranked by the server."""
    for title, words in TEXTS.items():
        do(sources.add_text, base.id, title, words)
    (choice,) = do(offered_rerankers)
    now = stored(base)
    do(bases.change_base, base.id, now.lock_version, {**bases.values_of(now), "rerank": choice.key})
    return base


def names(found):
    return [hit.passage.source_name for hit in found.hits]


def test_the_server_s_order_counts(org, filled, server):
    found = search(org.id, Question("refunds take five days after you returned the parcel", [filled.id]))
    assert names(found) == ["Short", "Middle", "Long"]
    assert found.hits[0].rerank_score > found.hits[1].rerank_score > found.hits[2].rerank_score
    assert {hit.vector_rank for hit in found.hits} == {1, 2, 3}
    assert found.milliseconds["rerank"] > 0
    (asked,) = server.seen
    assert (asked["model"], asked["top_n"], len(asked["documents"])) == ("reranker", 3, 3)
    assert server.headers[0]["authorization"] == f"Bearer {PERSONAL}"
    best = search(
        org.id, Question("refunds take five days after you returned the parcel", [filled.id], top_k=1)
    )
    assert names(best) == ["Short"]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("500", "answered 500: Not with •••, please."),
        ("html", "The answer is a web page"),
        ("plain", "no order of texts"),
        ("slow", "did not answer"),
        ("cut", "did not answer"),
    ],
)
def test_the_order_stays_when_the_server_does_not_answer(org, filled, server, monkeypatch, fault, words):
    monkeypatch.setattr("app.knowledge.services.reranking.PATIENCE", Patience(seconds=0.5))
    server.always, server.slow_seconds = fault, 1.0
    found = search(org.id, Question("refunds take five days after you returned the parcel", [filled.id]))
    assert names(found)[0] == "Long"
    assert {hit.rerank_score for hit in found.hits} == {None}
    (notice,) = found.notices
    assert notice.startswith("The passages could not be reranked: ")
    assert words in notice
    assert PERSONAL not in notice


@pytest.mark.parametrize(
    "results",
    [
        [{"index": 3, "relevance_score": 1}],
        [{"index": 0, "relevance_score": 1}, {"index": 0, "relevance_score": 0.5}],
        [{"index": 0, "relevance_score": float("nan")}],
        [{"index": 0, "relevance_score": None}],
        [{"index": 0, "relevance_score": 10**400}],
        ["no object"],
        [],
    ],
)
def test_a_damaged_order_is_none(org, filled, server, monkeypatch, results):
    monkeypatch.setattr("tests.support.embedding_server._ranked", lambda _asked: results)
    found = search(org.id, Question("refunds take five days after you returned the parcel", [filled.id]))
    assert names(found)[0] == "Long"
    assert len(found.notices) == 1


def test_what_the_server_leaves_out_comes_after(org, filled, monkeypatch):
    monkeypatch.setattr(
        "tests.support.embedding_server._ranked",
        lambda asked: [{"index": len(asked["documents"]) - 1, "relevance_score": 0.5}],
    )
    plain = search(org.id, Question("refunds take five days", [filled.id]))
    assert len(plain.hits) == 3
    assert [hit.rerank_score for hit in plain.hits] == [0.5, None, None]


def test_several_bases_are_not_reranked(org, filled, server):
    other = knowledge.base(org)
    search(org.id, Question("refunds take five days", [filled.id, other.id]))
    assert server.seen == []


def test_the_form_offers_rerankers_and_the_page_shows_their_score(new_client, member, filled):
    person = new_client(member)
    page = person.page(f"/o/acme/knowledge/{filled.id}/edit")
    assert [option.text for option in page.find(id="rerank").find_all("option")] == [
        "Nothing",
        "reranker at Order",
    ]
    assert page.find(id="rerank").find("option", selected=True).text == "reranker at Order"
    assert "reranked by reranker" in person.page(f"/o/acme/knowledge/{filled.id}").text
    assert "reranked 0." in person.page(f"/o/acme/knowledge/{filled.id}/test?q=refunds").text


def test_or_isolation_another_organisation_s_reranker_is_not_asked(do, org, filled, server):
    other = orgs.org()
    theirs = connections.connection(other, name="Theirs", base_url=server.url)
    connections.model(theirs, "secret-order", purpose="rerank")
    assert [choice.connection for choice in do(offered_rerankers)] == ["Order"]
    now = stored(filled)
    values = {**bases.values_of(now), "rerank": f"{theirs.id}/secret-order"}
    do(bases.change_base, filled.id, now.lock_version, values)
    found = search(org.id, Question("refunds take five days", [filled.id]))
    assert found.notices == (
        "The passages could not be reranked: The connection of the model secret-order was deleted.",
    )
    assert server.seen == []
