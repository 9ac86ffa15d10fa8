"""A model on loopback that speaks the streaming protocols of OpenAI and Anthropic, as their documentation gives them.

https://platform.openai.com/docs/api-reference/chat-streaming, https://docs.anthropic.com/en/docs/build-with-claude/streaming
"""

import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.support.thinking_rules import Block, Rules, signed

USAGE = {"prompt_tokens": 11, "completion_tokens": 7}
_REASONS = {"length": "max_tokens", "content_filter": "refusal"}
"""What Anthropic calls it."""


@dataclass
class Answer:
    """One answer: the pieces of its text, its thoughts, its calls (id, name, arguments as JSON text).

    `hidden` are thoughts that only Anthropic's protocol has, which come as they cannot be read. `finish` is how it ends
    in OpenAI's words, `refusal` what a model says that refuses. Without `counted` it is not said what it took, in
    OpenAI's protocol.
    """

    text: tuple[str, ...] = ()
    thoughts: tuple[str, ...] = ()
    hidden: str = ""
    calls: tuple[tuple[str, str, str], ...] = ()
    pause: float = 0.0
    cut: bool = False
    finish: str = ""
    refusal: str = ""
    counted: bool = True
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class ModelServer(http.server.ThreadingHTTPServer):
    """Gives its answers in turn, the last one again and again; keeps what it was asked in `seen`.

    By Anthropic's protocol it refuses what the rules there forbid, and says in `refused` why.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.answers: list[Answer] = [Answer(("Hello", " there."))]
        self.choose: Callable[[dict[str, Any]], Answer] | None = None
        self.seen: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.refused: list[str] = []
        self.rules = Rules()
        self.lock = threading.Lock()

    def next(self, asked: dict[str, Any], headers: dict[str, str]) -> Answer:
        with self.lock:
            self.seen.append(asked)
            self.headers.append(headers)
            if self.choose:
                return self.choose(asked)
            return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def refuse(self, asked: dict[str, Any], words: str) -> Answer:
        with self.lock:
            self.seen.append(asked)
            self.refused.append(words)
        error = {"type": "error", "error": {"type": "invalid_request_error", "message": words}}
        return Answer(status=400, body=json.dumps(error).encode())


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ModelServer

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        speaks_openai = self.path.endswith("/chat/completions")
        refusal = None if speaks_openai else self.server.rules.refusal(asked)
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.server.refuse(asked, refusal) if refusal else self.server.next(asked, headers)
        if answer.status != 200 or answer.body:
            self._whole(answer)
            return
        if not speaks_openai:
            self.server.rules.note(thinking_blocks(answer), [call[0] for call in answer.calls])
        events = openai_events(answer) if speaks_openai else anthropic_events(answer)
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        try:
            for event in events:
                self.wfile.write(event)
                self.wfile.flush()
                time.sleep(answer.pause)
        except OSError:
            pass
        self.close_connection = True

    def _whole(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in {"Content-Type": "application/json", **answer.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, *_: object) -> None:
        pass


def openai_events(answer: Answer) -> Iterator[bytes]:
    def event(delta: dict[str, Any], reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        return _line(
            {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
        )

    yield event({"role": "assistant", "content": ""})
    for piece in answer.thoughts:
        yield event({"reasoning_content": piece})
    for piece in answer.text:
        yield event({"content": piece})
    for place, (call_id, name, arguments) in enumerate(answer.calls):
        head = {
            "index": place,
            "id": call_id,
            "type": "function",
            "function": {"name": name, "arguments": ""},
        }
        yield event({"tool_calls": [head]})
        for half in (arguments[: len(arguments) // 2], arguments[len(arguments) // 2 :]):
            yield event({"tool_calls": [{"index": place, "function": {"arguments": half}}]})
    if answer.cut:
        return
    if answer.refusal:
        yield event({"refusal": answer.refusal})
    yield event({}, answer.finish or ("tool_calls" if answer.calls else "stop"))
    yield _usage() if answer.counted else b""
    yield b"data: [DONE]\n\n"


def _usage() -> bytes:
    usage = {**USAGE, "total_tokens": sum(USAGE.values())}
    head = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return _line({**head, "choices": [], "usage": usage})


def thinking_blocks(answer: Answer) -> list[Block]:
    """The thoughts of an answer, as Anthropic's protocol has them whole."""
    shown = [signed("".join(answer.thoughts))] if answer.thoughts else []
    return [*shown, *([{"type": "redacted_thinking", "data": answer.hidden}] if answer.hidden else [])]


def _blocks(answer: Answer) -> list[tuple[Block, list[Block]]]:
    """The blocks of an answer as they begin, with what is added to each."""
    blocks: list[tuple[Block, list[Block]]] = []
    for block in thinking_blocks(answer):
        if block["type"] == "redacted_thinking":
            blocks.append((block, []))
            continue
        start = {"type": "thinking", "thinking": "", "signature": ""}
        deltas = [{"type": "thinking_delta", "thinking": piece} for piece in answer.thoughts]
        blocks.append((start, [*deltas, {"type": "signature_delta", "signature": block["signature"]}]))
    if answer.text:
        deltas = [{"type": "text_delta", "text": piece} for piece in answer.text]
        blocks.append(({"type": "text", "text": ""}, deltas))
    for call_id, name, arguments in answer.calls:
        start = {"type": "tool_use", "id": call_id, "name": name, "input": {}}
        blocks.append((start, [{"type": "input_json_delta", "partial_json": arguments}]))
    return blocks


def anthropic_events(answer: Answer) -> Iterator[bytes]:
    def event(kind: str, **data: Any) -> bytes:
        return f"event: {kind}\n".encode() + _line({"type": kind, **data})

    usage = {"input_tokens": USAGE["prompt_tokens"], "output_tokens": 1}
    message = {
        "id": "m1",
        "type": "message",
        "role": "assistant",
        "content": [],
        "model": "m",
        "usage": usage,
    }
    yield event("message_start", message={**message, "stop_reason": None, "stop_sequence": None})
    for place, (start, deltas) in enumerate(_blocks(answer)):
        yield event("content_block_start", index=place, content_block=start)
        for delta in deltas:
            yield event("content_block_delta", index=place, delta=delta)
        yield event("content_block_stop", index=place)
    if answer.cut:
        return
    yield event("message_delta", delta=_ending(answer), usage={"output_tokens": USAGE["completion_tokens"]})
    yield event("message_stop")


def _ending(answer: Answer) -> dict[str, Any]:
    """How an answer ends, as Anthropic's protocol has it."""
    reason = _REASONS.get(answer.finish) or ("tool_use" if answer.calls else "end_turn")
    details = {"type": "refusal", "category": None, "explanation": answer.refusal}
    return {"stop_reason": reason, "stop_sequence": None, "stop_details": details if answer.refusal else None}


def _line(data: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(data)}\n\n".encode()


@contextmanager
def model_server() -> Iterator[ModelServer]:
    server = ModelServer()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(5)
