"""Images in messages: checked, stored once, shown to people and to the model."""

from base64 import b64decode
from io import BytesIO

import pytest

from app.threads.models import Message
from app.threads.services import pictures
from tests.factories.rows import rows
from tests.support.pages import check_page, parse


def test_pictures_are_stored_with_the_message_and_shown_to_the_model(member, agent, server, work):
    picture = b"\x89PNG\r\n\x1a\n" + b"0" * 40
    form = {"message": "What is this?", "version": "draft", "pictures": (BytesIO(picture), "cat.png")}
    place = member.submit(f"/o/acme/agents/{agent.id}/playground", form).location
    work()
    (said,) = [one for one in server.seen[0]["messages"] if one["role"] == "user"]
    words, shown = said["content"]
    assert words["text"].startswith("What is this?")
    assert b64decode(shown["image_url"]["url"].partition(",")[2]) == picture
    (drawn,) = parse(member.get(place).text).select(".message-user img")
    assert member.get(drawn["src"]).data == picture


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "is empty"), (b"<svg>", "is no PNG"), (b"\x89PNG\r\n\x1a\n" + b"0" * 40, "more than 40 B")],
)
def test_what_is_no_picture_or_too_large_is_refused_by_name(member, agent, content, words, monkeypatch):
    monkeypatch.setattr(pictures, "MOST_PICTURE_BYTES", 40)
    form = {"message": "What is this?", "version": "draft", "pictures": (BytesIO(content), "cat.png")}
    answer = member.submit(f"/o/acme/agents/{agent.id}/playground", form)
    assert answer.status_code == 422
    assert "cat.png: It" in answer.text
    assert words in answer.text
    assert not rows(Message)


@pytest.mark.parametrize(
    ("message", "names", "words"),
    [
        ("", ["cat.png"], "Choose it again"),
        ("", ["cat.png", "dog.png"], "Choose them again"),
        ("What is this?", ["cat.png", "dog.svg"], "Choose them again"),
        ("What is this?", ["dog.svg"], None),
        ("", [], None),
    ],
)
def test_what_a_form_that_comes_back_has_lost_is_asked_for_again(member, agent, message, names, words):
    files = [(BytesIO(b"GIF89a" if name.endswith(".png") else b"<svg>"), name) for name in names]
    form = {"message": message, "version": "draft", "pictures": files}
    answer = member.submit(f"/o/acme/agents/{agent.id}/playground", form)
    assert answer.status_code == 422
    page = check_page(answer.text)
    said = page.find(id="pictures-gone")
    assert (said and words in said.text) if words else said is None
    assert ("pictures-gone" in page.find(id="pictures").get("aria-describedby")) is bool(words)


def test_an_edited_question_holds_its_words_and_says_that_its_pictures_are_left(member, agent, work):
    form = {"message": "What is this?", "version": "draft", "pictures": (BytesIO(b"GIF89a"), "cat.gif")}
    place = member.submit(f"/o/acme/agents/{agent.id}/playground", form).location
    work()
    (question,) = rows(Message, role="user")
    page = member.page(f"{place}/messages/{question.id}/edit")
    assert page.find("textarea").text.strip() == "What is this?"
    assert "does not come along" in page.find("main").text
    moved = member.submit(f"{place}/messages/{question.id}/edit", {"message": "And?", "version": "draft"})
    work()
    (other,) = [row for row in rows(Message, role="user") if row.id != question.id]
    assert (
        "does not come along"
        not in member.page(f"{moved.location.partition('?')[0]}/messages/{other.id}/edit").text
    )
