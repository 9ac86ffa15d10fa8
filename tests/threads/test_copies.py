"""A whole thread as a file or a page to print, and the files of its messages."""

import orjson
import pytest
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.threads.repo.messages import MessageRepo
from app.threads.views import copies
from tests.factories import orgs, threads
from tests.threads.test_page import EVERYTHING, shown


def test_markdown(client, url, thread):
    threads.message(thread, "When?\n\n# not a heading of the file")
    threads.message(thread, role="assistant", parts=EVERYTHING)
    response = client.get(f"{url}.md")
    assert response.mimetype == "text/markdown"
    assert response.headers["Content-Disposition"] == f'attachment; filename="thread-{thread.id}.md"'
    text = response.text
    for words in (
        "# Refund for order 7",
        "When?",
        "> Let me *think*.",
        "Tool call: `search_orders`",
        "It is **paid**.",
    ):
        assert words in text
    assert '```json\n{\n  "order": "A-1"\n}\n```' in text
    assert "![Image without description](https://img.example/cat.png)" in text
    assert "[1] Policy" in text
    assert "**Failed:** The model gave up." in text


def test_json_holds_every_branch(client, url, thread, hundred):
    threads.message(thread, "aside", branch=1, parent_id=hundred[3].id)
    found = orjson.loads(client.get(f"{url}.json").data)
    assert found["name"] == thread.name
    assert len(found["messages"]) == 101
    assert found["messages"][0]["parts"] == [{"kind": "text", "text": "m0."}]


@pytest.mark.parametrize("kind", ["md", "json"])
def test_a_copy_that_cannot_be_read_is_refused_and_not_cut(client, url, monkeypatch, kind):
    def away(*_):
        raise PoolTimeout
        yield

    monkeypatch.setattr(MessageRepo, "stream", away)
    assert client.get(f"{url}.{kind}").status_code == 503


def test_a_copy_is_noted(client, url, thread):
    client.get(f"{url}.md")
    assert "Thread exported by" in client.page(f"{url}/history").get_text()


def test_a_page_to_print(client, url, hundred):
    page = client.page(f"{url}/print")
    assert len(shown(page)) == 100
    assert not page.select(".feedback")


def test_a_long_thread_is_printed_in_parts(client, url, hundred, monkeypatch):
    monkeypatch.setattr(copies, "MOST_PRINTED", 40)
    found, address = [], f"{url}/print"
    for length in (40, 40, 20):
        page = client.page(address)
        assert f"{length} of 100 messages" in page.get_text()
        found += shown(page)
        following = page.select_one("a[rel=next]")
        address = following and following["href"]
    assert address is None
    assert found == [f"m{number}." for number in range(100)]


@pytest.mark.parametrize("after", ["junk", "%00", "00000000-0000-0000-0000-000000000000"])
def test_nothing_is_printed_after_what_is_not_there(client, url, hundred, after):
    assert client.get(f"{url}/print?after={after}").status_code == 404


def attached(thread, org, content, media_type, name):
    blob = threads.blob(org, content, media_type)
    part = {"kind": "image", "blob_id": str(blob.id), "alt": "A cat", "width": 4, "height": 3}
    threads.attachment(threads.message(thread, parts=[part]), blob, name)
    return blob


def test_an_image_of_our_own_is_drawn(client, url, org, thread):
    blob = attached(thread, org, b"\x89PNG...", "image/png", "Kätzchen.png")
    image = client.page(url).select_one(".message img")
    assert (image["src"], image["alt"], image["width"]) == (f"{url}/files/{blob.id}", "A cat", "4")
    response = client.get(image["src"])
    assert (response.data, response.mimetype) == (b"\x89PNG...", "image/png")
    assert response.headers["Content-Disposition"] == "attachment; filename*=UTF-8''K%C3%A4tzchen.png"
    assert (
        response.headers["Content-Security-Policy"] == "sandbox; default-src 'none'; frame-ancestors 'none'"
    )
    assert response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("media_type", ["text/html", "image/svg+xml", "application/pdf", "text/html\r\nX: y"])
def test_other_kinds_are_handed_out_as_bytes(client, url, org, thread, media_type):
    blob = attached(thread, org, b"<script>", media_type, 'a"\r\nb.html')
    response = client.get(f"{url}/files/{blob.id}")
    assert response.mimetype == "application/octet-stream"
    assert "\n" not in response.headers["Content-Disposition"]


def test_files_of_other_threads_and_organisations_are_not_found(client, url, org, thread):
    foreign = orgs.org()
    there = threads.thread(foreign, origin="api")
    blobs = [
        attached(threads.thread(org, origin="api"), org, b"1", "image/png", "a.png"),
        attached(there, foreign, b"2", "image/png", "b.png"),
        threads.blob(org, b"3"),
    ]
    for blob in blobs:
        assert client.get(f"{url}/files/{blob.id}").status_code == 404
