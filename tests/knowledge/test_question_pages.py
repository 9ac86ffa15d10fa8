"""Saved questions, their runs, notes and previews in the browser, without scripts."""

from uuid import uuid4

import pytest

from app.audit.models import AuditEvent
from app.knowledge.models.chunks import Chunk
from app.knowledge.models.sources import Generation, KnowledgeBase, RetrievalTest, RetrievalTestRun
from tests.factories import knowledge, orgs
from tests.factories.rows import rows, save
from tests.knowledge.test_pages import FORM, HOME, names
from tests.support.pages import parse
from tests.support.queries import queries

LONG = "\n\n".join(f"Paragraph {number} says how refunds of plan {number} are paid." for number in range(60))


@pytest.fixture
def home(base):
    return f"{HOME}/{base.id}"


@pytest.fixture
def text(base):
    return knowledge.text(base, "Five days.", title="Refunds")


@pytest.fixture
def passage(text):
    return knowledge.chunk(text, "Refunds take five days.")


@pytest.fixture
def question(base, passage):
    return knowledge.question(base, "How long do refunds take?", passage)


def answered(question, number=1, recall=1.0, run_id=None, **values):
    """Store how a generation answered a question."""
    generation = next(
        entry
        for entry in rows(Generation)
        if entry.number == number and entry.knowledge_base_id == question.knowledge_base_id
    )
    given = {"k": 8, "recall": recall, "mrr": recall, "ranks": [1 if recall else None], **values}
    return save(
        RetrievalTestRun(
            org_id=question.org_id,
            retrieval_test_id=question.id,
            generation_id=generation.id,
            run_id=run_id or uuid4(),
            **given,
        )
    )


def test_ticked_hits_are_saved_with_the_question(person, viewer, base, home, work):
    person.submit(f"{home}/sources/new/text", {"title": "Refunds", "body": "A refund takes five days."})
    work()
    asked = f"{home}/test?q=refund+days"
    page = person.page(asked)
    box = page.find("input", {"name": "ids"})
    assert not viewer.page(asked).find("input", {"name": "ids"})
    made = person.submit(f"{home}/questions", {"question": "refund days", "ids": [box["value"]]})
    assert made.status_code == 303
    (test,) = rows(RetrievalTest)
    assert (test.question, test.expected[0]["name"]) == ("refund days", "Refunds")
    assert "A refund takes five days." in person.page(made.location).text
    for wrong in ({"question": "", "ids": [box["value"]]}, {"question": "a\nb", "ids": [box["value"]]}):
        assert person.submit(f"{home}/questions", wrong).status_code == 422
    assert person.submit(f"{home}/questions", {"question": "a"}).status_code == 422
    assert person.submit(f"{home}/questions", {"question": "a", "ids": ["x"]}).status_code == 404
    assert person.submit(f"{home}/questions", {"question": "a", "ids": [str(uuid4())]}).status_code == 404
    assert viewer.submit(f"{home}/questions", {"question": "a", "ids": [box["value"]]}).status_code == 403


def test_questions_are_listed_by_their_last_result(person, base, home, passage, question):
    other = knowledge.question(base, "What are fees?", passage)
    answered(question, recall=0.0)
    with queries(max=4):
        person.page(f"{home}/questions")
    page = person.both(f"{home}/questions")
    assert set(names(page)) == {"How long do refunds take?", "What are fees?"}
    assert "Never asked" in page.text
    assert names(person.both(f"{home}/questions?result=none")) == [question.question]
    assert names(person.both(f"{home}/questions?result=-none")) == [other.question]
    assert names(person.both(f"{home}/questions?q=fees")) == [other.question]
    assert names(person.both(f"{home}/questions?sort=recall")) == [question.question, other.question]
    assert names(person.both(f"{home}/questions?result=all")) == []


def test_a_base_without_questions_offers_the_test(person, viewer, base, home):
    assert "No saved questions yet" in person.both(f"{home}/questions").text
    assert "Nobody has saved a question" in viewer.both(f"{home}/questions").text
    assert person.submit(f"{home}/questions/ask").status_code == 409
    assert "No runs yet" in person.page(f"{home}/questions/compare").text


