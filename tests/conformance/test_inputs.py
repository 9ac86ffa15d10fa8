"""SI: whatever is typed, sent or put into an address ends in an answer that says so."""

from urllib.parse import quote

import pytest

from tests.conformance import inventory
from tests.factories import agents, orgs, world
from tests.support.client import SAME_ORIGIN

NAMES = (
    *(
        "100%",
        "50%_off",
        "under_score",
        "back\\slash",
        "quote'd",
        'double"quoted',
        "a & b",
        "not !x",
        "(open",
        "x:*",
    ),
    *(
        "a <-> b",
        "https://example.org/a?b=c",
        "x or and or y",
        "the of and",
        "rocket 🚀",
        "ÄÖÜ straße",
        "plain",
    ),
)
QUERIES = (
    *(
        "%",
        "_",
        "\\",
        "50%_",
        "'",
        "''",
        "&",
        "!",
        "(",
        ")",
        ":*",
        "a <-> ",
        "https://example.org",
        "x or and or y",
    ),
    *(
        "the of and",
        "🚀",
        "straße",
        "PLAIN",
        "äöü",
        "'; DROP TABLE agents; --",
        "\\%",
        "%%",
        "*",
        "nothing matches",
    ),
)
TEXTS = {
    "nul": "a\x00b",
    "bom": "\ufeffa",
    "bidi": "a\u202eb",
    "newline": "a\r\nSet-Cookie: x=1",
    "long": "x" * 10_000,
    "combining": "e" + "\u0301" * 300,
    "minuses": "- " * 60 + "a",
    "noncharacter": "\uffff\ufdd0",
}
BYTES = {
    "invalid": b"\xff\xfe",
    "overlong": b"\xc0\xaf",
    "surrogate": b"\xed\xa0\x80",
    "cut": b"\xf0\x9f",
    "nul": b"\x00",
}
NUMBERS = (
    "0",
    "-1",
    "1.5",
    "abc",
    "1000000000",
    str(2**31),
    str(2**63),
    str(2**70),
    "",
    " 5",
    "\uff15",
    "1e3",
)
IDS = (
    *(
        "9223372036854775808",
        "1180591620717411303424",
        "-1",
        "0",
        "abc",
        "None",
        "%00",
        "..%2f..%2fetc%2fpasswd",
    ),
    *(
        "01930000000070008000000000000000",
        "{01930000-0000-7000-8000-000000000000}",
        "01930000-0000-7000-8000-00000000000",
    ),
)
LIST_VALUES = (
    "nope",
    "name;drop",
    "../../etc/passwd",
    "-",
    "--name",
    "999999-01-01..",
    "2026-02-31",
    "2026-12-31..2026-01-01",
)


@pytest.fixture
def home(connection):
    return world.tenant("Homecanary")


@pytest.fixture
def owner(new_client, home):
    return new_client(home.owner)


def found(client, org, query) -> set[str]:
    """Return the names the agents list shows for a search."""
    response = client.get(f"/o/{org.slug}/agents", query_string={"q": query, "per": "100"})
    assert response.status_code == 200, query
    names = inventory.row_names(response.text)
    return set(names)


@pytest.mark.parametrize("query", QUERIES)
def test_si_1_a_search_finds_what_holds_every_word(new_client, query):
    org = orgs.org()
    client = new_client(orgs.member(org))
    for name in NAMES:
        agents.agent(org, name=name)
    words = query.lower().split()
    assert found(client, org, query) == {
        name for name in NAMES if all(word in name.lower() for word in words)
    }


def test_si_1_ten_thousand_letters_are_a_search_too(owner, home):
    assert found(owner, home.org, "x" * 10_000) == set()


@pytest.mark.parametrize("what", TEXTS)
def test_si_2_odd_text_never_breaks_a_page(app, owner, home, what):
    text, broken = TEXTS[what], []
    for call in inventory.calls(app, home):
        fields = (
            "name",
            "email",
            "password",
            "q",
            "description",
            "first_name",
            "role",
            "ids",
            "token",
            "after",
            "sort",
        )
        values = dict.fromkeys(fields, text)
        answer = owner.get(call.path, query_string=values) if call.safe else owner.submit(call.path, values)
        if answer.status_code >= 500:
            broken.append(f"{call}: {answer.status}")
    assert broken == []


