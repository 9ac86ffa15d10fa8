"""Knowledge bases in the browser, without scripts: lists, forms, uploads, passages, the test of the search."""

import io
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from app.audit.models import AuditEvent
from app.knowledge.models.chunks import Chunk
from app.knowledge.models.sources import FreeformText, KnowledgeBase, KnowledgeFile, KnowledgeTable
from tests.factories import knowledge, orgs, tasks
from tests.factories.rows import rows
from tests.support.client import HTMX
from tests.support.pages import parse
from tests.support.queries import queries

HOME = "/o/acme/knowledge"
FORM = {
    "name": "Handbook",
    "size": "200",
    "overlap": "30",
    "top_k": "8",
    "threshold_percent": "0",
    "gate": "none",
    "least_percent": "90",
}


@pytest.fixture
def home(base):
    return f"{HOME}/{base.id}"


@pytest.fixture
def text(base):
    return knowledge.text(base, "# Refunds\n\nFive days.", title="Refunds")


def names(page):
    return [link.text.strip() for link in page.select("#results tbody th a")]


def test_an_empty_organisation_offers_the_first_base(person, viewer, org):
    page = person.both(HOME)
    assert "No knowledge bases yet" in page.find(id="results").text
    assert page.find(id="results").find("a", href=f"{HOME}/new")
    assert not viewer.both(HOME).find("a", href=f"{HOME}/new")


def test_bases_are_searched_sorted_and_counted(person, org):
    for name in ("Orders", "Refunds", "Travel"):
        knowledge.base(org, name=name)
    knowledge.base(org, name="Old", archived=True)
    with queries(max=4):
        person.page(HOME)
    page = person.both(HOME)
    assert names(page) == ["Orders", "Refunds", "Travel"]
    assert names(person.both(f"{HOME}?q=REF")) == ["Refunds"]
    assert names(person.both(f"{HOME}?sort=-name&status=archived&status=active")) == [
        "Travel",
        "Refunds",
        "Orders",
        "Old",
    ]


def test_lists_are_narrowed_by_dates(person, org, base, home, text):
    knowledge.base(org, name="Old", created_at=datetime(2020, 1, 1, tzinfo=UTC))
    assert names(person.both(f"{HOME}?created=7d")) == ["Handbook"]
    assert names(person.both(f"{HOME}?created=2020-01-01..2020-01-01")) == ["Old"]
    assert names(person.both(f"{HOME}?updated=2020-01-01..2020-01-01")) == []
    assert names(person.both(f"{home}/sources?created=7d")) == ["Refunds"]
    assert names(person.both(f"{home}/sources?created=2020-01-01..2020-01-01")) == []


def test_a_base_is_created_once(person, org):
    made = person.submit(f"{HOME}/new", FORM)
    assert made.status_code == 303
    assert [base.name for base in rows(KnowledgeBase)] == ["Handbook"]
    again = person.submit(f"{HOME}/new", {**FORM, "name": "hANDBOOK"})
    assert again.status_code == 422
    assert "Another knowledge base has this name" in again.text


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"name": ""}, "Enter a name for the knowledge base."),
        ({"size": "7"}, "Enter a whole number from 20 to 250."),
        ({"size": "many"}, "Enter a whole number"),
        ({"size": "50", "overlap": "40"}, "Use at most half of the longest passage."),
        ({"top_k": ""}, "Enter a whole number from 1 to 50."),
        ({"threshold_percent": "101"}, "Enter a whole number from 0 to 100."),
        ({"description": "x" * 2001}, "Use at most 2,000 characters."),
        ({"description": "a\0b"}, "Remove the null characters."),
    ],
)
def test_wrong_values_are_named_and_nothing_is_stored(person, org, wrong, words):
    answer = person.submit(f"{HOME}/new", {**FORM, **wrong})
    assert answer.status_code == 422
    assert words in answer.text
    assert rows(KnowledgeBase) == []


