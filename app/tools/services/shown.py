"""A request as people see it: the secret masked."""

from urllib.parse import urlsplit

from app.connections.providers import MASK, masked
from app.tools.parts import HttpConfig
from app.tools.services.calling import Ready, Sent

MOST = 8_000


def shown_request(sent: Sent, prepared: Ready) -> str:
    """Method, address, headers and body of what was sent; nothing if nothing was."""
    request = sent.request
    if request is None:
        return ""
    config = HttpConfig.model_validate(prepared.tool.config)
    headers = dict(request.headers)
    if request.body is not None:
        headers["Content-Type"] = "application/json"
    lines = [f"{request.method} {request.url}", f"Host: {urlsplit(request.url).netloc}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    text = "\n".join(lines) + (f"\n\n{request.body.decode()}" if request.body is not None else "")
    shown = masked(text, prepared.secret)[:MOST]
    if not prepared.secret:
        return shown
    head, _, rest = shown.partition("\n")
    return f"{head}\n{config.auth_header}: {config.auth_prefix}{MASK}\n{rest}"