@pytest.mark.parametrize("what", BYTES)
def test_si_2_odd_bytes_never_break_a_page(app, owner, home, what):
    raw, broken, token = quote(BYTES[what]), [], owner.token()
    for call in inventory.calls(app, home):
        if call.safe:
            answers = [owner.get(f"{call.path}?q={raw}&after={raw}&sort={raw}&next={raw}")]
        else:
            body = f"csrf_token={token}&name={raw}&email={raw}&password={raw}&ids={raw}".encode()
            form = "application/x-www-form-urlencoded"
            answers = [owner.post(call.path, data=body, content_type=form, headers=SAME_ORIGIN)]
        answers.append(owner.get(f"{call.path.rstrip('/')}/{raw}"))
        broken += [f"{call}: {answer.status}" for answer in answers if answer.status_code >= 500]
    assert broken == []


@pytest.mark.parametrize(
    "header", ["Cookie", "HX-Trigger", "User-Agent", "Referer", "Accept", "X-CSRFToken", "X-Request-ID"]
)
def test_si_2_odd_headers_never_break_a_page(app, new_client, home, header):
    client = new_client()
    for value in ("\xff\xfe", "a" * 4000, "session=\xed\xa0\x80; visit=..", "=;=;,", "%00"):
        for path in ("/sign-in", f"/o/{home.org.slug}/agents", "/absent"):
            assert client.get(path, headers={header: value}).status_code < 500, (header, value)


def test_si_2_json_bodies_never_break_a_page(app, owner, home):
    bodies = (
        b"[" * 100_000,
        b'{"name": NaN}',
        b'{"a": 1, "a": 2}',
        b'{"name": "\\ud800"}',
        b'{"name": "\\u0000"}',
        b"\xff",
    )
    for call in inventory.calls(app, home):
        if not call.safe:
            for body in bodies:
                headers = {"X-CSRFToken": owner.token(), **SAME_ORIGIN}
                answer = owner.post(call.path, data=body, content_type="application/json", headers=headers)
                assert answer.status_code < 500, (call, body[:20])


def test_si_2_a_name_with_odd_marks_reads_back_equal(owner, home):
    name = "a\u202eb 🚀 e\u0301 \u05d0"
    owner.submit(f"/o/{home.org.slug}/agents/new", {"name": name})
    page = owner.page(f"/o/{home.org.slug}/agents")
    assert any(name.strip() in text or "a\u202eb" in text for text in inventory.row_names(str(page)))


@pytest.mark.parametrize("parameter", ["page", "per", "page_size", "limit", "offset"])
def test_si_3_odd_numbers_are_clamped(owner, home, parameter):
    for _ in range(25):
        agents.agent(home.org)
    for number in NUMBERS:
        for query in ({parameter: number}, [(parameter, number), (parameter, "7")]):
            response = owner.get(f"/o/{home.org.slug}/agents", query_string=query)
            assert response.status_code == 200, (parameter, number)
            assert len(inventory.row_names(response.text)) <= 100


@pytest.mark.parametrize("cursor", ["after", "before", "end"])
def test_si_3_a_bad_cursor_shows_the_first_page(owner, home, cursor):
    first = inventory.row_names(owner.get(f"/o/{home.org.slug}/agents").text)
    for value in ("", "x", "e30.x", "A" * 5000, "eyJhIjoxfQ.AAAA.BBBB", "\u202e"):
        response = owner.get(f"/o/{home.org.slug}/agents", query_string={cursor: value})
        assert response.status_code == 200, value
        assert inventory.row_names(response.text) == first or cursor == "end"


def test_si_3_malformed_ids_are_unknown(app, owner, home):
    wrong = []
    for call in inventory.calls(app, home):
        names = call.arguments & inventory.TENANT_IDS
        for name in names:
            right = str(inventory.FILL[name](home))
            for spelling in (*IDS, right.upper(), right.replace("-", "")):
                if spelling == right:
                    continue
                path = call.path.replace(right, spelling)
                answer = owner.get(path) if call.safe else owner.submit(path)
                if answer.status_code != 404:
                    wrong.append(f"{call.method} {path}: {answer.status}")
    assert wrong == []


def test_si_4_unlisted_values_are_dropped(app, owner, home):
    names = (
        "sort",
        "order",
        "filter",
        "status",
        "role",
        "tz",
        "created",
        "updated",
        "at",
        "actor",
        "cols",
        "view",
    )
    broken = []
    for call in inventory.calls(app, home):
        if call.safe:
            for value in LIST_VALUES:
                answer = owner.get(call.path, query_string=dict.fromkeys(names, value))
                if answer.status_code not in {200, 302, 303, 404, 410, 422}:
                    broken.append(f"{call} {value}: {answer.status}")
    assert broken == []


def test_si_4_a_megabyte_of_name_is_refused(owner, home):
    for field in ("name", "description", "prompt", "primary_model"):
        answer = owner.submit(f"/o/{home.org.slug}/agents/new", {"name": "x", field: "y" * 1_000_000})
        assert answer.status_code in {413, 422}, field
