"""Talking to an agent in the browser: the answer comes as it is written, outlives reloads and processes, and stops."""

import pytest
from playwright.sync_api import expect

from app.threads.models import Message
from tests.factories.rows import rows
from tests.support.model_server import Answer

WORDS = tuple(f"word{number} " for number in range(40))
SLOW = Answer(WORDS, pause=0.1)


@pytest.fixture(scope="module")
def outbound(model):
    return f"model:127.0.0.1:{model.server_port}"


@pytest.fixture
def talk(home, agent, model, open_as):
    """A function that opens the playground, says something and waits for the first words of the answer."""

    def begin(answer, **options):
        model.answers = [answer]
        page = open_as(home.owner, f"/o/{home.org.slug}/agents/{agent.id}/playground", **options)
        page.get_by_label("Message").fill("Tell me.")
        page.get_by_role("button", name="Send").click()
        expect(page.locator(".message-user .message-body")).to_have_text("Tell me.")
        return page

    return begin


def answers(home):
    return [
        row for row in rows(Message, org_id=home.org.id, role="assistant") if row.agent_version_id is None
    ]


def test_the_answer_comes_as_it_is_written_and_ends_as_the_page_shows_it(talk):
    page = talk(SLOW)
    coming = page.locator("[data-parts]")
    expect(coming).to_contain_text("word3", timeout=20_000)
    assert "word39" not in coming.inner_text()
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    expect(page.locator("[data-stream]")).to_have_count(0, timeout=20_000)
    expect(page.locator(".message-assistant .message-body")).to_contain_text("word39")
    expect(page.locator("#status")).to_contain_text("Answer complete, 40 words")


def test_a_reload_and_a_second_tab_see_all_of_it(talk, open_as, home):
    page = talk(SLOW)
    expect(page.locator("[data-parts]")).to_contain_text("word3", timeout=20_000)
    page.reload()
    other = page.context.new_page()
    other.goto(page.url)
    for tab in (page, other):
        tab.bring_to_front()
        expect(tab.locator(".message-assistant .message-body")).to_contain_text(
            "word0 word1 word2", timeout=20_000
        )
        expect(tab.locator("[data-stream]")).to_have_count(0, timeout=20_000)
        expect(tab.locator(".message-assistant .message-body")).to_contain_text("word39")


def test_the_page_of_the_thread_follows_it_too(talk, home):
    page = talk(SLOW)
    expect(page.locator("[data-parts]")).to_contain_text("word3", timeout=20_000)
    page.get_by_role("link", name="Whole thread").click()
    expect(page.locator("[data-parts]")).to_contain_text("word3", timeout=20_000)
    expect(page.locator("[data-stream]")).to_have_count(0, timeout=20_000)
    expect(page.locator(".message-assistant .message-body")).to_contain_text("word39")
    expect(page.get_by_role("button", name="Good answer")).to_be_visible()


def test_stop_keeps_what_was_said(talk):
    page = talk(Answer(WORDS * 20, pause=0.1))
    expect(page.locator("[data-parts]")).to_contain_text("word3", timeout=20_000)
    held = []
    page.route("**/stop", lambda route: held.append(route))  # noqa: PLW0108 - Playwright marks the function
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("button", name="Stopping…")).to_be_visible()
    held[0].continue_()
    expect(page.get_by_text("Stopped", exact=True)).to_be_visible(timeout=20_000)
    expect(page.locator(".message-assistant .message-body")).to_contain_text("word3")
    expect(page.get_by_role("button", name="Retry")).to_be_visible()


def test_an_answer_outlives_the_web_process(talk, site, home):
    page = talk(SLOW, expected=("ERR_", "Failed to load", "EventSource"))
    expect(page.locator("[data-parts]")).to_contain_text("word3", timeout=20_000)
    site.web.kill()
    site.web.begin()
    expect(page.locator("[data-stream]")).to_have_count(0, timeout=30_000)
    expect(page.locator(".message-assistant .message-body")).to_contain_text("word39")


def test_a_killed_worker_leaves_what_it_wrote_and_a_way_to_try_again(talk, site, model):
    page = talk(Answer(WORDS * 20, pause=0.1))
    expect(page.locator("[data-parts]")).to_contain_text("word3", timeout=20_000)
    site.worker.kill()
    site.worker.begin()
    expect(page.get_by_role("button", name="Retry")).to_be_visible(timeout=90_000)
    expect(page.locator(".message-assistant .message-body")).to_contain_text("word3")
    expect(page.locator(".message-assistant .message-body")).to_contain_text(
        "worker that wrote this answer ended"
    )
    model.answers = [Answer(("All is well.",))]
    page.get_by_role("button", name="Retry").click()
    expect(page.locator(".message-assistant .message-body")).to_have_text("All is well.", timeout=20_000)


def test_it_works_without_scripts(talk):
    page = talk(Answer(WORDS, pause=0.05), java_script_enabled=False)
    expect(page.get_by_text("Waiting").or_(page.get_by_text("Working"))).to_be_visible()
    expect(page.locator(".message-assistant .message-body")).to_contain_text("word39", timeout=30_000)


def test_two_versions_answer_side_by_side_and_a_reader_sees_both_come(home, agent, model, open_as):
    model.answers = [SLOW, SLOW]
    page = open_as(home.owner, f"/o/{home.org.slug}/agents/{agent.id}/beside")
    page.get_by_label("Message").fill("Tell me.")
    page.get_by_role("button", name="Send").click()
    coming = page.locator("[data-parts]")
    for column in (0, 1):
        expect(coming.nth(column)).to_contain_text("word3", timeout=20_000)
    page.get_by_role("button", name="Stop both").wait_for()
    page.reload()
    for column in (0, 1):
        expect(page.locator(".message-assistant .message-body").nth(column)).to_contain_text(
            "word39", timeout=30_000
        )
    expect(page.get_by_text("First word after")).to_have_count(2)
    page.get_by_role("link", name="Show what differs").click()
    expect(page.get_by_role("region", name="What differs from left to right, differences")).to_be_visible()
