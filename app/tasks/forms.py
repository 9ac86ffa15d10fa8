"""What the lists of tasks, schedules and mail can be asked, and the form of a test message."""

from flask_wtf import FlaskForm

from app.db.work import kinds
from app.web.fields import address_field
from app.web.listing import Facet, ListSpec

MAIL_STATES = {"sent": "Sent", "waiting": "Waiting", "failed": "Failed"}
MAIL_LOG = ListSpec(
    sorts={"at": "time", "to": "recipient"},
    default_sort="-at",
    facets={"status": Facet("Status", MAIL_STATES)},
    dates={"at": "Written"},
)
STATUSES = {
    "queued": "Queued",
    "running": "Running",
    "waiting": "Waiting",
    "succeeded": "Succeeded",
    "failed": "Failed",
    "cancelled": "Cancelled",
    "expired": "Expired",
    "skipped": "Skipped",
}
TRIGGERS = {"person": "Person", "schedule": "Schedule", "program": "Program", "system": "System"}
TASK_COLUMNS = {
    "task": "Task",
    "status": "Status",
    "progress": "Progress",
    "by": "Started by",
    "agent": "Agent",
    "attempts": "Attempts",
    "created": "Created",
    "finished": "Finished",
}
SCHEDULE_STATES = {"active": "Active", "paused": "Paused", "ended": "Ended", "disabled": "Disabled"}
SCHEDULE_LIST = ListSpec(
    sorts={"next": "next run", "name": "name", "created": "created"},
    default_sort="next",
    facets={"state": Facet("State", SCHEDULE_STATES)},
    dates={"created": "Created"},
)


def task_list() -> ListSpec:
    """The list of tasks, which may be of any kind."""
    return ListSpec(
        sorts={"created": "created"},
        default_sort="-created",
        facets={
            "status": Facet("Status", STATUSES),
            "kind": Facet("Kind", {kind.name: kind.title for kind in kinds().all()}),
            "trigger": Facet("Started by", TRIGGERS),
        },
        dates={"created": "Created"},
        columns=TASK_COLUMNS,
        shown=("task", "status", "progress", "by", "created"),
    )


class TestMailForm(FlaskForm):
    """Where the test message goes."""

    recipient = address_field("Send to")