def test_a_base_is_edited_and_a_stale_form_is_refused(person, base, home):
    page = person.page(f"{home}/edit")
    version = page.find(attrs={"name": "lock_version"})["value"]
    changed = {**FORM, "name": "Handbook", "top_k": "5", "lock_version": version}
    assert person.submit(f"{home}/edit", changed).status_code == 303
    assert rows(KnowledgeBase)[0].retrieval["top_k"] == 5
    stale = person.submit(f"{home}/edit", {**changed, "top_k": "6"})
    assert (stale.status_code, "nothing of yours is saved yet" in stale.text) == (409, True)
    assert rows(KnowledgeBase)[0].retrieval["top_k"] == 5
    kept = parse(stale.text)
    assert kept.find(id="top_k")["value"] == "6"
    version = kept.find(id="lock-version")["value"]
    assert (
        person.submit(f"{home}/edit", {**changed, "top_k": "6", "lock_version": version}).status_code == 303
    )


def test_another_size_shows_a_generation_that_can_be_given_up(person, base, home):
    version = person.page(f"{home}/edit").find(attrs={"name": "lock_version"})["value"]
    person.submit(f"{home}/edit", {**FORM, "size": "100", "lock_version": version})
    assert "Building" in person.page(home).text
    assert person.submit(f"{home}/generations/2/cancel").status_code == 303
    assert "Failed" in person.page(home).text
    assert person.submit(f"{home}/generations/9/restore").status_code == 404


def test_archived_bases_take_nothing_and_are_restored(person, base, home):
    person.submit(f"{home}/archive")
    assert "is archived" in person.page(f"{home}/sources").text
    refused = person.submit(f"{home}/sources/new/text", {"title": "A", "body": "b"})
    assert refused.status_code == 409
    assert "is archived" in person.page(f"{home}/test?q=refund").text
    person.submit(f"{home}/restore")
    assert not rows(KnowledgeBase)[0].archived


def test_one_source_and_one_passage_are_no_plural_where_they_are_deleted(person, org):
    small = knowledge.base(org, name="Small", source_count=1, chunk_count=1)
    text = knowledge.text(small, chunk_count=1)

    def counts(place):
        return [line.text for line in person.page(f"{HOME}/{small.id}{place}").select(".impact li")]

    assert counts("/delete") == ["1 source", "1 passage with its vectors"]
    assert counts(f"/sources/{text.id}/delete") == ["1 passage with its vectors"]


def test_deleting_asks_for_the_name(person, base, home, text):
    assert "passages with their vectors" in person.page(f"{home}/delete").text
    assert person.submit(f"{home}/delete", {"name": "handbook"}).status_code == 422
    assert person.submit(f"{home}/delete", {"name": "Handbook"}).status_code == 303
    assert rows(KnowledgeBase) == rows(FreeformText) == []
    assert rows(AuditEvent, action="knowledge_base.delete")


def test_texts_are_written_and_edited(person, base, home):
    made = person.submit(f"{home}/sources/new/text", {"title": "Refunds", "body": "Five days."})
    assert made.status_code == 303
    place = made.location
    assert "Queued" in person.page(place).text
    seen = person.page(f"{place}/edit").find(id="lock-version")["value"]
    person.submit(f"{place}/edit", {"title": "Refunds", "body": "Six days.", "lock_version": seen})
    assert rows(FreeformText)[0].body == "Six days."
    theirs = {"title": "Refunds", "body": "Seven days.", "lock_version": seen}
    answer = person.submit(f"{place}/edit", theirs)
    assert (answer.status_code, rows(FreeformText)[0].body) == (409, "Six days.")
    page = parse(answer.text)
    assert "nothing of yours is saved yet" in page.find(id="error-summary").text
    assert page.find("textarea").text.strip() == "Seven days."
    again = {**theirs, "lock_version": page.find(id="lock-version")["value"]}
    assert person.submit(f"{place}/edit", again).status_code == 303
    assert rows(FreeformText)[0].body == "Seven days."
    empty = person.submit(f"{home}/sources/new/text", {"title": "", "body": ""})
    assert empty.status_code == 422
    assert "Enter a title." in empty.text
    assert "Write something." in empty.text


