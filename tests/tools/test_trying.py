"""The form that tries a tool: fields for odd schemas, and values that cannot be sent."""

import pytest

from tests.factories import tools
from tests.support.pages import check_page


@pytest.fixture
def tried(member, org, peer):
    """Try a tool with this schema."""

    def act(properties, given=None, **schema):
        made = {"type": "object", "properties": properties, **schema}
        tool = tools.tool(org, f"{peer.url}/weather/Rome", input_schema=made, config={"method": "POST"})
        place = f"/o/acme/tools/{tool.id}/try"
        return member.get(place) if given is None else member.submit(place, given)

    return act


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"arguments": '{"a": 1e400}'}, "finite"),
        ({"arguments": '{"a": NaN}'}, "finite"),
        ({"arg_0": "1e400"}, "Enter a number"),
        ({"arg_0": "nan"}, "Enter a number"),
        ({"arguments": f'{{"a": 1{"0" * 400}}}'}, "too large"),
    ],
)
def test_in_endless_numbers_are_told(tried, peer, given, words):
    answer = tried({"a": {"type": "number", "multipleOf": 1e-320}}, given)
    assert answer.status_code == 422
    assert words in check_page(answer.text).text
    assert peer.seen == []
