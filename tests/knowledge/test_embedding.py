"""Passages and questions embedded by a server that speaks OpenAI's protocol, and what it may answer instead."""

import logging

import pytest
from sqlalchemy import update

from app.audit.models import AuditEvent
from app.connections.models import ConnectionModel, ModelConnection
from app.connections.repo.known_models import KnownModelsRepo
from app.connections.services import connections as connecting
from app.db.tables import Task
from app.knowledge.embedders.registry import EmbeddingFailed
from app.knowledge.models.chunks import Chunk, Embedding
from app.knowledge.models.sources import FreeformText, Generation, KnowledgeBase, RetrievalTestRun
from app.knowledge.services import bases, embedding, generations, saved, sources
from app.knowledge.services.choosing import LOCAL_MODEL, offered_models
from app.knowledge.services.retrieval import Question, search
from app.orgs.models import SpendLimit
from app.web.errors import Refusal
from tests.factories import connections, orgs
from tests.factories.rows import rows, stored
from tests.support.claims import claims, run
from tests.support.database import as_owner
from tests.support.embedding_server import MODEL, PERSONAL, WIDTH, embedding_server
from tests.support.knowledge import searchable
from tests.support.queries import queries

BODY = "\n\n".join(
    f"## Part {part}\n\n" + f"Refunds of plan {part} take five days. " * 30 for part in range(8)
)


@pytest.fixture
def server(allow, monkeypatch):
    """A server whose pauses are short."""
    monkeypatch.setattr("app.connections.asking.random.uniform", lambda _low, _high: 0.01)
    with embedding_server() as made:
        allow(made, kind="model")
        yield made


@pytest.fixture
def opened(org, server):
    key = connections.credential(org, PERSONAL)
    made = connections.connection(org, name="Vectors", base_url=server.url, credential_id=key.id)
    connections.model(made, MODEL, purpose="embedding", dimensions=WIDTH, input_price_micros=2_000_000)
    return made


@pytest.fixture
def remote(start, opened):
    """A base that is embedded by the server."""
    (_, choice) = start(offered_models)
    return start(bases.create_base, {"name": "Remote", "size": 60, "model": choice.model.key})


def test_passages_and_questions_go_to_the_server_and_only_there(do, org, remote, server, embedded, caplog):
    caplog.set_level(logging.DEBUG)
    do(sources.add_text, remote.id, "Refunds", BODY)
    vectors, passages = rows(Embedding), searchable()
    assert embedded == []
    assert len(vectors) == len(passages) == len(server.texts) > 8
    assert {(row.dimensions, row.model) for row in vectors} == {
        (WIDTH, f"{remote.connection_id}/{WIDTH}/{MODEL}")
    }
    found = search(org.id, Question("Refunds of plan 3 take how long?", [remote.id]))
    assert "plan 3" in found.hits[0].passage.text
    assert found.hits[0].vector_rank
    assert found.notices == ()
    assert server.texts[-1] == "Refunds of plan 3 take how long?"
    assert {headers["authorization"] for headers in server.headers} == {f"Bearer {PERSONAL}"}
    assert PERSONAL not in caplog.text
    assert {len(asked["input"]) for asked in server.seen} <= set(range(1, 33))
    words = sum(len(text.split()) for text in server.texts[: len(vectors)])
    (task,) = rows(Task)
    assert words * 2 <= task.cost_micros <= words * 2 + 5


def test_what_passages_cost_counts_to_the_limit_of_the_organisation(do, org, remote, server):
    limit = orgs.spend_limit(org, 1_000_000)
    do(sources.add_text, remote.id, "Refunds", BODY)
    (task,) = rows(Task)
    assert stored(limit).spent_micros == task.cost_micros > 0