def upload(client, url, *files, **values):
    field, htmx = values.pop("field", "files"), values.pop("htmx", False)
    data = {field: [(io.BytesIO(content), name) for name, content in files], **values}
    return client.submit(url, data, content_type="multipart/form-data", htmx=htmx)


def test_files_are_added_together(person, base, home):
    made = upload(person, f"{home}/sources/new/file", ("a.md", b"# A"), ("../../b.txt", b"B"))
    assert made.status_code == 303
    assert sorted(file.name for file in rows(KnowledgeFile)) == ["a.md", "b.txt"]
    assert names(person.both(f"{home}/sources")) == ["b.txt", "a.md"]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ([], "Choose at least one file."),
        ([("a.md", b"")], "a.md: The file is empty."),
        (
            [("a.md", b""), ("b.pdf", b"plain words")],
            "a.md: The file is empty.\nb.pdf: The name ends in .pdf, but the file is text.",
        ),
        ([("c.png", b"\x89PNG\r\n\x1a\n")], "A picture cannot be read."),
        ([("d.md", b"d")] * 51, "Choose at most 50 files at once."),
    ],
)
def test_up_1_where_no_file_can_be_read_each_is_named_on_a_line(person, base, home, files, words):
    answer = upload(person, f"{home}/sources/new/file", *files)
    assert answer.status_code == 422
    assert words in answer.text
    assert rows(KnowledgeFile) == []


@pytest.mark.parametrize("htmx", [False, True])
def test_up_1_files_that_can_be_read_are_added_and_the_others_named_one_by_one(person, base, home, htmx):
    files = [("a.md", b"# A"), ("b.pdf", b"plain words"), ("c.md", b"# C"), ("d.md", b"")]
    for _ in range(2):
        made = upload(person, f"{home}/sources/new/file", *files, once="t" * 24, htmx=htmx)
        assert made.status_code == (204 if htmx else 303)
        page = person.page(made.headers["HX-Redirect"] if htmx else made.location)
        assert "2 files added, 2 skipped." in page.text
        alert = page.find(id="results").select_one(".notice-warning")
        assert "These were not added:" in alert.text
        assert [" ".join(line.text.split()) for line in alert.select("li")] == [
            "b.pdf: The name ends in .pdf, but the file is text.",
            "d.md: The file is empty.",
        ]
        assert alert.find("a") is None
    assert sorted(file.name for file in rows(KnowledgeFile)) == ["a.md", "c.md"]
    assert not person.page(f"{home}/sources").select(".notice-warning")


def test_up_1_a_form_that_comes_again_with_other_files_is_refused_and_not_said_to_have_added_them(
    person, base, home
):
    url, once = f"{home}/sources/new/file", "t" * 24
    upload(person, url, ("a.md", b"# A"), ("b.md", b""), once=once)
    again = upload(person, url, ("b.md", b"# B"), once=once)
    assert again.status_code == 409
    assert "open the form anew" in again.text
    assert [file.name for file in rows(KnowledgeFile)] == ["a.md"]


def test_up_1_as_many_files_that_cannot_be_read_are_named_as_a_cookie_holds(person, base, home):
    names = ["".join(chr(0x4E00 + hash((n, at)) % 9_000) for at in range(60)) for n in range(49)]
    made = upload(person, f"{home}/sources/new/file", ("a.md", b"# A"), *((name, b"") for name in names))
    assert max(len(value) for value in made.headers.getlist("Set-Cookie")) < 4_093
    lines = [line.text for line in person.page(made.location).select(".notice-warning li")]
    assert names[0] in lines[0]
    assert lines[-1] == f"and {50 - len(lines)} more"


