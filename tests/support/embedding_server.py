"""An embedding model on loopback that speaks OpenAI's /embeddings, and every way in which one may not answer.

https://platform.openai.com/docs/api-reference/embeddings/create
"""

import base64
import hashlib
import http.server
import json
import re
import socket
import struct
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

MODEL = "words-server"
WIDTH = 768
PERSONAL = "sk-embedding-0123456789"


def vector(text: str, width: int = WIDTH) -> list[float]:
    """A number for each word, by its hash, so that texts with equal words are near."""
    numbers = [0.0] * width
    for word in re.findall(r"\w+", text.lower()) or ["nothing"]:
        numbers[int.from_bytes(hashlib.sha256(word.encode()).digest()[4:8]) % width] += 1.0
    return numbers


class EmbeddingServer(http.server.ThreadingHTTPServer):
    """`faults` are what the next calls meet, one each, by the names of FAULTS; `seen` is what was asked."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/v1"
        self.width = WIDTH
        self.base64 = False
        self.always = ""
        self.faults: list[str] = []
        self.retry_after = ""
        self.slow_seconds = 3.0
        self.pause = 0.0
        self.seen: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.lock = threading.Lock()

    def next(self, asked: dict[str, Any], headers: dict[str, str]) -> str:
        with self.lock:
            self.seen.append(asked)
            self.headers.append(headers)
            return self.faults.pop(0) if self.faults else self.always

    @property
    def texts(self) -> list[str]:
        """Every text that was asked about."""
        with self.lock:
            return [text for asked in self.seen for text in asked.get("input", [])]


FAULTS = (
    "wide",
    "nan",
    "zero",
    "few",
    "places",
    "429",
    "500",
    "html",
    "slow",
    "cut",
    "reset",
    "plain",
    "401",
)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: EmbeddingServer

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        fault = self.server.next(asked, {name.lower(): value for name, value in self.headers.items()})
        try:
            self._answer(asked, fault)
        except OSError:
            self.close_connection = True

    def _answer(self, asked: dict[str, Any], fault: str) -> None:
        if self.server.pause:
            time.sleep(self.server.pause)
        if fault == "slow":
            time.sleep(self.server.slow_seconds)
        if fault == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
        elif fault.isdigit():
            key = self.headers.get("Authorization", "").removeprefix("Bearer ")
            self._send(int(fault), json.dumps({"error": {"message": f"Not with {key}, please."}}).encode())
        elif fault == "html":
            self._send(200, b"<!doctype html><title>Sign in</title>", "text/html")
        elif self.path.endswith("/rerank") and not fault:
            self._send(200, json.dumps({"results": _ranked(asked)}).encode())
        elif fault == "plain":
            self._send(200, b'{"object": "list"}')
        else:
            body = json.dumps(self._vectors(asked["input"], fault)).encode()
            self._send(200, body, cut=len(body) // 2 if fault == "cut" else 0)

    def _vectors(self, texts: Sequence[str], fault: str) -> dict[str, Any]:
        width = self.server.width + (256 if fault == "wide" else 0)
        rows = [vector(text, width) for text in texts]
        if fault == "nan":
            rows[-1][5] = float("nan")
        if fault == "zero":
            rows[-1] = [0.0] * width
        data = [
            {"object": "embedding", "index": place, "embedding": self._packed(row)}
            for place, row in enumerate(rows)
        ]
        if fault == "few":
            data = data[:-1]
        if fault == "places":
            data[-1]["index"] = len(data) + 3
        words = sum(len(text.split()) for text in texts)
        usage = {"prompt_tokens": words, "total_tokens": words}
        return {"object": "list", "data": data[::-1], "model": MODEL, "usage": usage}

    def _packed(self, row: list[float]) -> Any:
        return base64.b64encode(struct.pack(f"<{len(row)}f", *row)).decode() if self.server.base64 else row

    def _send(self, status: int, body: bytes, kind: str = "application/json", cut: int = 0) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if self.server.retry_after and status in {429, 503}:
            self.send_header("Retry-After", self.server.retry_after)
        self.end_headers()
        self.wfile.write(body[:cut] if cut else body)
        if cut:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


def _ranked(asked: dict[str, Any]) -> list[dict[str, Any]]:
    """The texts by their length, the shortest first, as an order that no search would have."""
    scores = {place: 1 / (1 + len(text)) for place, text in enumerate(asked["documents"])}
    best = sorted(scores.items(), key=lambda entry: -entry[1])[: asked["top_n"]]
    return [{"index": place, "relevance_score": score} for place, score in best]


@contextmanager
def embedding_server(port: int = 0) -> Iterator[EmbeddingServer]:
    """A server for as long as the block lasts."""
    server = EmbeddingServer(port)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