def test_a_source_that_a_limit_has_no_room_for_goes_on_once_it_has(do, org, remote, server, monkeypatch):
    monkeypatch.setattr("app.knowledge.services.ingesting.EMBEDDED_AT_ONCE", 4)
    limit = orgs.spend_limit(org, 1_500)
    source_id = do(sources.add_text, remote.id, "Refunds", BODY)
    (source,), asked = rows(FreeformText, id=source_id), len(server.texts)
    assert source.status == "failed"
    assert source.error.startswith("Spend limit reached: the organisation may spend USD 0.0015 a month")
    assert 0 < asked == len(rows(Embedding))
    assert searchable() == []
    with as_owner() as session:
        session.execute(update(SpendLimit).values(limit_micros=1_000_000))
    do(sources.retry_source, remote.id, "text", source_id)
    assert rows(FreeformText, id=source_id)[0].status == "ready"
    assert len(server.texts) == len(rows(Embedding)) > asked
    assert stored(limit).spent_micros == sum(task.cost_micros for task in rows(Task))


def test_a_model_without_a_price_embeds_nothing_as_long_as_there_is_a_limit(do, org, remote, server):
    orgs.spend_limit(org, 1_000_000)
    with as_owner() as session:
        session.execute(update(ConnectionModel).values(input_price_micros=None))
    source_id = do(sources.add_text, remote.id, "Refunds", BODY)
    assert f"nobody has said what the model {MODEL} costs" in rows(FreeformText, id=source_id)[0].error
    assert server.texts == []


def test_base64_is_read_too(do, org, remote, server):
    server.base64 = True
    do(sources.add_text, remote.id, "Refunds", BODY)
    assert search(org.id, Question("plan 3", [remote.id], legs=("vector",))).hits


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("wide", f"a vector of {WIDTH + 256} numbers instead of {WIDTH}"),
        ("nan", "something that is no number"),
        ("zero", "nothing but zeros"),
        ("few", "vectors for"),
        ("places", "whose places are not those of the texts"),
        ("html", "The answer is a web page"),
        ("plain", "no list of vectors"),
        ("401", "answered 401: Not with •••, please."),
    ],
)
def test_what_is_no_answer_fails_the_document_with_its_words(do, org, remote, server, fault, words):
    do(sources.add_text, remote.id, "Fees", "Fees are due.")
    before = searchable()
    server.always = fault
    source_id = do(sources.add_text, remote.id, "Refunds", BODY)
    source = rows(FreeformText, id=source_id)[0]
    assert source.status == "failed"
    assert words in source.error
    assert PERSONAL not in source.error
    assert searchable() == before
    server.always = ""
    do(sources.retry_source, remote.id, "text", source_id)
    assert rows(FreeformText, id=source_id)[0].status == "ready"
    assert search(org.id, Question("plan 3", [remote.id], legs=("vector",))).hits


@pytest.mark.parametrize("fault", ["429", "500", "cut", "reset", "slow"])
def test_what_may_pass_is_asked_again(do, remote, server, monkeypatch, fault):
    monkeypatch.setattr(embedding, "SECONDS", 0.5)
    server.slow_seconds = 1.0
    server.faults = [fault, fault]
    source_id = do(sources.add_text, remote.id, "Refunds", BODY)
    assert rows(FreeformText, id=source_id)[0].status == "ready"
    assert len(server.seen) >= 3


def test_retry_after_is_waited_for_as_long_as_the_task_may_go_on(start, remote, server, monkeypatch):
    paused = []
    server.faults, server.retry_after = ["429"], "2"
    source_id = start(sources.add_text, remote.id, "Refunds", "Five days.")

    def cancel(seconds):
        paused.append(seconds)
        with as_owner() as session:
            session.execute(update(Task).values(cancel_requested_at=Task.created_at))

    monkeypatch.setattr("app.knowledge.services.embedding.time.sleep", cancel)
    (claim,) = claims()
    ending, _ = run(claim)
    assert ending.outcome == "cancelled"
    assert len(paused) == 1
    assert len(server.seen) == 1
    assert rows(Embedding) == []
    assert rows(FreeformText, id=source_id)[0].status == "embedding"


