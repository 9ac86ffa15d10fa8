"""The audit log in words: what was done, to what kind of thing, and the names of its values."""

from typing import Any

import orjson
from flask import Flask

_KINDS = {"org": "Organisation", "api_key": "API key", "mcp_server": "MCP server"}

ACTIONS = {
    "agent.archive": "Agent archived",
    "agent.change": "Agent changed",
    "agent.create": "Agent created",
    "agent.delete": "Agent deleted",
    "agent.erase": "Agent erased",
    "agent.export": "Agents exported",
    "agent.publish": "Agent published",
    "agent.restore": "Agent restored",
    "agent.roll_back": "Agent taken back to an earlier version",
    "analytics.export": "Figures exported",
    "api_key.create": "API key created",
    "api_key.limit": "Spend limit of an API key set",
    "api_key.revoke": "API key revoked",
    "api_key.rotate": "API key rotated",
    "api_key.unlimit": "Spend limit of an API key removed",
    "approval.approve": "Call approved",
    "approval.expire": "Approval expired",
    "approval.reject": "Call rejected",
    "approval.request": "Approval requested",
    "audit.export": "Audit log exported",
    "connection_model.change": "Model changed",
    "connection_model.create": "Model added",
    "connection_model.delete": "Model removed",
    "credential.change": "Credential changed",
    "credential.create": "Credential created",
    "credential.delete": "Credential deleted",
    "credential.replace": "Secret of a credential replaced",
    "data.export": "Table exported",
    "email.change": "E-mail address changed",
    "email.prove": "E-mail address confirmed for the first time",
    "email.request": "Change of e-mail address requested",
    "email.undo": "Change of e-mail address undone",
    "evaluation_case.change": "Evaluation case changed",
    "evaluation_case.create": "Evaluation case created",
    "evaluation_case.delete": "Evaluation case deleted",
    "feedback.clear": "Feedback cleared",
    "feedback.give": "Feedback given",
    "identity.link": "External sign-in linked",
    "identity.unlink": "External sign-in unlinked",
    "instance.change_default_org": "Default organisation changed",
    "instance.claim": "Instance claimed",
    "invitation.accept": "Invitation accepted",
    "invitation.create": "Invitation created",
    "invitation.revoke": "Invitation revoked",
    "knowledge_base.archive": "Knowledge base archived",
    "knowledge_base.cancel": "New generation of a knowledge base given up",
    "knowledge_base.change": "Knowledge base changed",
    "knowledge_base.create": "Knowledge base created",
    "knowledge_base.delete": "Knowledge base deleted",
    "knowledge_base.fail": "New generation of a knowledge base failed",
    "knowledge_base.hold": "New generation of a knowledge base held back",
    "knowledge_base.rebuild": "New generation of a knowledge base begun",
    "knowledge_base.restore": "Knowledge base restored",
    "knowledge_base.roll_back": "Knowledge base taken back to an earlier generation",
    "knowledge_base.swap_anyway": "Held generation of a knowledge base swapped in",
    "knowledge_chunk.annotate": "Note on a passage changed",
    "knowledge_chunk.disable": "Passage disabled",
    "knowledge_chunk.enable": "Passage enabled",
    "knowledge_source.add": "Knowledge source added",
    "knowledge_source.cancel": "Reading of a knowledge source cancelled",
    "knowledge_source.change": "Knowledge source changed",
    "knowledge_source.delete": "Knowledge source deleted",
    "knowledge_source.disable": "Knowledge source disabled",
    "knowledge_source.enable": "Knowledge source enabled",
    "knowledge_source.retry": "Knowledge source read again",
    "knowledge_source.stop": "Fetching of a knowledge source stopped",
    "mail.test": "Test mail sent",
    "mcp_server.change": "MCP server changed",
    "mcp_server.create": "MCP server created",
    "mcp_server.delete": "MCP server deleted",
    "mcp_server.discover": "Tools of an MCP server listed",
    "member.add": "Member added",
    "member.change_role": "Role of a member changed",
    "member.leave": "Member left",
    "member.remove": "Member removed",
    "model_connection.change": "Model connection changed",
    "model_connection.create": "Model connection created",
    "model_connection.delete": "Model connection deleted",
    "model_connection.import_models": "Models of a connection imported",
    "org.add_samples": "Sample data added",
    "org.create": "Organisation created",
    "org.delete": "Organisation deleted",
    "org.dismiss_card": "Set-up card dismissed",
    "org.limit": "Spend limit of the organisation set",
    "org.unlimit": "Spend limit of the organisation removed",
    "org.update": "Settings of the organisation changed",
    "password.change": "Password changed",
    "password_reset.issue": "Link to reset a password created",
    "password_reset.use": "Password reset",
    "persona.archive": "Persona archived",
    "persona.change": "Persona changed",
    "persona.create": "Persona created",
    "persona.delete": "Persona deleted",
    "persona.restore": "Persona restored",
    "preferences.change": "Preferences changed",
    "profile.change": "Profile changed",
    "retrieval_test.change": "Saved question changed",
    "retrieval_test.create": "Question saved",
    "retrieval_test.delete": "Saved question deleted",
    "saved_view.change": "Saved view changed",
    "saved_view.create": "View saved",
    "saved_view.delete": "Saved view deleted",
    "schedule.change": "Schedule changed",
    "schedule.create": "Schedule created",
    "schedule.delete": "Schedule deleted",
    "schedule.disable": "Schedule switched off",
    "schedule.run": "Schedule run at once",
    "second_factor.off": "Second factor switched off",
    "second_factor.on": "Second factor switched on",
    "second_factor.remove": "Second factor removed by an administrator",
    "second_factor.renew_codes": "Recovery codes renewed",
    "second_factor.use_code": "Recovery code used to sign in",
    "session.end": "Signed out",
    "session.revoke": "Session revoked",
    "session.revoke_others": "All other sessions revoked",
    "session.start": "Signed in",
    "task.cancel": "Task cancelled",
    "task.retry": "Task started again",
    "thread.archive": "Thread archived",
    "thread.create": "Thread created",
    "thread.delete": "Thread deleted",
    "thread.erase": "Thread erased",
    "thread.export": "Thread exported",
    "thread.export_whole": "Threads exported with their messages",
    "thread.import": "Threads imported",
    "thread.note": "Note on a thread written",
    "thread.note_remove": "Note on a thread removed",
    "thread.rename": "Thread renamed",
    "thread.restore": "Thread restored",
    "thread.tag": "Thread tagged",
    "thread.untag": "Tag taken off a thread",
    "thread.upload": "File of threads uploaded",
    "tool.change": "Tool changed",
    "tool.create": "Tool created",
    "tool.delete": "Tool deleted",
    "user.change_role": "Platform role of a person changed",
    "user.delete": "Account deleted",
    "user.disable": "Account disabled",
    "user.enable": "Account enabled",
}
"""What people read of each action that the code writes; a test finds those that are missing."""

