"""`flask threads import`, run as a person runs it."""

import json
import os
import signal
import time
from pathlib import Path

import pytest
from click.testing import Result

from app.threads.models import Message, Thread
from tests.factories import agents, auth, orgs
from tests.factories.rows import rows
from tests.support.cli import flask, start_flask
from tests.threads.test_readers import EXPORTS


@pytest.fixture
def ben(org):
    return orgs.member(org, "member", auth.user(email="ben@example.org"))


@pytest.fixture
def run(app, connection, org, ben):
    """A function that imports a file for Ben and returns how it ended."""
    runner = app.test_cli_runner()

    def command(path: Path | str, *words: str, status: int = 0, to: tuple[str, ...] = ()) -> Result:
        to = to or ("--org", "acme", "--user", "ben@example.org")
        result = runner.invoke(args=("threads", "import", str(path), *to, *words))
        assert result.exit_code == status, result.output
        return result

    return command


def test_an_import_and_again(run, org, ben):
    first = run(EXPORTS / "chatgpt.json")
    assert first.stdout == (
        "2 imported, 0 got further messages, 0 unchanged, 0 left out; 18 messages stored.\n"
    )
    assert first.stderr == "100 % read, 2 threads\n"
    assert {row.user_id for row in rows(Thread, org_id=org.id)} == {ben.id}
    again = run(EXPORTS / "chatgpt.json")
    assert again.stdout == "0 imported, 0 got further messages, 2 unchanged, 0 left out; 0 messages stored.\n"


def test_under_an_agent_in_a_named_format(run, org):
    agent = agents.agent(org, name="Helper")
    run(EXPORTS / "claude.json", "--format", "claude", "--agent", "Helper")
    assert {row.agent_id for row in rows(Thread, org_id=org.id)} == {agent.id}


def test_what_is_left_out_is_listed_and_ends_with_1(run, org, tmp_path):
    lines = (EXPORTS / "openai.jsonl").read_text(encoding="utf-8").splitlines()
    (tmp_path / "a.jsonl").write_text("\n".join([*lines, '{"messages": []}', "{broken"]), encoding="utf-8")
    ended = run(tmp_path / "a.jsonl", status=1)
    assert "line 5: It holds no messages.\nline 6: It is not valid JSON" in ended.stderr
    assert ended.stdout.startswith("3 imported, 0 got further messages, 0 unchanged, 2 left out")
    assert len(rows(Thread, org_id=org.id)) == 3


def test_a_page_is_no_export(run, org, tmp_path):
    (tmp_path / "chat.html").write_text("<html>", encoding="utf-8")
    assert "the file: This is an HTML page" in run(tmp_path / "chat.html", status=1).stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--org", "nowhere", "--user", "ben@example.org"), "There is no organisation"),
        (("--org", "acme", "--user", "nobody@example.org"), "There is no account"),
        (("--org", "acme", "--user", "stranger@example.org"), "is not a member of"),
        (("--org", "acme", "--user", "ben@example.org", "--agent", "Nobody"), "has no agent called Nobody"),
        (("--org", "acme", "--user", "ben@example.org", "--agent", "Theirs"), "has no agent called Theirs"),
        (("--org", "acme", "--user", "ben@example.org", "--format", "gemini"), "'gemini' is not one of"),
        (("--org", "acme"), "Missing option '--user'"),
    ],
)
def test_bad_use_ends_with_2(run, words, said):
    auth.user(email="stranger@example.org")
    agents.agent(orgs.org(slug="other"), name="Theirs")
    assert said in run(EXPORTS / "claude.json", status=2, to=words).output
    assert rows(Thread) == []


def test_no_such_file(run, tmp_path):
    assert "does not exist" in run(tmp_path / "none.json", status=2).output
    assert "is a directory" in run(tmp_path, status=2).output


def test_a_killed_import_goes_on_where_it_was(live, tmp_path):
    org = orgs.org(slug="acme")
    orgs.member(org, "member", auth.user(email="ben@example.org"))
    content = json.loads((EXPORTS / "chatgpt.json").read_text(encoding="utf-8"))
    many = [{**content[n % 2], "conversation_id": f"thread-{n}"} for n in range(3000)]
    path = tmp_path / "conversations.json"
    path.write_text(json.dumps(many), encoding="utf-8")
    words = ("threads", "import", str(path), "--org", "acme", "--user", "ben@example.org")
    running = start_flask(live.settings, *words)
    deadline = time.monotonic() + 60
    while not rows(Thread, org_id=org.id) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(running.pid, signal.SIGKILL)
    running.communicate()
    there = rows(Thread, org_id=org.id)
    assert 0 < len(there) < 3000
    assert {row.message_count for row in there} == {3, 15}
    ended = flask(live.settings, *words, seconds=180)
    assert f"{3000 - len(there):,} imported" in ended.stdout
    assert f" {len(there):,} unchanged" in ended.stdout
    assert len(rows(Thread, org_id=org.id)) == 3000
    assert len(rows(Message, org_id=org.id)) == 1500 * 18
