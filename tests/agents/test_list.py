"""The list of agents: search, filters, order, pages, columns."""

import re
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from app.db.terms import terms
from tests.factories import agents, orgs
from tests.support.client import HTMX
from tests.support.queries import queries

TEXTS = [
    *("50%_off", "a_b", "axb", "back\\slash", "it's", 'say "hi"', "a & b", "a ! b", "(x)", "x:*", "a <-> b"),
    *("https://example.org/?a=b", "x or and or y", "the and of", "🤖 robot", "مساعد", "e\u0301tude", "étude"),
]
SEARCHES = [
    *TEXTS,
    "%",
    "_",
    "\\",
    "50%_",
    "'",
    '"',
    "&",
    "!",
    "(",
    ":*",
    "a <-> ",
    "the",
    "x" * 10_000,
    "\u202e",
]


def names(page):
    return [link.text for link in page.select("tbody th a")]


def walk(client, url):
    """Return the names of every page from here on."""
    found = []
    while url:
        page = client.page(url)
        found.append(names(page))
        link = page.find(id="page-next")
        url = link["href"] if link else None
    return found


def test_an_empty_organisation_offers_the_first_agent(member, org):
    page = member.both("/o/acme/agents")
    assert "No agents yet" in page.find(id="results").text
    assert page.find(id="results").find("a", href="/o/acme/agents/new")


def test_a_viewer_of_an_empty_organisation_is_told_who_can(viewer, org):
    page = viewer.both("/o/acme/agents")
    assert "Members, admins and owners can" in page.find(id="results").text
    assert not page.find("a", href="/o/acme/agents/new")


def test_no_match_offers_to_clear_all(member, org):
    agents.agent(org)
    page = member.both("/o/acme/agents?q=nothing")
    assert "No agents match" in page.find(id="results").text
    assert page.find(id="results-empty").find_next("a", class_="button")["href"] == "/o/acme/agents"


def test_archived_only_is_said(member, org):
    agents.agent(org, name="Old", archived=True)
    page = member.both("/o/acme/agents")
    link = page.find("a", string=re.compile("Show archived")) or page.find(
        "a", href=re.compile("status=archived")
    )
    assert names(member.page(link["href"])) == ["Old"]


@pytest.mark.parametrize("text", SEARCHES)
def test_si_1_search_equals_a_filter_by_hand(member, org, text):
    for number, stored in enumerate(TEXTS):
        agents.agent(org, name=f"{number} {stored}")
    page = member.both("/o/acme/agents?" + urlencode({"q": text, "per": 100, "sort": "created"}))
    wanted = [
        f"{number} {stored}"
        for number, stored in enumerate(TEXTS)
        if all(term.lower() in f"{number} {stored}".lower() for term in terms(text))
    ]
    assert names(page) == wanted


@pytest.mark.parametrize(
    "query", ["q=%00", "q=%ff%fe", "q=%ed%a0%80", "q=%ef%bb%bfx", "status=%00", "after=%ff", "sort=%00"]
)
def test_si_2_bytes_that_are_no_text_are_no_error(member, org, query):
    member.both(f"/o/acme/agents?{query}")


@pytest.mark.parametrize(
    "per", ["0", "-1", "1.5", "abc", "1000000000", str(2**31), str(2**63), str(2**70), "20&per=50"]
)
def test_si_3_page_sizes_are_clamped(member, org, per):
    with queries(max=4) as statements:
        member.page(f"/o/acme/agents?per={per}")
    assert all("OFFSET" not in statement for statement in statements)


@pytest.mark.parametrize(
    "query",
    [
        *(
            "sort=prompt",
            "sort=lock_version",
            "sort=name;drop",
            "sort=--name",
            "sort=-",
            "sort=../../etc/passwd",
        ),
        *(
            "created=2026-11-23..2026-11-01",
            "created=999999-01-01..",
            "updated=..",
            "cols=prompt,x",
            "view=x",
        ),
        *("status=nope", "model=nope", "org_id=1", "after=x&before=y", "last=x"),
    ],
)
def test_si_4_what_is_not_listed_is_dropped(member, org, query):
    agents.agent(org, name="Only")
    assert names(member.both(f"/o/acme/agents?{query}")) == ["Only"]


