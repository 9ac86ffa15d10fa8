"""Writing on while an agent answers."""

from base64 import b64decode

import pytest
from playwright.sync_api import expect

from tests.support.model_server import Answer

PNG = b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
SLOW = Answer(tuple(f"word{number} " for number in range(30)), pause=0.1)


@pytest.fixture(scope="module")
def outbound(model):
    return f"model:127.0.0.1:{model.server_port}"


@pytest.fixture
def begin(home, agent, model, open_as):
    """A function that sends a message from a page of the agent, on which it then is."""

    def act(way, *answers, **options):
        model.answers = list(answers)
        page = open_as(home.owner, f"/o/{home.org.slug}/agents/{agent.id}/{way}", **options)
        page.get_by_label("Message", exact=True).fill("Tell me.")
        page.get_by_role("button", name="Send").click()
        page.wait_for_url("**/playground/**")
        return page

    return act


def test_what_is_written_meanwhile_is_sent_once_the_answer_has_ended(begin):
    page = begin("playground", SLOW, Answer(("Well.",)))
    send, message = page.get_by_role("button", name="Send"), page.get_by_label("Message", exact=True)
    expect(page.locator("[data-parts]")).to_contain_text("word3", timeout=20_000)
    expect(send).to_be_disabled()
    expect(message).to_be_focused()
    expect(page.get_by_text("You can send once the answer has ended.")).to_be_visible()
    message.fill("And then?")
    expect(send).to_be_enabled(timeout=30_000)
    expect(page.get_by_text("You can send once the answer has ended.")).to_be_hidden()
    expect(message).to_have_value("And then?")
    expect(message).to_be_focused()
    send.click()
    expect(page.locator(".message-user .message-body").last).to_have_text("And then?")
    expect(page.locator(".message-assistant .message-body").last).to_have_text("Well.", timeout=20_000)


def test_what_another_tab_sends_meanwhile_stays_in_its_form(begin, look):
    page = begin("playground", Answer(("Quick.",)), SLOW)
    expect(page.locator(".message-assistant .message-body")).to_have_text("Quick.", timeout=20_000)
    other = page.context.new_page()
    other.goto(page.url)
    other.get_by_label("Message", exact=True).fill("First?")
    other.get_by_role("button", name="Send").click()
    expect(other.locator("[data-parts]")).to_contain_text("word1", timeout=20_000)
    page.bring_to_front()
    page.get_by_label("Message", exact=True).fill("Second?")
    page.get_by_role("button", name="Send").click()
    expect(page.locator("#error-summary")).to_contain_text("This thread is being answered.")
    expect(page.get_by_label("Message", exact=True)).to_have_value("Second?")
    expect(page.get_by_role("button", name="Send")).to_be_enabled(timeout=30_000)
    look(page, "composer refused")
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".message-user .message-body").last).to_have_text("Second?")


def test_a_bad_answer_is_tried_again_and_stays_within_reach(begin, look):
    page = begin("playground", Answer(("Bad.",)), Answer(("Better.",)))
    answer = page.locator(".message-assistant .message-body")
    expect(answer).to_have_text("Bad.", timeout=20_000)
    page.get_by_role("button", name="Try again").click()
    expect(answer).to_have_text("Better.", timeout=20_000)
    look(page, "tried again")
    page.get_by_role("link", name="Main branch").click()
    expect(answer).to_have_text("Bad.")
    page.get_by_role("link", name="Branch 1").click()
    expect(answer).to_have_text("Better.")


def test_what_is_written_stays_when_the_answer_is_stopped_and_tried_again(begin):
    page = begin("playground", SLOW, SLOW, Answer(("Done.",)))
    message = page.get_by_label("Message", exact=True)
    for button in ("Stop", "Retry", "Stop", "Retry"):
        message.fill("And then?")
        page.get_by_role("button", name=button).click(timeout=20_000)
        expect(page.get_by_role("button", name=button, exact=True)).to_have_count(0)
        expect(message).to_have_value("And then?")
    expect(page.locator(".message-assistant .message-body")).to_have_text("Done.", timeout=20_000)
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".message-user .message-body").last).to_have_text("And then?")


def test_code_can_be_copied_pictures_open_and_the_keyboard_sends(begin, tmp_path):
    picture = tmp_path / "dot.png"
    picture.write_bytes(PNG)
    page = begin("playground", Answer(("```py\nprint(1)\n```",)), Answer(("`x` and\n\n    y = 2",)))
    expect(page.get_by_role("button", name="Copy code")).to_have_count(1, timeout=20_000)
    page.locator("input[type=file]").set_input_files(picture)
    page.get_by_label("Message", exact=True).fill("And this?")
    page.get_by_label("Message", exact=True).press("Control+Enter")
    expect(page.get_by_role("button", name="Copy code")).to_have_count(2, timeout=20_000)
    page.locator(".message-user a[data-image]").click()
    expect(page.locator("#image-dialog img")).to_be_visible()


def test_both_sides_can_be_copied_from_and_the_loading_bar_ends(begin):
    code = Answer(("```py\nprint(1)\n```",))
    page = begin("beside", code, code)
    expect(page.get_by_role("button", name="Copy code")).to_have_count(2, timeout=20_000)
    expect(page.locator("[data-stream]")).to_have_count(0)
    expect(page.locator("#progress")).to_be_hidden()
