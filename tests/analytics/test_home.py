"""What the home of an organisation says needs attention."""

from datetime import UTC, datetime, timedelta

from app.analytics.views import home
from app.db.queue import MAIL_IS_OFF
from app.db.tables import EmailOutbox
from tests.factories import agents, knowledge, orgs, runtime, tasks, threads
from tests.factories.rows import save
from tests.support.queries import queries

NOW = datetime.now(UTC)
EARLIER = NOW - timedelta(days=2)


def matters(client, path="/o/acme"):
    found = client.page(path).select("[aria-labelledby=attention] .figure")
    return {" ".join(link.get_text(" ").split()): link["href"] for link in found}


def mail(org, **values):
    defaults = {"recipient": "kim@example.org", "template": "test", "subject": "Hello", "failed_at": NOW}
    save(EmailOutbox(org_id=org.id, **defaults | values))


def one_of_each(org, thread):
    asked = threads.message(thread, "x", role="assistant", status="failed", error="The model is away.")
    threads.message(thread, "y", role="assistant", status="failed", error="Long ago", created_at=EARLIER)
    runtime.approval(threads.message(thread, "z", role="assistant"), status="pending")
    tasks.task(org, status="failed", kind="agent.export")
    tasks.task(org, status="failed", kind="agent.run")
    tasks.task(org, status="failed", kind="agent.export", created_at=EARLIER)
    tasks.task(org, status="succeeded", kind="agent.export")
    base = knowledge.base(org)
    knowledge.text(base, status="failed", error="Not readable")
    knowledge.text(knowledge.base(org, archived=True), status="failed")
    mail(org)
    mail(org, failed_at=None)
    mail(org, created_at=EARLIER)
    return asked, base


def test_failures_and_what_waits_are_counted_and_lead_to_their_lists(org, owner):
    assert matters(owner) == {}
    assert owner.page("/o/acme").find(id="attention") is None
    _asked, base = one_of_each(org, threads.thread(org, origin="api", error_count=2, last_message_at=NOW))
    found = matters(owner)
    assert found == {
        "1 call waits for approval": "/o/acme/approvals",
        "1 failed answer": "/o/acme/threads?error=yes&last=24h",
        "1 failed task": "/o/acme/tasks?kind=-agent.run&created=24h&status=failed",
        "1 failed source": f"/o/acme/knowledge/{base.id}/sources?status=failed",
        "1 mail was not delivered": "/o/acme/mail?at=24h&status=failed",
    }
    for url in found.values():
        page = owner.page(url)
        assert len(page.select("#results tbody tr")) == 1, url
        assert not page.select("#results .notice")


def test_the_overview_counts_the_threads_that_each_sees(org, owner, member, monkeypatch):
    def counted(client):
        (tile,) = client.page("/o/acme").select('[aria-labelledby=overview] .figure[href="/o/acme/threads"]')
        return tile.get_text(" ", strip=True)

    assert counted(owner) == "0 threads"
    threads.thread(org, origin="api")
    assert (counted(owner), counted(member)) == ("1 thread", "1 thread")
    threads.thread(org, orgs.member(org), origin="console")
    threads.thread(org, origin="api", archived=True)
    assert (counted(owner), counted(member)) == ("2 threads", "1 thread")
    monkeypatch.setattr(home, "COUNT_CAP", 1)
    assert (counted(owner), counted(member)) == ("10,000+ threads", "1 thread")


def test_each_sees_what_concerns_them(org, owner, member):
    person = orgs.member(org)
    one_of_each(org, threads.thread(org, person, error_count=2, last_message_at=NOW))
    assert {words.partition(" ")[2] for words in matters(member)} == {"failed task", "failed source"}
    assert len(matters(owner)) == 5


def test_mail_that_is_off_is_no_failure(org, owner):
    mail(org, error=MAIL_IS_OFF)
    assert matters(owner) == {}


def test_other_organisations_do_not_count(org, owner):
    other = orgs.org()
    one_of_each(other, threads.thread(other, origin="api", error_count=2, last_message_at=NOW))
    assert matters(owner) == {}


def test_agents_are_counted_as_their_list_shows_them(org, owner):
    agents.agent(org, deleted_at=NOW)
    agents.agent(org, archived=True)

    def told():
        return (
            owner.page("/o/acme").find("a", href="/o/acme/agents", class_="figure").get_text(" ", strip=True)
        )

    assert told() == "0 agents"
    assert owner.page("/o/acme/agents").select("#results tbody tr") == []
    agents.agent(org)
    assert told() == "1 agent"


def test_sample_data_is_offered_again_where_all_agents_were_deleted(org, owner):
    agents.agent(org, deleted_at=NOW)
    assert owner.page("/o/acme").find(id="samples")


def test_the_home_takes_five_statements_whatever_failed(org, owner):
    agents.agent(org)
    owner.page("/o/acme")
    with queries(max=5):
        owner.page("/o/acme")
    one_of_each(org, threads.thread(org, origin="api", error_count=2, last_message_at=NOW))
    knowledge.text(knowledge.base(org), status="failed")
    for _ in range(120):
        tasks.task(org, status="failed")
    with queries(max=5):
        found = matters(owner)
    assert found["2 failed sources"] == "/o/acme/knowledge"
    assert "99+ failed tasks" in found
