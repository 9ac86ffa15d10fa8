"""Repositories of threads: what is found, in which order, by whom, and what writing gives back."""

from datetime import UTC, datetime, timedelta

import pytest

from app.db.session import transaction
from app.threads.cached_repo import CachedMessageRepo, CachedThreadRepo
from app.threads.parts import TextPart
from app.threads.repo.feedback import FeedbackRepo, NoteRepo, Rater
from app.threads.repo.messages import MessageRepo
from app.threads.repo.threads import ModelUse, ThreadRepo, Viewer
from app.threads.services.feedback import Rating, add_note, clear_feedback, give_feedback, remove_note
from app.threads.services.writing import append_message, create_thread, name_from, rename_thread
from app.web.errors import NotFound
from tests.factories import agents, orgs, threads, world
from tests.support import programs
from tests.support.queries import queries

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def texts(window):
    return [row.text_content for row in window.rows]


@pytest.fixture
def ten(thread):
    """Ten messages, a minute apart, and two beside the fourth."""
    rows = [
        threads.message(thread, f"m{number}", created_at=BEGIN + timedelta(minutes=number))
        for number in range(10)
    ]
    for number in range(2):
        threads.message(
            thread,
            f"side{number}",
            branch=1,
            parent_id=rows[3].id if number == 0 else None,
            created_at=BEGIN + timedelta(minutes=4 + number),
        )
    return rows


@pytest.mark.usefixtures("inside")
class TestThreads:
    def test_a_head_names_agent_and_person(self, org, ana, as_ana):
        agent = agents.agent(org, name="Support")
        mine = threads.thread(org, ana, agent_id=agent.id, tags=["vip"])
        head = ThreadRepo().head(org.id, as_ana, mine.id)
        assert (head.agent_name, head.user_name) == ("Support", f"{ana.first_name} {ana.last_name}")
        assert (head.status, head.tags, head.message_count) == ("live", ["vip"], 0)

    @pytest.mark.parametrize("origin", ["console", "playground"])
    def test_other_peoples_threads_are_for_owners_and_admins(self, org, as_ana, as_owner, origin):
        other = threads.thread(org, orgs.member(org), origin=origin)
        assert ThreadRepo().head(org.id, as_ana, other.id) is None
        assert ThreadRepo().get(org.id, as_ana, other.id) is None
        assert ThreadRepo().head(org.id, as_owner, other.id).id == other.id

    @pytest.mark.parametrize("origin", ["api", "import", "schedule"])
    def test_threads_of_programs_are_everyones(self, org, as_ana, origin):
        shared = threads.thread(org, origin=origin, external_user="Kim")
        assert ThreadRepo().head(org.id, as_ana, shared.id).external_user == "Kim"

    def test_another_organisations_thread_is_not_there(self, org, as_owner):
        theirs = world.tenant("Theirs")
        assert ThreadRepo().head(org.id, as_owner, theirs.thread.id) is None
        assert ThreadRepo().head(theirs.org.id, as_owner, theirs.thread.id) is None
        assert MessageRepo().latest(theirs.org.id, theirs.thread.id, 10).rows == []

    def test_numbered_pages_search_names_and_filter_by_agent(self, org, ana, as_ana):
        agent = agents.agent(org)
        for number in range(5):
            threads.thread(
                org,
                ana,
                name=f"50%_off {number}",
                agent_id=agent.id if number < 3 else None,
                created_at=BEGIN + timedelta(days=number),
            )
        threads.thread(org, ana, name="50 percent", created_at=BEGIN)

        def names(**wanted):
            return [row.name for row in ThreadRepo().paginated(org.id, as_ana, **wanted)]

        assert names(search="50%_OFF") == [f"50%_off {number}" for number in (4, 3, 2, 1, 0)]
        assert names(search="50%", agent_id=agent.id, size=2) == ["50%_off 2", "50%_off 1"]
        assert names(search="50%", agent_id=agent.id, size=2, page=2) == ["50%_off 0"]

    def test_facts_add_up_all_messages(self, org, thread):
        version = agents.version(agents.agent(org), 14)
        for tokens in (1, 2):
            threads.message(
                thread,
                role="assistant",
                model="m1",
                output_tokens=tokens,
                cost_micros=5,
                agent_version_id=version.id,
            )
        threads.message(thread, role="assistant", model="m2", input_tokens=9)
        facts = ThreadRepo().facts(org.id, thread.id)
        assert facts.models == (ModelUse("m1", 2, 0, 3, 10), ModelUse("m2", 1, 9, 0, 0))
        assert facts.versions == (14,)