def test_up_1_the_forms_say_how_large_a_file_may_be(person, base, home):
    assert "up to 50 files of 50 MiB each" in person.page(f"{home}/sources/new/file").text
    assert "CSV or Excel, up to 50 MiB;" in person.page(f"{home}/sources/new/table").text


def test_up_1_a_file_over_the_limit_is_refused(person, base, home, monkeypatch):
    monkeypatch.setattr("app.knowledge.forms.MOST_FILE_BYTES", 400_000)
    answer = upload(person, f"{home}/sources/new/file", ("a.txt", b"x" * 400_001))
    assert answer.status_code == 422
    assert "The file is larger than 400 kB." in answer.text


def test_tables_are_pasted_or_uploaded(person, base, home):
    pasted = person.submit(
        f"{home}/sources/new/table", {"name": "Prices", "rows": "Product,Price\nParcel,4.90\n"}
    )
    assert pasted.status_code == 303
    uploaded = upload(
        person, f"{home}/sources/new/table", ("p.csv", b"a,b\n1,2\n"), field="file", name="Sizes"
    )
    assert uploaded.status_code == 303
    assert {table.name: table.row_count for table in rows(KnowledgeTable)} == {"Prices": 1, "Sizes": 0}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"name": "T"}, "Choose one file, or paste rows."),
        ({"name": "T", "rows": "Plan\n" + "a\n" * 50_001}, "Paste at most 50,000 rows below the head."),
        ({"name": "T", "rows": "only a head"}, "at least one more"),
        ({"name": "T", "rows": "a,b\n1,2,3"}, "Row 2 has more cells than there are columns."),
        ({"name": "T", "rows": 'a,b\n"1'}, "These rows cannot be read"),
        ({"name": "T", "rows": ",".join("x" * 101) + "\n1"}, "Use at most 100 columns."),
        ({"name": "", "rows": "a\n1"}, "Enter a name for the table."),
    ],
)
def test_rows_that_are_no_table_are_explained(person, base, home, values, words):
    answer = person.submit(f"{home}/sources/new/table", values)
    assert answer.status_code == 422
    assert words in answer.text
    assert rows(KnowledgeTable) == []


def test_sources_are_filtered_in_four_statements(person, base, home, text):
    knowledge.file(base, name="orders.md")
    knowledge.table(base, [["a"], ["b"]], name="Prices", status="failed", error="It is damaged.")
    with queries(max=4):
        person.page(f"{home}/sources")
    page = person.both(f"{home}/sources")
    assert "It is damaged." in page.text
    assert names(person.both(f"{home}/sources?kind=file")) == ["orders.md"]
    assert names(person.both(f"{home}/sources?status=failed")) == ["Prices"]
    assert names(person.both(f"{home}/sources?q=refu")) == ["Refunds"]


def test_rows_in_work_are_kept_true_by_one_small_request(person, base, home, text):
    busy = knowledge.text(base, title="New", status="embedding", progress=40)
    page = person.both(f"{home}/sources")
    asked = page.find(id="live_rows")["hx-get"]
    assert busy.id.hex in asked
    assert text.id.hex not in asked
    cells = person.get(asked, headers=HTMX).text
    assert f'id="status-{busy.id}"' in cells
    assert "40" in cells
    assert person.get(f"{home}/sources/status?ids=none,{uuid4().hex}", headers=HTMX).status_code == 200


