"""The page of a thread in a browser: links to messages, paging in place, feedback, and what hostile messages do."""

import gzip
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from app.threads.models import Feedback, Message
from tests.conformance.test_output import POLYGLOT
from tests.factories import threads
from tests.factories.rows import rows
from tests.support.browser import NARROWEST, THEMES, WIDE, axe, overflows, set_appearance
from tests.support.database import as_owner
from tests.web.test_markdown import HOSTILE

pytestmark = pytest.mark.e2e

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
PAGE_BYTES = 30_000
ANSWER = """Refunds take **five working days**, see [the policy](https://example.org/refunds).

```python
def days(amount: float) -> int:
    return 3 if amount <= 100 else 5
```

| Amount | Days |
|---|--:|
| up to 100 | 3 |
"""
PARTS = [
    {"kind": "reasoning", "text": "The order is recent.", "duration_ms": 3200, "tokens": 180},
    {"kind": "tool_call", "call_id": "1", "name": "search_orders", "arguments": {"order": "A-1204"}},
    {"kind": "tool_result", "call_id": "1", "result": {"state": "paid", "total": 82.5}, "duration_ms": 840},
    {"kind": "text", "text": ANSWER},
    {"kind": "citation", "number": 1, "title": "Refund policy", "text": "Within five working days."},
]


BROKEN = """() => [...document.querySelectorAll(".part-tool th")].filter((cell) => {
    const words = document.createRange();
    words.selectNodeContents(cell);
    return new Set([...words.getClientRects()].map((line) => line.top)).size > 1;
}).map((cell) => cell.textContent)"""
"""The names of arguments that are broken over several lines."""


@pytest.fixture
def thread(home):
    """A thread that everyone sees, of 1,200 short messages."""
    thread = threads.thread(home.org, home.people["member"], name="Refund for order 7", origin="api")
    with as_owner() as session:
        session.add_all(
            Message(
                org_id=home.org.id,
                thread_id=thread.id,
                role="assistant" if number % 2 else "user",
                parts=[{"kind": "text", "text": f"Message {number}. Where is my refund?"}],
                text_content=f"Message {number}. Where is my refund?",
                created_at=BEGIN + timedelta(minutes=number),
            )
            for number in range(1_200)
        )
    return thread


@pytest.fixture
def target(thread):
    """A message 1,100 messages before the newest."""
    return next(
        row for row in rows(Message, thread_id=thread.id) if row.created_at == BEGIN + timedelta(minutes=100)
    )


def address(home, thread) -> str:
    return f"/o/{home.org.slug}/threads/{thread.id}"


def placed(page, message_id) -> dict:
    return page.evaluate(
        """(id) => {
            const message = document.getElementById(id);
            const { top, bottom } = message.getBoundingClientRect();
            return { top, bottom, focus: message.contains(document.activeElement), height: innerHeight };
        }""",
        str(message_id),
    )


@pytest.mark.parametrize("anchor", [True, False])
def test_p05_a_link_opens_the_thread_around_its_message(home, thread, target, open_as, anchor):
    url = f"{address(home, thread)}?at={target.id}" + (f"#{target.id}" if anchor else "")
    page = open_as(home.owner, url)
    assert page.locator(".message").count() == 41
    assert page.locator(".message-marked").get_attribute("id") == str(target.id)
    where = placed(page, target.id)
    assert 0 <= where["top"] < where["height"]
    assert where["focus"]


def test_p05_without_scripts(home, thread, target, open_as):
    page = open_as(
        home.owner, f"{address(home, thread)}?at={target.id}#{target.id}", java_script_enabled=False
    )
    assert page.locator(".message").count() == 41
    box = page.locator(".message-marked").bounding_box()
    assert 0 <= box["y"] < 900


def test_older_messages_come_in_without_moving_the_reader(home, thread, open_as):
    page = open_as(home.owner, address(home, thread))
    first = page.locator(".message").first.get_attribute("id")
    page.locator("#older").scroll_into_view_if_needed()
    before = placed(page, first)
    with page.expect_response(lambda response: "near=" in response.url):
        page.locator("#older").click()
    expect(page.locator(".message")).to_have_count(41)
    page.wait_for_timeout(200)
    after = placed(page, first)
    assert abs(after["top"] - before["top"]) <= 50
    assert after["focus"]
    assert f"near={first}" in page.url
    page.go_back()
    expect(page.locator(".message")).to_have_count(40)


def test_the_whole_thread_is_read_without_scripts(home, thread, open_as):
    page = open_as(home.owner, address(home, thread), java_script_enabled=False)
    page.locator("#older").click()
    page.wait_for_url("**near=*")
    assert page.locator(".message").count() == 41
    page.locator("#first").click()
    assert "Message 0." in page.locator(".message").first.inner_text()
    page.locator("#newer").click()
    assert "Message 19." in page.locator(".message").first.inner_text()


def test_feedback_is_given_changed_and_cleared_in_place(home, open_as):
    thread = threads.thread(home.org, home.people["member"], origin="api")
    answer = threads.message(thread, "Five days.", role="assistant")
    page = open_as(home.people["member"], address(home, thread))
    page.get_by_role("button", name="Bad answer").click()
    pressed = page.locator('[aria-pressed="true"]')
    pressed.wait_for()
    assert page.evaluate("document.activeElement.ariaPressed") == "true"
    page.get_by_text("Say why").click()
    page.get_by_label("Reason").select_option("incomplete")
    page.get_by_label("Comment").fill("It depends on the bank.")
    page.get_by_role("button", name="Save").click()
    page.locator(".feedback-words").wait_for()
    page.reload()
    assert "Incomplete It depends on the bank." in page.locator(".feedback-words").inner_text()
    page.get_by_role("button", name="Bad answer").click()
    pressed.wait_for(state="detached")
    assert rows(Feedback, message_id=answer.id) == []