def test_a_question_is_edited_and_deleted(person, base, home, text, passage):
    other = knowledge.chunk(text, "Fees are due.", 1)
    question = knowledge.question(base, "Refunds?", passage, other)
    place = f"{home}/questions/{question.id}"
    form = person.page(f"{place}/edit")
    seen = {"lock_version": form.find(id="lock-version")["value"]}
    assert len(form.select("input[name=keep]")) == 2
    assert person.submit(f"{place}/edit", {"question": "Fees?", "keep": ["1"], **seen}).status_code == 303
    (test,) = rows(RetrievalTest)
    assert (test.question, [entry["text"] for entry in test.expected]) == ("Fees?", ["Fees are due."])
    stale = person.submit(f"{place}/edit", {"question": "Refunds?", "keep": ["0"], **seen})
    assert (stale.status_code, rows(RetrievalTest)[0].question) == (409, "Fees?")
    seen = {"lock_version": parse(stale.text).find(id="lock-version")["value"]}
    for wrong in (
        {"question": "Fees?"},
        {"question": "", "keep": ["0"]},
        {"question": "x" * 2001, "keep": ["0"]},
        {"question": "Fees?", "keep": ["9" * 5000, "\u00b2", "-1", ""]},
    ):
        assert person.submit(f"{place}/edit", {**wrong, **seen}).status_code == 422
    assert "is not asked any more" in person.page(f"{place}/delete").text
    assert person.submit(f"{place}/delete").status_code == 303
    assert rows(RetrievalTest) == []
    assert rows(AuditEvent, action="retrieval_test.delete")


def test_several_questions_are_deleted_at_once(person, base, home, passage, question):
    knowledge.question(base, "Fees?", passage)
    wrong = person.submit(f"{home}/questions/bulk", {"act": "delete"})
    assert wrong.status_code == 422
    ids = [str(test.id) for test in rows(RetrievalTest)]
    given = {"act": "delete", "ids": ids}
    assert "Delete 2 questions" in person.submit(f"{home}/questions/bulk", given).text
    assert len(rows(RetrievalTest)) == 2
    assert person.submit(f"{home}/questions/bulk", {**given, "sure": "yes"}).status_code == 303
    assert rows(RetrievalTest) == []


def test_two_runs_are_compared(person, viewer, base, home, passage, question):
    knowledge.generation(base, 2)
    before = answered(question)
    after = answered(question, 2, recall=0.0)
    place = f"{home}/questions/compare?before={before.run_id}&after={after.run_id}"
    with queries(max=4):
        person.page(place)
    page = viewer.page(place)
    assert "1 worse, 0 better, 0 unchanged" in page.find("h2", id="questions").text
    turned = person.page(f"{home}/questions/compare?before={after.run_id}&after={before.run_id}")
    assert "0 worse, 1 better" in turned.find("h2", id="questions").text
    assert "unchanged" in person.page(f"{home}/questions/compare?before=x&after={uuid4()}").text
    assert "ranks 1" in person.page(place).text
    assert "100 %" in person.page(f"{home}/questions/{question.id}").text


def test_a_held_generation_offers_to_decide(person, viewer, base, home, question):
    knowledge.generation(base, 2, status="held", error="It finds 0% of the expected passages.")
    page = person.page(home)
    assert "It finds 0% of the expected passages." in page.text
    assert [button.text.strip() for button in page.select("td form.action button")] == ["Swap anyway", "Drop"]
    assert not viewer.page(home).select("td form.action button")
    assert viewer.submit(f"{home}/generations/2/swap").status_code == 403
    assert person.submit(f"{home}/generations/1/swap").status_code == 404
    assert person.submit(f"{home}/generations/2/swap").status_code == 303
    assert [row.status for row in rows(Generation) if row.number == 2] == ["building"]


def test_what_new_generations_must_do_is_a_setting(person, base, home):
    version = person.page(f"{home}/edit").find(attrs={"name": "lock_version"})["value"]
    values = {**FORM, "gate": "least", "least_percent": "75", "lock_version": version}
    assert person.submit(f"{home}/edit", {**values, "gate": "always"}).status_code == 422
    assert person.submit(f"{home}/edit", {**values, "least_percent": "101"}).status_code == 422
    assert person.submit(f"{home}/edit", values).status_code == 303
    saved = rows(KnowledgeBase)[0].retrieval
    assert (saved["gate"], saved["least_recall"]) == ("least", 0.75)
    assert "Must find 75 %" in person.page(home).text


