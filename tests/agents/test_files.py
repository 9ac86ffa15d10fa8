"""Agents as files: the same rows as the list, harmless in a spreadsheet."""

import csv
import io
import json

import pytest

from app.audit.models import AuditEvent
from app.db.tables import Task
from app.web import file_tasks
from app.web.export import harmless
from tests.factories import agents, orgs
from tests.factories.rows import rows

RISKY = ["=1+1", "+1", "-1", "@x", "|x", "\tx", "\rx", "\uff1d1", "\uff0b1", "\uff0d1", "\uff201", "  =1+1"]


def read(client, url):
    answer = client.get(url, buffered=True)
    assert answer.status_code == 200
    return answer


def table(answer):
    text = answer.data.decode("utf-8-sig")
    assert answer.data.startswith(b"\xef\xbb\xbf")
    assert text.endswith("\r\n")
    return list(csv.DictReader(io.StringIO(text, newline="")))


@pytest.mark.parametrize("text", RISKY)
def test_ex_1_text_that_starts_like_a_formula_gets_an_apostrophe(text):
    assert harmless(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "a=1", "1-2", "x\ty", "'=1", "#"])
def test_ex_1_other_text_stays(text):
    assert harmless(text) == text


def test_ex_1_cells_read_back(member, org):
    agents.agent(
        org,
        name="=1+1",
        description='a "quoted", text\nand a line',
        primary_model_temperature=0.5,
        reasoning_effort="low",
    )
    url = "/o/acme/agents.csv?cols=name,status,model,provider,temperature,reasoning,created,updated"
    (row,) = table(read(member, url))
    assert (row["name"], row["description"]) == ("'=1+1", 'a "quoted", text\nand a line')
    assert (row["temperature"], row["reasoning"]) == ("0.5", "low")
    assert row["updated_at"].endswith("+00:00")


def test_all_columns_bring_description_and_prompt(member, org):
    agents.agent(org, description='a "b", c', prompt="- one")
    link = member.page("/o/acme/agents").find(id="export").find_all("a")[1]
    (row,) = table(read(member, link["href"]))
    assert (row["description"], row["prompt"]) == ('a "b", c', "'- one")


@pytest.mark.parametrize("kind", ["csv", "json", "ndjson"])
def test_a_file_holds_the_filtered_list(member, org, kind):
    wanted = [agents.agent(org, name=f"Alpha {n}", primary_model="m1") for n in range(25)]
    agents.agent(org, name="Alpha other", primary_model="m2")
    agents.agent(org, name="Alpha gone", primary_model="m1", archived=True)
    answer = read(member, f"/o/acme/agents.{kind}?q=alpha&model=m1&sort=name&per=20")
    parsed = {
        "csv": lambda: table(answer),
        "json": lambda: json.loads(answer.data),
        "ndjson": lambda: [json.loads(line) for line in answer.data.splitlines()],
    }[kind]()
    assert [row["id"] for row in parsed] == [
        str(agent.id) for agent in sorted(wanted, key=lambda agent: agent.name)
    ]
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="acme-agents-')
    event = rows(AuditEvent)[-1]
    assert (event.action, event.after["format"]) == ("agent.export", kind)


@pytest.mark.parametrize(("kind", "empty"), [("json", []), ("ndjson", None)])
def test_an_empty_list_is_an_empty_file(member, org, kind, empty):
    answer = read(member, f"/o/acme/agents.{kind}")
    assert (json.loads(answer.data) if kind == "json" else answer.data or None) == empty


def test_files_of_other_organisations_do_not_exist(member, org):
    other = orgs.org()
    assert member.get(f"/o/{other.slug}/agents.csv").status_code == 404
    assert member.get("/o/acme/agents.xlsx").status_code == 404


def test_viewers_may_export(viewer, org):
    agents.agent(org)
    assert len(table(read(viewer, "/o/acme/agents.csv"))) == 1


def test_ex_3_a_long_list_of_agents_is_written_by_a_task(member, org, monkeypatch):
    monkeypatch.setattr(file_tasks, "COUNT_CAP", 1)
    for name in ("Ada", "Bo"):
        agents.agent(org, name=name)
    url = "/o/acme/agents.json?sort=name"
    assert member.page(url).h1.get_text(strip=True) == "Export agents"
    assert (rows(Task), rows(AuditEvent)) == ([], [])
    begun = member.submit(url, {})
    (task,) = rows(Task)
    assert begun.location == f"/o/acme/tasks/{task.id}"
    assert (task.kind, task.payload["format"], task.payload["query"]) == ("agent.export", "json", "sort=name")