def test_statuses_hide_archived_and_deleted_unless_asked(member, org):
    for status, values in {
        "enabled": {},
        "disabled": {"enabled": False},
        "archived": {"archived": True},
        "deleted": {"deleted_at": "2026-11-01T00:00:00Z"},
    }.items():
        agents.agent(org, name=status, **values)
    found = {
        query: set(names(member.both(f"/o/acme/agents?{query}")))
        for query in ("", "status=archived", "status=deleted&status=disabled", "status=-disabled")
    }
    assert found == {
        "": {"enabled", "disabled"},
        "status=archived": {"archived"},
        "status=deleted&status=disabled": {"deleted", "disabled"},
        "status=-disabled": {"enabled"},
    }


def test_model_and_provider_filters_offer_what_is_used(member, org):
    agents.agent(org, name="A", primary_model="m1", primary_model_provider="p1")
    agents.agent(org, name="B", primary_model="m2", primary_model_provider="p1")
    agents.agent(org, name="C")
    agents.agent(orgs.org(), primary_model="secret model")
    page = member.both("/o/acme/agents?model=m1")
    boxes = page.find(id="filter-model").find_all("input")
    assert [box["value"] for box in boxes] == ["m1", "-m1", "m2", "-m2"]
    assert [box["value"] for box in boxes if box.has_attr("checked")] == ["m1"]
    assert names(page) == ["A"]
    assert set(names(member.page("/o/acme/agents?model=-m1"))) == {"B", "C"}
    assert set(names(member.page("/o/acme/agents?provider=p1"))) == {"A", "B"}


def test_dates_filter(member, org):
    agents.agent(org, name="Old", created_at="2020-01-01T12:00:00Z", updated_at="2020-01-02T12:00:00Z")
    agents.agent(org, name="New")
    assert names(member.both("/o/acme/agents?created=7d")) == ["New"]
    assert names(member.both("/o/acme/agents?created=2020-01-01..2020-01-01")) == ["Old"]
    assert names(member.both("/o/acme/agents?updated=..2020-01-01")) == []


@pytest.mark.parametrize(
    "sort", ["name", "-name", "updated", "-updated", "created", "-created", "model", "-model"]
)
def test_one_header_says_the_order(member, org, sort):
    for number in range(45):
        agents.agent(
            org, name=f"{'aB'[number % 2]}{number}", primary_model=f"m{number % 3}" if number % 4 else None
        )
    url = f"/o/acme/agents?sort={sort}&cols=name,model,created,updated"
    sorted_heads = member.both(url).select("[aria-sort]")
    assert len(sorted_heads) == 1
    assert sorted_heads[0]["aria-sort"] == ("descending" if sort.startswith("-") else "ascending")
    assert sorted_heads[0].find("a")["id"] == f"sort-{sort.removeprefix('-')}"
    found = [name for page in walk(member, url) for name in page]
    assert len(found) == len(set(found)) == 45
    if "name" in sort:
        assert found == sorted(found, key=str.lower, reverse=sort.startswith("-"))


def test_pages_say_where_they_are_and_lead_on(member, org):
    for number in range(45):
        agents.agent(org, name=f"{number:02}")
    first = member.both("/o/acme/agents?sort=name")
    assert first.select_one(".pager-count").text == "1–20 of 45"
    assert not first.find(id="page-previous")
    last = member.both(first.find(id="page-last")["href"])
    assert (last.select_one(".pager-count").text, names(last)[-1]) == ("41–45 of 45", "44")
    before = member.both(last.find(id="page-previous")["href"])
    assert (before.select_one(".pager-count").text, len(names(before))) == ("21–40 of 45", 20)
    assert names(member.page(before.find(id="page-first")["href"])) == names(first)