def test_a_server_that_stays_away_has_the_task_tried_again_later(start, remote, server):
    server.always, server.retry_after = "503", "3600"
    start(sources.add_text, remote.id, "Refunds", "Five days.")
    (claim,) = claims()
    ending, _ = run(claim)
    assert (ending.outcome, ending.status) == ("failed", "queued")
    assert "answered 503" in ending.error
    assert len(server.seen) == 1  # an hour is longer than a task waits


def test_a_switch_that_cannot_be_embedded_ends_with_the_reason_and_changes_nothing(
    do, start, base, opened, server
):
    do(sources.add_text, base.id, "Refunds", BODY)
    do(sources.add_text, base.id, "Fees", "Fees are due.")
    before = searchable()
    server.always = "wide"
    start(switch(base, opened))
    (claim,) = claims()
    ending, _ = run(claim)
    assert (ending.status, f"instead of {WIDTH}" in ending.error) == ("failed", True)
    assert searchable() == before
    assert stored(base).model == LOCAL_MODEL.name
    server.always = ""
    do(generations.build_again, base.id, 2)
    now = stored(base)
    assert (now.model, now.dimensions, now.connection_id) == (MODEL, WIDTH, opened.id)
    do(generations.roll_back, base.id, 1)
    now = stored(base)
    assert (now.model, now.connection_id) == (LOCAL_MODEL.name, None)
    assert searchable() == before


def test_a_build_that_a_limit_has_no_room_for_is_given_up(do, start, org, base, opened, server):
    do(sources.add_text, base.id, "Refunds", BODY)
    before = searchable()
    orgs.spend_limit(org, 1)
    start(switch(base, opened))
    (claim,) = claims()
    ending, _ = run(claim)
    assert (ending.status, ending.error.startswith("Spend limit reached")) == ("failed", True)
    assert (searchable(), server.texts) == (before, [])


def switch(base, opened):
    """Save the base with the server's model."""

    def act(org_id):
        now = stored(base)
        key = next(one.model.key for one in offered_models(org_id) if one.model.connection_id == opened.id)
        return bases.change_base(org_id, base.id, now.lock_version, {**bases.values_of(now), "model": key})

    return act


def test_words_are_searched_while_the_model_does_not_answer(do, org, remote, server):
    do(sources.add_text, remote.id, "Refunds", BODY)
    server.always = "500"
    found = search(org.id, Question("Refunds of plan 3", [remote.id]))
    assert found.hits[0].fulltext_rank == 1
    assert {hit.vector_rank for hit in found.hits} == {None}
    assert found.notices[0].startswith(f"Likeness could not be searched: {MODEL} answered 500")
    with pytest.raises(EmbeddingFailed, match="answered 500"):
        search(org.id, Question("Refunds", [remote.id], legs=("vector",)))
    assert len(server.seen) >= 2


def test_half_a_search_is_no_measure(do, start, remote, server):
    do(sources.add_text, remote.id, "Refunds", BODY)
    start(saved.save_test, remote.id, "Refunds of plan 3", [rows(Chunk)[0].id])
    server.always = "500"
    start(saved.ask_tests, remote.id)
    for claim in claims():
        ending, _ = run(claim)
        assert (ending.outcome, "Likeness" in ending.error) == ("failed", True)
    assert rows(RetrievalTestRun) == []


def test_search_page_and_api_say_what_could_not_be_searched(do, org, member, new_client, remote, server):
    do(sources.add_text, remote.id, "Refunds", BODY)
    server.always = "500"
    url = f"/o/acme/knowledge/{remote.id}/test?q=refunds+of+plan+3"
    person = new_client(member)
    page = person.page(url)
    assert "Not all of the search worked" in page.text
    assert page.find_all(class_="hit")
    assert person.get(f"{url}&legs=vector").status_code == 424