@pytest.mark.usefixtures("inside")
class TestMessages:
    def test_windows(self, org, thread, ten):
        repo = MessageRepo()
        latest = repo.latest(org.id, thread.id, 3)
        assert (texts(latest), latest.older, latest.newer) == (["m7", "m8", "m9"], True, False)
        oldest = repo.oldest(org.id, thread.id, 3)
        assert (texts(oldest), oldest.older, oldest.newer) == (["m0", "m1", "m2"], False, True)
        around = repo.around(org.id, thread.id, ten[5].id, 2)
        assert (texts(around), around.older, around.newer) == (["m3", "m4", "m5", "m6", "m7"], True, True)
        edge = repo.around(org.id, thread.id, ten[1].id, 2)
        assert (texts(edge), edge.older, edge.newer) == (["m0", "m1", "m2", "m3"], False, True)
        before = repo.before(org.id, thread.id, ten[7].id, 3)
        assert (texts(before), before.older, before.newer) == (["m4", "m5", "m6"], True, True)
        after = repo.after(org.id, thread.id, ten[7].id, 3)
        assert (texts(after), after.older, after.newer) == (["m8", "m9"], True, False)

    def test_every_window_of_messages_of_one_moment_is_whole(self, org, thread):
        rows = [threads.message(thread, f"m{number}", created_at=BEGIN) for number in range(5)]
        repo = MessageRepo()
        assert texts(repo.latest(org.id, thread.id, 9)) == [f"m{number}" for number in range(5)]
        assert texts(repo.before(org.id, thread.id, rows[2].id, 9)) == ["m0", "m1"]
        assert texts(repo.after(org.id, thread.id, rows[2].id, 9)) == ["m3", "m4"]

    def test_branches_are_lines_of_their_own(self, org, thread, ten):
        repo = MessageRepo()
        (branch,) = repo.branches(org.id, thread.id)
        assert (branch.number, branch.parent_id, branch.messages) == (1, ten[3].id, 2)
        assert texts(repo.latest(org.id, thread.id, 9, branch=1)) == ["side0", "side1"]
        assert texts(repo.around(org.id, thread.id, branch.first_id, 5)) == ["side0", "side1"]

    def test_a_message_of_another_thread_has_no_window(self, org, ana, ten):
        other = threads.thread(org, ana)
        assert MessageRepo().around(org.id, other.id, ten[0].id, 5) is None
        assert MessageRepo().before(org.id, other.id, ten[5].id, 5).rows == []
        assert MessageRepo().get(org.id, other.id, ten[0].id) is None

    def test_appending_is_one_statement(self, org, thread, as_ana):
        with transaction(), queries(max=1):
            row = append_message(org.id, as_ana, thread.id, "user", (TextPart(text="Hello"),), input_tokens=2)
        assert (row.text_content, row.role, row.branch, row.input_tokens) == ("Hello", "user", 0, 2)
        assert MessageRepo().get(org.id, thread.id, row.id) == row
        assert threads.fresh(thread).message_count == 1

    def test_nothing_is_appended_to_a_thread_that_is_not_there(self, org, as_ana):
        gone = threads.thread(org, origin="api", deleted_at=BEGIN)
        foreign = world.tenant("Theirs").thread
        hidden = threads.thread(org, orgs.member(org))
        for other in (gone, foreign, hidden):
            with pytest.raises(NotFound), transaction():
                append_message(org.id, as_ana, other.id, "user", (TextPart(text="Hello"),))

    def test_changing_and_removing(self, org, thread):
        message = threads.message(thread)
        with transaction():
            assert MessageRepo().change(org.id, message.id, {"status": "stopped"}).status == "stopped"
            assert MessageRepo().remove(org.id, message.id).id == message.id
            assert MessageRepo().remove(org.id, message.id) is None
        assert threads.fresh(thread).message_count == 0

    def test_what_people_thought_of_a_removed_message_is_not_counted(self, org, thread, ana):
        kept, gone = (threads.message(thread, role="assistant") for _ in range(2))
        for message in (kept, gone):
            threads.feedback(message, ana, -1)
        with transaction():
            MessageRepo().remove(org.id, gone.id)
        assert threads.fresh(thread).down_count == 1


