"""What tests of connections have in common: addresses, secrets, answers of providers."""

import json

HOME = "/o/acme/connections"
SECRET = "sk-live-8f2a91c7d3e4-WXYZ"
PUBLIC = "https://1.1.1.1/v1"
OPENAI = {"data": [{"id": "gpt-b"}, {"id": "gpt-a", "context_length": 128000}, {"id": "text-embed-3"}]}
ANTHROPIC = {"data": [{"type": "model", "id": "claude-x", "display_name": "X"}], "has_more": False}
JSON = {"Content-Type": "application/json"}
INTERNAL = [
    "http://127.0.0.1/v1",
    "http://localhost/v1",
    "http://[::1]/v1",
    "http://169.254.169.254/latest",
    "http://10.0.0.1/v1",
    "http://2130706433/v1",
    "http://0x7f.1/v1",
    "http://1.1.1.1:8080/v1",
    "http://user:pass@1.1.1.1/v1",
    "http://1.1.1.1\\@127.0.0.1/v1",
    "http://no-such-host.invalid/v1",
    "file:///etc/passwd",
    "gopher://1.1.1.1/",
    "javascript:alert(1)",
    "1.1.1.1/v1",
    "https://1.1.1.1/v1?key=1",
    "https://1.1.1.1/v1#part",
    "https://1.1.1.1/a b",
]


def path(connection, act=""):
    return f"{HOME}/{connection.id}{act}"


def body(found) -> bytes:
    return json.dumps(found).encode()
