"""What the forms of tools have in common."""

from typing import Any

from flask import Response

from app.connections.repo.credentials import CredentialsRepo
from app.connections.services.connections import KeyChoice
from app.tools.forms.single import APPROVAL_HINTS, CommonForm, HttpToolForm
from app.tools.parts import McpConfig
from app.tools.repo.tools import ToolFacts
from app.tools.services.tabular import TYPES
from app.web.access import role_has
from app.web.identity import require_org
from app.web.render import render

NAME_IN_USE = "Another tool, or one that is built in, has this name. Choose a different one."


def may_open() -> bool:
    """Whether the visitor may say which secret a tool opens with."""
    return role_has(require_org().role, "connections.edit")


def fits(form: CommonForm, tool: ToolFacts | None) -> bool:
    """Whether what was sent can be saved."""
    _offer_keys(form, tool)
    return bool(form.validate())


def offer(form: CommonForm, tool: ToolFacts) -> tuple[dict[str, Any], KeyChoice]:
    """What to save of an edited tool; who may not see connections leaves the secret and its header as they are."""
    if not isinstance(form, HttpToolForm):
        config = McpConfig(tool=tool.config["tool"], seconds=form.seconds.data or 20)
        return {**form.common(), "config": config.model_dump(mode="json")}, KeyChoice(keep=True)
    values = form.values()
    if not may_open():
        kept = {name: tool.config[name] for name in ("auth_header", "auth_prefix") if name in tool.config}
        values["config"] |= kept
    return values, form.key_choice(may=may_open())


def tool_page(form: CommonForm, tool: ToolFacts | None, status: int = 200) -> Response:
    """The page with the form."""
    if form.credential.choices is None:
        _offer_keys(form, tool)
    template = "tools/edit.html" if tool else "tools/new.html"
    return render(
        template,
        "form",
        status,
        form=form,
        tool=tool,
        may_open=may_open(),
        hints=APPROVAL_HINTS,
        types=TYPES,
    )


def _offer_keys(form: CommonForm, tool: ToolFacts | None) -> None:
    stored = CredentialsRepo().choices(require_org().org_id, "tool") if may_open() else ()
    if not may_open():
        form.credential.data, form.secret.data = "", ""
    form.offer(stored, tool.hint if tool and may_open() else None)
