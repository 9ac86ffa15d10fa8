"""Calls to approve by key."""

import pytest

from app.runtime.models import ToolApproval
from tests.factories import runtime, threads
from tests.factories.rows import rows, stored

APPROVALS = "/api/v1/approvals"


def test_calls_are_listed_read_and_decided_once(ours, home):
    approval = home.rows["tool_approvals"]
    listed = ours.get(APPROVALS).json
    assert [row["id"] for row in listed["data"]] == [str(approval.id)]
    one = ours.get(f"{APPROVALS}/{approval.id}").json
    assert (one["status"], one["tool"], one["arguments"]) == (
        "pending",
        "Homecanary tool",
        {"note": "Homecanary"},
    )
    decision = {"verdict": "reject", "reason": "Not now."}
    answer = ours.post(f"{APPROVALS}/{approval.id}/decision", decision)
    assert (answer.status_code, answer.json["status"], answer.json["reason"]) == (200, "rejected", "Not now.")
    again = ours.post(f"{APPROVALS}/{approval.id}/decision", {"verdict": "approve"})
    assert again.status_code == 409
    assert "already rejected" in again.json["detail"]
    assert ours.get(APPROVALS).json["data"] == []
    assert len(ours.get(f"{APPROVALS}?status=rejected").json["data"]) == 1


@pytest.mark.parametrize(
    "body", [{}, {"verdict": "allow"}, {"verdict": "approve", "reason": "a\0b"}, {"verdict": True}]
)
def test_a_decision_that_is_none_is_refused(ours, home, body):
    approval = home.rows["tool_approvals"]
    assert ours.post(f"{APPROVALS}/{approval.id}/decision", body).status_code == 422
    assert stored(approval).status == "pending"


def test_oi_1_theirs_do_not_exist(ours, theirs):
    approval = theirs.rows["tool_approvals"]
    assert ours.get(f"{APPROVALS}/{approval.id}").status_code == 404
    assert ours.post(f"{APPROVALS}/{approval.id}/decision", {"verdict": "approve"}).status_code == 404
    assert stored(approval).status == "pending"


def test_a_member_decides_in_threads_of_their_own_only(program, home):
    mine = home.rows["tool_approvals"]
    thread = threads.thread(home.org, home.people["admin"], origin="api")
    other = runtime.approval(threads.message(thread, "x", role="assistant"))
    member = program(home, "member")
    assert member.post(f"{APPROVALS}/{other.id}/decision", {"verdict": "approve"}).status_code == 403
    assert member.post(f"{APPROVALS}/{mine.id}/decision", {"verdict": "approve"}).status_code == 200
    assert {row.id: row.status for row in rows(ToolApproval)}[other.id] == "pending"