def test_headers_name_the_state_and_its_neighbours(member, org):
    for _ in range(45):
        agents.agent(org)
    url = member.page("/o/acme/agents").find(id="page-next")["href"]
    links = member.get(url).headers["Link"]
    assert [re.search(r'rel="(\w+)"', link)[1] for link in links.split(",")] == ["canonical", "next", "prev"]
    assert links.startswith(f"<{url}>")


@pytest.mark.parametrize(
    ("control", "header"),
    [
        ("q", "Replace"),
        ("per", "Replace"),
        ("col-choices", "Replace"),
        ("filters", "Push"),
        ("filter-status", "Push"),
        ("page-next", "Push"),
    ],
)
def test_the_control_decides_on_the_history(member, org, control, header):
    answer = member.get("/o/acme/agents?per=20&q=+x+", headers=HTMX | {"HX-Trigger": control})
    assert answer.headers[f"HX-{header}-Url"] == "/o/acme/agents?q=x"
    assert f"HX-{'Push' if header == 'Replace' else 'Replace'}-Url" not in answer.headers


def test_the_fragment_tells_the_status_and_after_a_chip_the_form(member, org):
    agents.agent(org)
    plain = member.fragment("/o/acme/agents")
    assert plain.find(id="status").text == "1 agent, sorted by updated, newest first"
    assert not plain.find(id="filters")
    assert member.fragment("/o/acme/agents?q=zz").find(id="status").text == "No agents match"
    after_chip = member.fragment("/o/acme/agents", headers={"HX-Trigger": "chip-1"})
    assert after_chip.find(id="filters")["hx-swap-oob"] == "outerHTML"


def test_columns_are_chosen_and_the_name_stays(member, org):
    agents.agent(org, primary_model_provider="p1")
    page = member.both("/o/acme/agents?cols=provider,updated")
    assert [head.text.strip() for head in page.select("thead th")] == ["Name", "Provider", "Updated"]
    chips = member.page("/o/acme/agents?cols=provider&q=agent").select(".chip")
    assert parse_qs(urlsplit(chips[0]["href"]).query)["cols"] == ["name,provider"]


@pytest.mark.parametrize("prefix", ["", "agt_"])
def test_a_pasted_id_opens_its_record_on_enter(member, org, prefix):
    agent, foreign = agents.agent(org), agents.agent(orgs.org())
    url = f"/o/acme/agents?q={prefix}{agent.id}"
    assert member.get(url).location == f"/o/acme/agents/{agent.id}"
    sent = member.get(url, headers=HTMX | {"HX-Trigger": "filters"})
    assert (sent.status_code, sent.headers["HX-Redirect"]) == (204, f"/o/acme/agents/{agent.id}")
    assert member.get(url, headers=HTMX | {"HX-Trigger": "q"}).status_code == 200
    assert member.get(f"/o/acme/agents?q={prefix}{foreign.id}").status_code == 200


@pytest.mark.parametrize("per", [20, 50, 100])
def test_a_page_costs_four_statements_whatever_its_size(member, org, per):
    for _ in range(110):
        agents.agent(org)
    with queries(max=4):
        page = member.page(f"/o/acme/agents?per={per}")
    assert len(names(page)) == per


def test_detail_and_form_cost_the_same_whatever_happened(member, org):
    agent = agents.agent(org)
    with queries(max=4):
        member.page(f"/o/acme/agents/{agent.id}")
    with queries(max=3):
        member.page(f"/o/acme/agents/{agent.id}/edit")


def test_a_walk_is_stable_while_rows_come_and_go(member, org):
    kept = [agents.agent(org, name=f"{number:03}").name for number in range(0, 130, 2)]
    url, seen, number = "/o/acme/agents?sort=name", [], 1
    while url:
        page = member.page(url)
        seen += names(page)
        agents.agent(org, name=f"{number:03} before")
        agents.agent(org, name=f"{200 + number:03} after", archived=True)
        member.submit(f"/o/acme/agents/{page.select('[name=ids]')[0]['value']}/archive")
        number += 2
        link = page.find(id="page-next")
        url = link["href"] if link else None
    assert [name for name in seen if " " not in name] == kept
    assert len(seen) == len(set(seen))