_FIELDS = {
    "byte_size": "Size",
    "catch_up": "Runs that were missed",
    "config": "Settings of the kind",
    "credential_id": "Credential",
    "cron": "Cron line",
    "ends_at": "Last run at the latest",
    "ends_in": "Secret ends in",
    "failure_mail": "Mail about failed tasks",
    "input_hash": "Fingerprint of the content",
    "max_depth": "Steps along links",
    "max_pages": "Pages at most",
    "org_id": "Organisation",
    "rag_enabled": "Knowledge bases",
    "refresh_seconds": "Fetch again",
    "run_at": "Date and time",
    "shortcuts": "Single-key shortcuts",
    "slug": "Address",
    "tools_enabled": "Tools",
    "user_id": "Person",
}
_OF_KIND = {
    "agent": {
        "max_output_tokens": "Longest answer",
        "max_tool_calls": "Tool calls",
        "persona_id": "Persona",
        "primary_model": "Model",
        "primary_model_provider": "Provider",
        "primary_model_temperature": "Temperature",
        "reasoning_effort": "Reasoning",
        "settings": "Limits of an answer",
        "timeout_seconds": "Time limit",
    },
    "api_key": {"limit": "Amount", "period": "In each"},
    "connection_model": {
        "capabilities": "Abilities",
        "input_price_micros": "Price of input",
        "name": "Model",
        "output_price_micros": "Price of output",
    },
    "credential": {"kind": "Opens"},
    "evaluation_case": {"enabled": "Asked in every run"},
    "knowledge_base": {
        "gate": "A new generation",
        "least_percent": "Least share",
        "model": "Embedding model",
        "rerank": "Reranked by",
        "size": "Longest passage",
        "threshold_percent": "Least likeness",
        "top_k": "Passages found",
    },
    "knowledge_web": {"scope": "What to fetch", "url": "Address"},
    "mcp_server": {"enabled": "Agents may use it", "url": "URL"},
    "model_connection": {
        "base_url": "Base URL",
        "enabled": "Agents may use it",
        "kind": "Protocol",
        "slug": "Provider name",
    },
    "org": {"limit": "Amount", "period": "In each"},
    "persona": {"prompt": "Text"},
    "saved_view": {"is_default": "Default", "shared": "Share"},
    "schedule": {
        "every_minutes": "Minutes",
        "kind": "What runs",
        "overlap": "If the run before has not ended",
        "paused_until": "Pause until",
        "timing": "When",
    },
    "tool": {"enabled": "Agents may use it", "seconds": "Time limit"},
}


def action_words(action: str) -> str:
    """`agent.change` as people read it, `Agent changed`; one that is written no more is told as it stands."""
    thing, _, act = action.partition(".")
    return ACTIONS.get(action) or f"{kind_words(thing)}: {act.replace('_', ' ')}"


def kind_words(kind: str) -> str:
    """The kind of a target: `saved_view` is `Saved view`."""
    return _KINDS.get(kind) or kind.replace("_", " ").capitalize()


def field_words(name: str, kind: str) -> str:
    """What the form of a thing of this kind calls a value: `rag_enabled` is `Knowledge bases`."""
    return _OF_KIND.get(kind, {}).get(name) or _FIELDS.get(name) or name.replace("_", " ").capitalize()


def value_words(value: Any) -> str:
    """A value as text; one that was or is not there has none."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def register(app: Flask) -> None:
    """Give templates the words as filters; the macros they share with mails use them."""
    app.jinja_env.filters |= {
        words.__name__: words for words in (action_words, kind_words, field_words, value_words)
    }
