"""The list of schedules, the page of one, and its form."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from app.db.tables import Task
from app.tasks.models import Schedule
from app.tasks.views import schedules
from tests.factories import agents, orgs, tasks
from tests.factories.rows import rows, stored
from tests.support.database import as_owner
from tests.support.pages import parse
from tests.support.queries import queries

SOON = datetime.now(UTC) + timedelta(days=3)
FORM = {
    "name": "Nightly file",
    "kind": "agent.export",
    "timing": "cron",
    "cron": "30 2 * * *",
    "time_zone": "Europe/Berlin",
    "catch_up": "one",
    "overlap": "skip",
}


def test_the_list_shows_what_runs_next_first(org, member):
    tasks.schedule(org, name="Later", next_run_at=SOON + timedelta(days=1))
    tasks.schedule(org, name="Sooner", next_run_at=SOON)
    tasks.schedule(orgs.org(), name="Elsewhere")
    with queries(max=4):
        page = member.page("/o/acme/schedules")
    assert [cell.get_text() for cell in page.select("#results tbody th a")] == ["Sooner", "Later"]
    member.both("/o/acme/schedules?state=active")


def test_a_schedule_is_made_and_shows_its_next_runs_in_both_zones(org, member):
    member.submit("/o/acme/schedules/new", FORM)
    (schedule,) = rows(Schedule)
    assert (schedule.cron, schedule.time_zone) == ("30 2 * * *", "Europe/Berlin")
    assert schedule.payload == {"format": "csv", "query": "", "zone": "UTC"}
    page = member.page(f"/o/acme/schedules/{schedule.id}")
    assert "02:30 CE" in page.text
    assert "Nightly file" in page.text
    assert page.select_one(f'[data-copy="sch_{schedule.id}"]')
    assert page.select_one("main .button-primary")["data-key"] == "e"
    assert [act.get_text(strip=True) for act in page.select("#schedule-menu .button")] == [
        "Turn off",
        "Delete",
    ]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": ""}, "Enter a name"),
        ({"kind": "agent.change"}, "Choose what runs"),
        ({"time_zone": "Mars/Olympus"}, "time zone of the list"),
        ({"cron": "0 0 31 2 *"}, "day of month"),
        ({"cron": "@reboot"}, "five fields"),
        ({"cron": "* * * * * *"}, "five fields"),
        ({"timing": "every", "every_minutes": "0"}, "number of minutes"),
        ({"timing": "once"}, "date and a time"),
        ({"timing": "once", "run_at": "2020-01-01T09:00"}, "Enter a moment to come."),
        ({"catch_up": "perhaps"}, "missed runs"),
        ({"agent-export--format": "pdf"}, "Format: choose one of the list."),
        ({"agent-export--query": "q" * 4_001}, "Use at most 4,000 characters."),
        ({"agent-export--query": "a\0b"}, "on one line only"),
        ({"agent-export--zone": "Mars/Olympus"}, "time zone of the list"),
        ({"paused_until": "2001-01-01T00:00"}, "Enter a moment to come."),
        ({"ends_at": "2001-01-01T00:00"}, "Enter a moment to come."),
        ({"ends_at": "tomorrow"}, "Enter a date and a time, such as"),
        ({"ends_at": "9999-12-31T23:59"}, "Enter a year from 2000 to 2199."),
        ({"paused_until": "0001-01-01T00:00"}, "Enter a year from 2000 to 2199."),
        ({"timing": "once", "run_at": "0001-01-01T00:00"}, "Enter a year from 2000 to 2199."),
        ({"paused_until": "2190-01-02T00:00", "ends_at": "2190-01-01T00:00"}, "behind the pause"),
    ],
)
def test_tk_4_what_does_not_fit_is_said_at_its_field(org, member, changes, words):
    answer = member.submit("/o/acme/schedules/new", {**FORM, **changes})
    assert answer.status_code == 422
    assert words in answer.text
    assert rows(Schedule) == []


def test_a_wrong_cron_line_is_named_beside_other_mistakes(org, member):
    answer = member.submit("/o/acme/schedules/new", {**FORM, "name": "", "cron": ""})
    assert answer.status_code == 422
    assert "Enter a name" in answer.text
    assert "Use five fields" in answer.text


@pytest.mark.parametrize("kind", ["agent.export", "thread.export", "thread.export_whole"])
@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 303),
        ("q=ada&sort=-created&created=7d&after=x.y.z", 303),
        ("?q=ada", 422),
        ("status=archived", 303),
        ("status=archved", 422),
        ("created=sometime", 422),
        ("sort=colour", 422),
        ("cols=name,colour", 422),
        ("view=0192f0c1-0000-7000-8000-000000000001", 422),
    ],
)
def test_filters_of_a_list_are_checked_when_they_are_saved(org, member, kind, query, status):
    field = f"{kind.replace('.', '-')}--query"
    form = {**FORM, "kind": kind, field: query}
    answer = member.submit("/o/acme/schedules/new", form)
    assert answer.status_code == status
    (schedule,) = rows(Schedule) or [tasks.schedule(org, kind=kind, next_run_at=SOON)]
    path = f"/o/acme/schedules/{schedule.id}/edit"
    changed = member.submit(path, {**form, "name": "Other", "lock_version": str(schedule.lock_version)})
    assert changed.status_code == status
    if status == 422:
        for page in (parse(answer.text), parse(changed.text)):
            wrong = page.find(attrs={"name": field})
            assert (wrong["value"], wrong["aria-invalid"]) == (query, "true")
            assert "This is not understood" in page.find(id="error-summary").text


def test_a_filter_names_only_what_there_is_in_the_organisation(org, member):
    agent, gone = agents.agent(org), agents.agent(orgs.org())
    for one, status in ((agent, 303), (gone, 422)):
        form = {**FORM, "kind": "thread.export", "thread-export--query": f"agent={one.id}"}
        assert member.submit("/o/acme/schedules/new", form).status_code == status


def test_intervals_and_single_runs(org, member):
    member.submit("/o/acme/schedules/new", {**FORM, "timing": "every", "every_minutes": "90"})
    once = {**FORM, "timing": "once", "run_at": "2030-07-01T09:00"}
    member.submit("/o/acme/schedules/new", once)
    found = {schedule.every_seconds: schedule for schedule in rows(Schedule)}
    assert found[5400].cron is None
    assert found[None].run_at == datetime(2030, 7, 1, 7, tzinfo=UTC)


def test_what_is_turned_off_runs_next_to_nothing_else(org, member):
    tasks.schedule(org, name="Off", enabled=False, next_run_at=SOON - timedelta(days=300))
    tasks.schedule(org, name="On", next_run_at=SOON)
    tasks.schedule(org, name="Over", next_run_at=None)
    for query in ("", "?sort=-next"):
        names = [link.text for link in member.page(f"/o/acme/schedules{query}").select("#results tbody th a")]
        assert (names[0], set(names[1:])) == ("On", {"Off", "Over"})


def test_an_edit_keeps_the_input_and_a_stale_one_is_asked_about(org, member):
    schedule = tasks.schedule(org, kind="agent.export", payload={"format": "json"}, next_run_at=SOON)
    path = f"/o/acme/schedules/{schedule.id}/edit"
    assert member.page(path).find("input", attrs={"name": "cron"})["value"] == "0 3 * * *"
    member.submit(path, {**FORM, "lock_version": "1"})
    assert stored(schedule).payload == {"format": "json"}
    assert stored(schedule).cron == "30 2 * * *"
    answer = member.submit(path, {**FORM, "name": "Mine", "lock_version": "1"})
    assert (answer.status_code, stored(schedule).name) == (409, "Nightly file")
    page = parse(answer.text)
    assert "nothing of yours is saved yet" in page.find(id="error-summary").text
    assert page.find(id="name")["value"] == "Mine"
    version = page.find(id="lock-version")["value"]
    member.submit(path, {**FORM, "name": "Mine", "lock_version": version})
    assert stored(schedule).name == "Mine"


def test_it_is_turned_off_and_on_run_and_deleted(org, member):
    schedule = tasks.schedule(org, kind="agent.export", next_run_at=SOON)
    path = f"/o/acme/schedules/{schedule.id}"
    member.submit(f"{path}/disable")
    assert not stored(schedule).enabled
    assert "–" in member.page("/o/acme/schedules").find(attrs={"data-label": "Next run"}).text
    member.submit(f"{path}/enable")
    assert stored(schedule).enabled
    member.submit(f"{path}/run")
    assert [(task.kind, task.schedule_id) for task in rows(Task)] == [("agent.export", schedule.id)]


def test_it_is_turned_off_although_it_was_changed_a_moment_before(org, member, monkeypatch):
    """Somebody saves it, or a worker disables it, between the reading and the lock."""
    schedule = tasks.schedule(org, kind="agent.export", next_run_at=SOON)
    found = schedules._schedule

    def overtaken(schedule_id):
        seen = found(schedule_id)
        with as_owner() as session:
            session.execute(text("UPDATE schedules SET lock_version = lock_version + 1"))
        return seen

    monkeypatch.setattr(schedules, "_schedule", overtaken)
    assert member.submit(f"/o/acme/schedules/{schedule.id}/disable").status_code == 303
    assert not stored(schedule).enabled


def test_the_last_runs_hold_those_that_a_person_began(org, member):
    now = datetime.now(UTC)
    schedule = tasks.schedule(org, next_run_at=SOON)
    for hours in range(1, 13):
        slot = now - timedelta(hours=hours)
        tasks.task(org, schedule_id=schedule.id, slot_at=slot, created_at=now, status="succeeded")
    begun = tasks.task(org, schedule_id=schedule.id, created_at=now - timedelta(minutes=90))
    places = [link["href"] for link in member.page(f"/o/acme/schedules/{schedule.id}").select("tbody th a")]
    assert len(places) == 10
    assert places[1] == f"/o/acme/tasks/{begun.id}"


def test_it_is_deleted_once_its_name_is_typed(org, member):
    schedule = tasks.schedule(org, kind="agent.export", next_run_at=SOON)
    path = f"/o/acme/schedules/{schedule.id}"
    assert member.page(path).find("a", href=f"{path}/delete")
    assert "cannot be undone" in member.page(f"{path}/delete").text
    assert member.submit(f"{path}/delete", {"name": "something else"}).status_code == 422
    assert stored(schedule)
    member.submit(f"{path}/delete", {"name": schedule.name})
    assert rows(Schedule) == []


def test_the_question_keeps_a_name_of_another_direction_apart(org, member):
    schedule = tasks.schedule(org, name="(2) <b>דוח</b> (1)")
    page = member.page(f"/o/acme/schedules/{schedule.id}/delete")
    assert page.h1.text == f"Delete {schedule.name}"
    assert [part.bdi.text for part in (page.h1, page.find(id="name-hint"))] == [schedule.name] * 2


def test_viewers_and_strangers_change_nothing(org, new_client):
    schedule = tasks.schedule(org, kind="agent.export", next_run_at=SOON)
    viewer = new_client(orgs.member(org, "viewer"))
    assert "Run now" not in viewer.page(f"/o/acme/schedules/{schedule.id}").get_text()
    assert viewer.submit(f"/o/acme/schedules/{schedule.id}/run").status_code == 403
    other = orgs.org(slug="other")
    stranger = new_client(orgs.member(other, "owner"))
    for act in ("run", "delete", "disable", "edit"):
        assert stranger.submit(f"/o/other/schedules/{schedule.id}/{act}").status_code == 404
    assert stored(schedule).enabled


def test_pause_end_and_input_are_kept_in_the_zone_of_the_schedule_and_shown(org, member):
    more = {
        "agent-export--format": "json",
        "agent-export--query": "status=enabled",
        "agent-export--zone": "Europe/Berlin",
        "paused_until": "2190-07-01T09:00",
        "ends_at": "2190-12-01T09:00",
    }
    member.submit("/o/acme/schedules/new", {**FORM, **more})
    (schedule,) = rows(Schedule)
    assert schedule.payload == {"format": "json", "query": "status=enabled", "zone": "Europe/Berlin"}
    assert schedule.paused_until == datetime(2190, 7, 1, 7, tzinfo=UTC)
    assert schedule.ends_at == datetime(2190, 12, 1, 8, tzinfo=UTC)
    assert schedule.next_run_at == datetime(2190, 7, 2, 0, 30, tzinfo=UTC)
    path = f"/o/acme/schedules/{schedule.id}"
    shown = " ".join(member.page(path).main.get_text(" ").split())
    for words in ("Paused until 1 Jul 2190", "Last run at the latest 1 Dec 2190", "Filters status=enabled"):
        assert words in shown
    page = member.page(f"{path}/edit")
    assert page.find(id="paused_until")["value"] == "2190-07-01T09:00"
    assert page.find(id="agent-export--query")["value"] == "status=enabled"
    member.submit(f"{path}/edit", {**FORM, **more, "lock_version": "1"})
    assert stored(schedule).lock_version == 1, "nothing was changed"
    emptied = {**more, "agent-export--query": "", "paused_until": "", "ends_at": "", "lock_version": "1"}
    member.submit(f"{path}/edit", {**FORM, **emptied})
    assert stored(schedule).payload["query"] == ""
    assert (stored(schedule).paused_until, stored(schedule).ends_at) == (None, None)


def test_an_ended_schedule_says_so_and_can_still_be_renamed(org, member):
    end = datetime(2020, 5, 1, 10, 0, tzinfo=UTC)
    schedule = tasks.schedule(org, kind="agent.export", ends_at=end, time_zone="Europe/Berlin")
    path = f"/o/acme/schedules/{schedule.id}"
    page = member.page(path)
    assert "Ended" in page.find("h1").parent.get_text()
    member.submit(f"{path}/edit", {**FORM, "ends_at": "2020-05-01T12:00", "lock_version": "1"})
    assert (stored(schedule).name, stored(schedule).ends_at) == ("Nightly file", end)
    assert stored(schedule).next_run_at is None


def test_a_schedule_that_ran_once_can_still_be_renamed_but_not_moved_into_the_past(org, member):
    ran = datetime(2020, 5, 1, 10, 0, tzinfo=UTC)
    schedule = tasks.schedule(org, kind="agent.export", cron=None, run_at=ran, time_zone="Europe/Berlin")
    path = f"/o/acme/schedules/{schedule.id}/edit"
    once = {**FORM, "timing": "once", "run_at": "2020-05-01T12:00", "lock_version": "1"}
    assert member.submit(path, once).status_code == 303
    assert (stored(schedule).name, stored(schedule).run_at) == ("Nightly file", ran)
    moved = {**once, "run_at": "2020-05-02T12:00", "lock_version": "2"}
    assert member.submit(path, moved).status_code == 422
    assert stored(schedule).run_at == ran


def test_what_another_kind_or_timing_takes_does_not_matter(org, member):
    sent = {**FORM, "kind": "agent.erase", "agent-export--format": "pdf", "every_minutes": "x", "run_at": "x"}
    assert member.submit("/o/acme/schedules/new", sent).status_code == 303
    assert rows(Schedule)[0].payload == {}


def shown_inputs(page):
    """The names of the fields of a kind that people see."""
    return [
        field["name"] for field in page.select("#kind_inputs :is(input:not([type=hidden]), select, textarea)")
    ]


def test_only_the_fields_of_the_chosen_kind_are_shown_and_what_was_typed_stays(org, member):
    page = member.page("/o/acme/schedules/new")
    first = page.select_one("#kind option")
    assert (first["value"], first.text) == ("", "Choose…")
    assert not page.select("#kind option[selected]:not([value=''])")
    assert shown_inputs(page) == []
    typed = {
        **FORM,
        "kind": "agent.run.prompt",
        "act": "choose",
        "cron": "not yet",
        "agent-export--format": "json",
        "agent-export--query": "status=<active>",
        "agent-run-prompt--prompt": "What is new?\nAnd old?",
        "agent-run-prompt--variables": "no colon",
    }
    for path in ("/o/acme/schedules/new", f"/o/acme/schedules/{tasks.schedule(org).id}/edit"):
        answer = member.submit(path, typed)
        assert answer.status_code == 200
        page = parse(answer.text)
        assert not page.select(".field-error")
        assert page.find(id="cron")["value"] == "not yet"
        assert {name.partition("--")[0] for name in shown_inputs(page)} == {"agent-run-prompt"}
        assert page.find(id="agent-run-prompt--prompt").text.strip() == "What is new?\nAnd old?"
        assert page.find(id="agent-run-prompt--variables").text.strip() == "no colon"
        hidden = {field["name"]: field["value"] for field in page.select("#kind_inputs input[type=hidden]")}
        assert hidden["agent-export--query"] == "status=<active>"
        back = member.submit(path, {**typed, **hidden, "kind": "agent.export"})
        page = parse(back.text)
        assert page.find(id="agent-export--format").find(selected=True)["value"] == "json"
        assert page.find(id="agent-export--query")["value"] == "status=<active>"
    assert [schedule.name for schedule in rows(Schedule)] != ["Nightly file"]


def test_enter_saves_the_form_without_scripts(org, member):
    for path in ("/o/acme/schedules/new", f"/o/acme/schedules/{tasks.schedule(org).id}/edit"):
        first, *others = member.page(path).select("#form button[type=submit]")
        assert first.parent.name == "noscript"
        assert not first.get("name")
        assert {button.get("value") for button in others} >= {"choose", "preview"}


def test_scripts_are_given_the_fields_alone(org, member):
    page = member.page("/o/acme/schedules/new")
    asks = page.find(attrs={"hx-post": "/o/acme/schedules/new?act=choose"})
    assert (asks["hx-target"], asks.find("select")["id"]) == ("#kind_inputs", "kind")
    given = {**FORM, "kind": "agent.erase"}
    answer = member.submit("/o/acme/schedules/new?act=choose", given, htmx=True)
    assert answer.status_code == 200
    assert "<h1" not in answer.text
    assert shown_inputs(parse(answer.text)) == []
    assert rows(Schedule) == []


def test_nothing_is_chosen_for_people_and_what_is_stored_stays_chosen(org, member):
    answer = member.submit("/o/acme/schedules/new", {**FORM, "kind": ""})
    assert answer.status_code == 422
    assert "Choose what runs" in answer.text
    schedule = tasks.schedule(org, kind="agent.export", payload={"format": "json"})
    options = member.page(f"/o/acme/schedules/{schedule.id}/edit").select("#kind option")
    assert [option["value"] for option in options if option.has_attr("selected")] == ["agent.export"]
    assert "" not in [option["value"] for option in options]


def test_a_schedule_says_in_words_when_it_runs(org, member):
    start = datetime(2030, 12, 1, 3, tzinfo=UTC)
    for cron, words in (
        ("30 2 * * *", "At 02:30 every day"),
        ("0 3 1 * 1", "At 03:00 on the first day of month and on Monday: either day counts"),
    ):
        schedule = tasks.schedule(org, kind="agent.export", cron=cron, next_run_at=start, starts_at=start)
        page = member.page(f"/o/acme/schedules/{schedule.id}")
        assert words in page.find("main").text
    assert "Sun 1 Dec 2030, 03:00 UTC" in page.find("main").text
    assert "either counts" in member.page("/o/acme/schedules/new").find(id="cron-hint").text


def test_zones_are_places(org, member):
    for path, field in (("/o/acme/schedules/new", "time_zone"), ("/me/preferences", "time_zone")):
        zones = [option["value"] for option in member.page(path).select(f"#{field} option")]
        assert {"Europe/Berlin", "UTC"} <= set(zones)
        assert not {"Factory", "localtime"} & set(zones)
    assert member.submit("/o/acme/schedules/new", {**FORM, "time_zone": "Factory"}).status_code == 422