@pytest.mark.usefixtures("inside")
class TestCached:
    def test_a_window_is_read_once_per_revision(self, org, thread, as_ana):
        programs.need("redis-server")
        threads.message(thread, "one", role="assistant", model="m", agent_version_id=None)
        head = ThreadRepo().head(org.id, as_ana, thread.id)
        first = CachedMessageRepo().latest(org.id, head, 20), CachedThreadRepo().facts(org.id, head)
        with queries(max=0):
            again = CachedMessageRepo().latest(org.id, head, 20), CachedThreadRepo().facts(org.id, head)
        assert again == first
        threads.message(thread, "two")
        newer = ThreadRepo().head(org.id, as_ana, thread.id)
        assert texts(CachedMessageRepo().latest(org.id, newer, 20)) == ["one", "two"]
        assert texts(CachedMessageRepo().oldest(org.id, newer, 1)) == ["one"]


@pytest.mark.usefixtures("inside")
class TestFeedbackAndNotes:
    @pytest.fixture
    def head(self, org, thread, as_ana):
        return ThreadRepo().head(org.id, as_ana, thread.id)

    def test_a_person_has_one_opinion(self, org, thread, ana, head):
        message, me = threads.message(thread), Rater(ana.id)
        with transaction():
            give_feedback(head, org.id, message.id, me, Rating(1))
            give_feedback(head, org.id, message.id, me, Rating(-1, "inaccurate", "No."))
            give_feedback(head, org.id, message.id, Rater(external_user="Kim"), Rating(1))
        found = FeedbackRepo().for_messages(org.id, [message.id])
        assert [(row.rating, row.reason, row.external_user) for row in found] == [
            (-1, "inaccurate", None),
            (1, None, "Kim"),
        ]
        assert found[0].user_name == f"{ana.first_name} {ana.last_name}"
        assert (threads.fresh(thread).up_count, threads.fresh(thread).down_count) == (1, 1)
        with transaction():
            clear_feedback(head, org.id, message.id, me)
        with pytest.raises(NotFound), transaction():
            clear_feedback(head, org.id, message.id, me)
        assert threads.fresh(thread).down_count == 0

    def test_a_message_of_another_thread_is_not_rated(self, org, ana, head):
        other = threads.message(threads.thread(org, ana))
        with pytest.raises(NotFound), transaction():
            give_feedback(head, org.id, other.id, Rater(ana.id), Rating(1))

    def test_notes(self, org, ana, head):
        with transaction():
            note = add_note(head, org.id, ana.id, "Ask the bank.")
        (found,) = NoteRepo().for_thread(org.id, head.id)
        assert (found.body, found.author_id) == ("Ask the bank.", ana.id)
        with transaction():
            remove_note(head, org.id, note.id)
        with pytest.raises(NotFound), transaction():
            remove_note(head, org.id, note.id)


class TestNames:
    @pytest.mark.parametrize(
        ("text", "name"),
        [
            ("Hello\nworld", "Hello"),
            ("  ", "New thread"),
            ("word " * 40, "word " * 15 + "word…"),
            ("x" * 200, "x" * 80 + "…"),
        ],
    )
    def test_a_thread_is_named_by_its_first_words(self, text, name):
        assert name_from((TextPart(text=text),)) == name

    @pytest.mark.usefixtures("inside")
    def test_creating_and_renaming(self, org, ana, as_ana):
        with transaction():
            thread = create_thread(org.id, {"origin": "console", "user_id": ana.id})
            assert rename_thread(org.id, as_ana, thread.id, "Better").name == "Better"
        with pytest.raises(NotFound), transaction():
            rename_thread(org.id, Viewer(orgs.member(org).id, sees_all=False), thread.id, "Mine now")
