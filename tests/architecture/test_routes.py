"""Every route is listed, marked, and lies where its mark says."""

import re

from app.web.access import access_of
from tests.architecture import routes

PLURAL_KEBAB = re.compile(r"^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z]+)?$")


def test_the_listed_routes_are_the_routes(app):
    assert routes.lines(app) == routes.LISTED.read_text(encoding="utf-8").splitlines()


def test_every_view_carries_one_mark(app):
    assert [endpoint for endpoint in app.view_functions if not access_of(app, endpoint)] == []


def test_the_organisation_stands_in_the_path_of_its_routes(app):
    for rule in app.url_map.iter_rules():
        inside = rule.rule.startswith("/o/<org>")
        kind = access_of(app, rule.endpoint).kind
        assert inside == (kind == "org"), (rule.rule, kind)


def test_programs_have_addresses_of_their_own(app):
    for rule in app.url_map.iter_rules():
        versioned = rule.rule.startswith(("/api/v1/", "/v1/"))
        assert versioned == (access_of(app, rule.endpoint).kind == "api"), rule.rule


def test_paths_are_lower_case_words(app):
    for rule in app.url_map.iter_rules():
        words = [word for word in rule.rule.strip("/").split("/") if word and "<" not in word]
        assert [word for word in words if not PLURAL_KEBAB.match(word)] == [], rule.rule


def test_a_path_has_get_and_post_only(app):
    pages = [rule for rule in app.url_map.iter_rules() if not rule.rule.startswith("/api/")]
    other = {(rule.rule, method) for rule in pages for method in rule.methods or ()}
    assert {pair for pair in other if pair[1] not in {"GET", "HEAD", "POST", "OPTIONS"}} == set()