def test_several_sources_are_changed_at_once(person, org, base, home, text):
    working = tasks.task(org, kind="knowledge.ingest", status="running")
    busy = knowledge.text(base, title="Busy", status="reading", task_id=working.id)
    ids = {"ids": [str(text.id), str(busy.id)]}
    person.submit(f"{home}/sources/bulk", {**ids, "act": "disable"})
    assert {row.enabled for row in rows(FreeformText)} == {False}
    person.submit(f"{home}/sources/bulk", {**ids, "act": "retry"})
    assert "1 queued, 1 skipped." in person.page(f"{home}/sources").text
    assert "Delete 2 sources" in person.submit(f"{home}/sources/bulk", {**ids, "act": "delete"}).text
    assert len(rows(FreeformText)) == 2
    person.submit(f"{home}/sources/bulk", {**ids, "act": "delete", "sure": "yes"})
    assert rows(FreeformText) == []
    assert person.submit(f"{home}/sources/bulk", {"act": "delete"}).status_code == 422
    assert person.submit(f"{home}/sources/bulk", {**ids, "act": "paint"}).status_code == 422


def test_passages_are_listed_opened_and_switched_off(person, viewer, base, home, text):
    first = knowledge.chunk(text, "Five days.", 0)
    knowledge.chunk(text, "Six days.", 1)
    place = f"{home}/sources/{text.id}"
    page = person.both(place)
    assert "Five days." in page.text
    assert names(person.both(f"{place}?q=six")) == ["2"]
    opened = person.page(f"{place}/chunks/{first.id}")
    assert "Six days." in opened.text
    assert person.submit(f"{place}/chunks/{first.id}/disable").status_code == 303
    assert [chunk.enabled for chunk in rows(Chunk) if chunk.id == first.id] == [False]
    assert "This passage is disabled" in viewer.page(f"{place}/chunks/{first.id}").text
    assert viewer.submit(f"{place}/chunks/{first.id}/enable").status_code == 403


def test_a_passage_of_an_earlier_version_says_so(person, base, home, text):
    old = knowledge.chunk(text, "Three days.", 0, last_generation=0, first_generation=0)
    assert "The source has changed since" in person.page(f"{home}/sources/{text.id}/chunks/{old.id}").text


def test_a_passage_of_another_source_is_not_found(person, base, home, text):
    other = knowledge.chunk(knowledge.text(base), "Elsewhere.")
    assert person.get(f"{home}/sources/{text.id}/chunks/{other.id}").status_code == 404
    assert person.get(f"{home}/sources/{uuid4()}").status_code == 404


def test_the_search_is_tested_by_an_address(person, base, home, work):
    person.submit(f"{home}/sources/new/text", {"title": "Refunds", "body": "A refund takes five days."})
    work()
    page = person.page(f"{home}/test?q=refund&legs=both&top_k=3&threshold_percent=0")
    assert "1 passage" in page.text
    assert page.find("mark").text in {"refund", "Refunds"}
    assert "Nothing found" in person.page(f"{home}/test?q=zebra&legs=fulltext").text
    assert person.page(f"{home}/test").find("ol", class_="hits") is None
    assert "Enter a whole number from 1 to 50." in person.page(f"{home}/test?q=a&top_k=0", 422).text
    person.page(f"{home}/test?q=a&legs=both-of-them", 422)
    for words in ("%", "'", "a & b", "x" * 2000, "-refund", "the", "\u202e"):
        person.page(f"{home}/test", query_string={"q": words})


def test_oi_1_bases_of_others_are_not_found(new_client, base, home, text):
    other = orgs.org(slug="other")
    theirs = knowledge.base(other)
    stranger = new_client(orgs.member(other))
    for path in ("", "/edit", "/sources", "/test?q=a", f"/sources/{text.id}", "/sources/new/file"):
        assert stranger.get(f"/o/other/knowledge/{base.id}{path}").status_code == 404
        assert stranger.get(f"{home}{path}").status_code == 404
    assert stranger.get(f"/o/other/knowledge/{theirs.id}/sources/{text.id}").status_code == 404
    answer = stranger.submit(
        f"/o/other/knowledge/{theirs.id}/sources/bulk",
        {"ids": [str(text.id)], "act": "delete", "sure": "yes"},
    )
    assert answer.status_code in {303, 409}
    assert [row.id for row in rows(FreeformText)] == [text.id]
