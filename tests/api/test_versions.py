"""Versions of agents in the API."""

from tests.factories import agents


def test_versions_are_listed_newest_first(ours, home):
    agents.version(home.agent, 2, name="Launch", note="Why")
    url = f"/api/v1/agents/{home.agent.id}/versions"
    found = ours.get(url).json
    assert ([row["number"] for row in found["data"]], found["total"]) == ([2, 1], 2)
    assert (found["data"][0]["name"], found["data"][0]["note"]) == ("Launch", "Why")
    assert [row["number"] for row in ours.get(f"{url}?q=launch").json["data"]] == [2]
    first = ours.get(f"{url}?page_size=1").json
    assert ours.get(f"{url}?page_size=1&cursor={first['next_cursor']}").json["data"][0]["number"] == 1


def test_a_version_is_read_with_what_it_holds(ours, home):
    url = f"/api/v1/agents/{home.agent.id}/versions"
    found = ours.get(f"{url}/1").json
    assert found["snapshot"]["prompt"] == home.agent.prompt
    assert found["snapshot"]["settings"] == {
        "max_output_tokens": None,
        "max_tool_calls": 10,
        "timeout_seconds": 300,
    }
    for number in ("0", "9", str(2**70), "01", "+1", "\uff11", "9" * 5_000):
        assert ours.get(f"{url}/{number}").status_code == 404


def test_k7_whoever_publishes_what_was_changed_since_is_told_what_is_stored(ours, home):
    agent = f"/api/v1/agents/{home.agent.id}"
    ours.patch(agent, {"version": 1, "name": "Faster"})
    answer = ours.post(f"{agent}/versions", {"version": 1})
    assert (answer.status_code, answer.json["current"]) == (409, ours.get(agent).json)


def test_oi_1_their_versions_are_not_found(ours, theirs):
    url = f"/api/v1/agents/{theirs.agent.id}/versions"
    assert ours.get(url).status_code == 404
    assert ours.get(f"{url}/1").status_code == 404