def test_notes_are_written_on_passages(person, viewer, base, home, text, passage):
    place = f"{home}/sources/{text.id}/chunks/{passage.id}"
    seen = {"lock_version": person.page(f"{place}/note").find(id="lock-version")["value"]}
    assert person.submit(f"{place}/note", {"note": "Check this in May.", **seen}).status_code == 303
    assert person.submit(f"{place}/note", {"note": "Mine.", **seen}).status_code == 409
    assert "Check this in May." in viewer.page(place).text
    assert "Check this in May." in viewer.both(f"{home}/sources/{text.id}").text
    assert "Check this in May." in person.page(f"{place}/note").text
    assert person.submit(f"{place}/note", {"note": "x" * 2001}).status_code == 422
    assert person.submit(f"{place}/note", {"note": "a\0"}).status_code == 422
    assert viewer.submit(f"{place}/note", {"note": "No"}).status_code == 403
    seen = {"lock_version": person.page(f"{place}/note").find(id="lock-version")["value"]}
    person.submit(f"{place}/note", {"note": "", **seen})
    assert [chunk.note for chunk in rows(Chunk)] == [None]
    assert len(rows(AuditEvent, action="knowledge_chunk.annotate")) == 2
    elsewhere = f"{home}/sources/{knowledge.text(base).id}/chunks/{passage.id}/note"
    assert person.get(elsewhere).status_code == 404


def test_other_sizes_are_looked_at_before_they_are_saved(person, viewer, base, home, monkeypatch):
    text = knowledge.text(base, LONG, title="Long")
    place = f"{home}/preview?source={text.id}&size=20&overlap=0"
    page = viewer.page(place)
    assert len(page.select("ol.hits li")) == 50
    assert "The first 50 are shown." in page.text
    link = person.page(place).find("a", string=lambda words: words and "Use these sizes" in words) or next(
        entry for entry in person.page(place).find_all("a") if "Use these sizes" in entry.text
    )
    assert person.page(link["href"]).find(id="size")["value"] == "20"
    monkeypatch.setattr("app.knowledge.services.previewing.MOST_CHARACTERS", 200)
    assert "Of the first 200 characters." in person.page(place).text
    assert rows(Chunk) == []
    person.page(f"{home}/preview?source={text.id}&size=20&overlap=15", 422)
    person.page(f"{home}/preview?source={text.id}&size=0", 422)
    assert person.get(f"{home}/preview?source={uuid4()}").status_code == 404
    assert person.get(f"{home}/preview?source=x").status_code == 404
    assert "Preview passages" in person.page(f"{home}/preview").text
    fetched = knowledge.page(knowledge.web(base), markdown="# Fetched\n\nWords of a page.")
    assert "Words of a page." in person.page(f"{home}/preview?source={fetched.id}").text
    unread = knowledge.file(base, markdown=None)
    assert "has not been read yet" in person.page(f"{home}/preview?source={unread.id}").text
    assert person.get(f"{home}/edit?size=%C2%B2&overlap=-1").status_code == 200


def test_the_search_is_narrowed_to_kinds_and_sources(person, base, home, work):
    person.submit(f"{home}/sources/new/text", {"title": "Refunds", "body": "A refund takes five days."})
    person.submit(f"{home}/sources/new/table", {"name": "Prices", "rows": "Product,Days\nrefund,5\n"})
    work()
    asked = f"{home}/test?q=refund+days"
    assert len(person.page(asked).select("li.hit")) == 2
    assert "Prices" in person.page(f"{asked}&kind=table").find("ol", class_="hits").text
    assert len(person.page(f"{asked}&kind=table").select("li.hit")) == 1
    assert person.page(f"{asked}&kind=page").find("ol", class_="hits") is None
    source = next(
        option["value"] for option in person.page(asked).select("#source option") if option.text == "Refunds"
    )
    assert len(person.page(f"{asked}&source={source}").select("li.hit")) == 1
    person.page(f"{asked}&kind=song", 422)
    person.page(f"{asked}&source={uuid4()}", 422)


def test_oi_1_questions_of_others_are_not_found(new_client, base, home, question, passage, text):
    other = orgs.org(slug="other")
    theirs = knowledge.base(other)
    stranger = new_client(orgs.member(other))
    strange = f"/o/other/knowledge/{theirs.id}"
    run = answered(question)
    for path in (f"/questions/{question.id}", f"/sources/{text.id}/chunks/{passage.id}/note"):
        assert stranger.get(f"{strange}{path}").status_code == 404
        assert stranger.get(f"{home}{path}").status_code == 404
    for path in ("/questions", "/questions/compare", "/preview"):
        assert stranger.get(f"/o/other/knowledge/{base.id}{path}").status_code == 404
    assert "No runs yet" in stranger.page(f"{strange}/questions/compare?before={run.run_id}").text
    stranger.submit(f"{strange}/questions/bulk", {"act": "delete", "ids": [str(question.id)], "sure": "yes"})
    assert (
        stranger.submit(f"{strange}/questions", {"question": "a", "ids": [str(passage.id)]}).status_code
        == 404
    )
    assert stranger.get(f"{strange}/preview?source={text.id}").status_code == 404
    assert len(rows(RetrievalTest)) == 1
