"""Times in the zone of the person, else of their browser, else of the organisation."""

from datetime import UTC, datetime

from tests.factories import agents, auth, orgs

MORNING = datetime(2026, 1, 15, 9, 30, tzinfo=UTC)


def shown(client, org, agent) -> str:
    page = client.page(f"/o/{org.slug}/agents/{agent.id}")
    moment = page.find("time", datetime="2026-01-15T09:30:00Z")
    return f"{moment.get_text()} {moment.get('title', '')}"


def test_the_nearest_choice_of_zone_wins(client, connection):
    org = orgs.org(settings={"time_zone": "Asia/Kolkata"})
    agent = agents.agent(org, created_at=MORNING)
    person = auth.user(preferences={"time_zone": "America/New_York"})
    for who, zone, expected in (
        (auth.user(), None, "15:00 IST"),
        (auth.user(), "Asia/Tokyo", "18:30 JST"),
        (person, "Asia/Tokyo", "04:30 EST"),
    ):
        client.sign_in(orgs.member(org, user=who))
        if zone:
            client.set_cookie("time_zone", zone)
        assert expected in shown(client, org, agent)