def test_feedback_and_notes_without_scripts(home, open_as):
    thread = threads.thread(home.org, home.people["member"], origin="api")
    answer = threads.message(thread, "Five days.", role="assistant")
    page = open_as(home.people["member"], address(home, thread), java_script_enabled=False)
    page.get_by_role("button", name="Good answer").click()
    page.wait_for_url(f"**at={answer.id}*")
    assert page.locator('[aria-pressed="true"]').get_attribute("aria-label") == "Good answer"
    page.get_by_label("Note").fill("Called back.")
    page.get_by_role("button", name="Add note").click()
    assert "Called back." in page.locator(".note-body").inner_text()


def test_code_is_copied_and_parts_open(home, open_as):
    thread = threads.thread(home.org, home.people["member"], origin="api")
    threads.message(thread, role="assistant", parts=PARTS)
    page = open_as(home.owner, address(home, thread), permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy code").click()
    expect(page.locator("#status")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()").startswith("def days(amount: float)")
    page.get_by_text("search_orders").click()
    assert page.get_by_role("cell", name="A-1204").is_visible()


def test_a_message_is_copied_as_it_is_shown(home, open_as):
    thread = threads.thread(home.org, home.people["member"], origin="api")
    for words in ("When?", "In *five* days."):
        threads.message(thread, words, role="assistant")
    page = open_as(home.owner, address(home, thread), permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy message").nth(1).click()
    expect(page.locator("#status")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()").strip() == "In five days."


def hostile(home):
    """A thread whose every text is hostile."""
    member = home.people["member"]
    thread = threads.thread(
        home.org, member, name=POLYGLOT[:250], origin="api", external_id=POLYGLOT[:200], tags=[POLYGLOT[:60]]
    )
    evil = f"{POLYGLOT}\n\n![x](https://evil.example/x.png) [y](javascript:document.title='pwned')"
    storable = [text.replace("\0", "").encode("utf-8", "ignore").decode() for text in (evil, *HOSTILE)]
    for number, text in enumerate(storable):
        message = threads.message(
            thread,
            role=("user", "assistant", "system", "tool")[number % 4],
            model=POLYGLOT[:250],
            parts=[
                {"kind": "text", "text": text},
                {"kind": "reasoning", "text": text},
                {
                    "kind": "tool_call",
                    "call_id": f"c{number}",
                    "name": POLYGLOT[:250],
                    "arguments": {text[:200]: text},
                },
                {"kind": "tool_result", "call_id": f"c{number}", "result": [text]},
                {"kind": "image", "url": "https://evil.example/pixel.png", "alt": text},
                {
                    "kind": "file",
                    "url": "https://evil.example/'\"><b>",
                    "name": POLYGLOT[:250],
                    "media_type": "a/<b>",
                },
                {
                    "kind": "citation",
                    "number": 1,
                    "title": text[:900],
                    "text": text,
                    "url": "https://evil.example/",
                },
                {"kind": "error", "message": text, "detail": text},
            ],
        )
    threads.feedback(message, member, -1, comment=POLYGLOT)
    threads.note(thread, member, POLYGLOT)
    return thread, message


@pytest.mark.parametrize("path", ["", "/print", "/history", "/edit", "/messages/{message}"])
def test_oe_1_what_a_message_holds_runs_nowhere_and_loads_nothing(home, open_as, path):
    thread, message = hostile(home)
    page = open_as(home.people["member"], "/healthz")
    dialogs, asked = [], []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address(home, thread) + path.format(message=message.id))
    page.wait_for_load_state("networkidle")
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    page.wait_for_timeout(200)
    assert dialogs == []
    assert "pwned" not in page.title().partition("=")[0]
    assert [url for url in asked if "evil" in url] == []
    assert (
        page.locator(
            "main script, main iframe, main style, main [onload], main [onerror], main [style]"
        ).count()
        == 0
    )


def test_a_page_of_forty_messages_is_light(home, open_as):
    thread = threads.thread(home.org, home.people["member"], origin="api")
    for number in range(20):
        threads.message(thread, f"Question {number}: where is my refund for order {number * 37}?")
        threads.message(
            thread, role="assistant", parts=PARTS, model="large", input_tokens=900 + number, cost_micros=4_200
        )
    page = open_as(home.owner, address(home, thread))
    body = page.request.get(address(home, thread)).body()
    assert page.locator(".message").count() == 40
    assert len(gzip.compress(body)) <= PAGE_BYTES
    found = []
    for width in (WIDE, NARROWEST):
        for theme in THEMES:
            set_appearance(page, width, theme)
            found += [*axe(page), *(["scrolls sideways"] if overflows(page) else [])]
    assert found == []


def test_names_of_arguments_are_not_cut_where_there_is_little_room(home, open_as, look):
    thread = threads.thread(home.org, home.people["member"], name="Orders", origin="api")
    arguments = {
        "customer_identifier": "C-1204",
        "most": 3,
        "note": "Please send it again as soon as you can.",
    }
    call = {"kind": "tool_call", "call_id": "1", "name": "search_customer_orders", "arguments": arguments}
    result = {"kind": "tool_result", "call_id": "1", "result": {"x" * 60: "y" * 200}}
    threads.message(thread, role="assistant", parts=[call, result])
    page = open_as(home.owner, f"/o/{home.org.slug}/threads/{thread.id}")
    page.locator(".part-tool summary").click()
    for width in (WIDE, 375, NARROWEST):
        set_appearance(page, width, "light")
        assert page.evaluate(BROKEN) == []
        assert page.locator(".part-tool td").first.bounding_box()["width"] >= 90
        assert not overflows(page)
    look(page, "thread-arguments")