def test_a_disabled_connection_says_so(do, start, org, remote, opened, server):
    do(sources.add_text, remote.id, "Fees", "Fees are due.")
    with as_owner() as session:
        session.execute(update(ModelConnection).values(enabled=False))
    source_id = do(sources.add_text, remote.id, "Refunds", BODY)
    assert rows(FreeformText, id=source_id)[0].error == "The connection Vectors is disabled."
    found = search(org.id, Question("fees", [remote.id]))
    assert found.notices == ("Likeness could not be searched: The connection Vectors is disabled.",)
    assert len(found.hits) == 1
    assert [choice.connection for choice in start(offered_models)] == [None]
    now = stored(remote)
    start(bases.change_base, remote.id, now.lock_version, {**bases.values_of(now), "name": "Other"})
    with pytest.raises(Refusal, match="not offered any more"):
        start(bases.create_base, {"name": "More", "model": bases.values_of(now)["model"]})


def test_a_connection_in_use_cannot_be_deleted(do, start, base, opened, server):
    do(sources.add_text, base.id, "Fees", "Fees are due.")
    start(switch(base, opened))
    with pytest.raises(Refusal, match="embeds the knowledge base “Handbook”"):
        start(connecting.delete_connection, opened.id)
    (claim,) = claims()
    run(claim)
    with pytest.raises(Refusal, match="embeds the knowledge base “Handbook”"):
        start(connecting.delete_connection, opened.id)
    do(generations.roll_back, base.id, 1)
    do(connecting.delete_connection, opened.id)
    assert {row.number: row.connection_id for row in rows(Generation)} == {1: None, 2: None}
    with pytest.raises(Refusal, match="nothing embeds with it any more"):
        start(generations.roll_back, base.id, 2)


def test_a_model_of_unknown_or_other_width_is_not_offered(start, org, opened):
    connections.model(opened, "unknown", purpose="embedding")
    connections.model(opened, "odd", purpose="embedding", dimensions=100)
    connections.model(opened, "chat", dimensions=768)
    anthropic = connections.connection(org, kind="anthropic")
    connections.model(anthropic, "other", purpose="embedding", dimensions=768)
    offered = start(offered_models)
    assert [(choice.model.name, choice.connection) for choice in offered] == [
        (LOCAL_MODEL.name, None),
        (MODEL, "Vectors"),
    ]


def test_the_form_offers_models_and_another_one_is_built(new_client, member, base, opened, server, work):
    person, url = new_client(member), f"/o/acme/knowledge/{base.id}/edit"
    with queries(max=4):
        page = person.page(url)
    options = {option.text: option["value"] for option in page.find(id="model").find_all("option")}
    assert list(options) == [
        f"{LOCAL_MODEL.name} on this machine, 384 numbers",
        f"{MODEL} at Vectors, 768 numbers",
    ]
    fields = {
        field["name"]: field.get("value", "") for field in page.find("form", action=url).find_all("input")
    }
    wanted = {**fields, "gate": "none", "model": options[f"{MODEL} at Vectors, 768 numbers"]}
    assert person.submit(url, wanted).status_code == 303
    assert person.submit(url, {**wanted, "model": "nothing"}).status_code == 422
    work()
    assert stored(base).connection_id == opened.id
    with queries(max=4):
        shown = person.page(f"/o/acme/knowledge/{base.id}")
    assert f"{MODEL} at Vectors, 768 numbers per passage" in shown.text
    actions = [row.action for row in rows(AuditEvent) if row.target_id == base.id]
    assert actions == ["knowledge_base.change", "knowledge_base.rebuild"]


def test_another_organisation_s_model_is_not_offered_and_not_taken(start, opened):
    theirs = connections.connection(orgs.org(slug="other"), name="Theirs")
    connections.model(theirs, "secret-model", purpose="embedding", dimensions=768)
    assert "Theirs" not in [choice.connection for choice in start(offered_models)]
    with pytest.raises(Refusal, match="not offered"):
        start(bases.create_base, {"name": "Crossing", "model": f"{theirs.id}/768/secret-model"})
    assert [row.name for row in rows(KnowledgeBase)] == []
    assert start(lambda org_id: KnownModelsRepo().offered(org_id, "chat")) == []
