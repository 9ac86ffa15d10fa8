"""What the runtime adds to a model: the first word, each further piece, and 50 answers followed at once.

The model is a server on loopback; the same question is put to it directly and through the endpoint of the product.
"""

import json
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from uuid import UUID

import httpx2

from app.orgs.models import Org
from bench.product import largest, product
from bench.report import line, median_ms, table, times
from tests.factories import agents, auth, connections, orgs
from tests.support.live import Live
from tests.support.model_server import Answer, ModelServer, model_server
from tests.support.processes import wait_until

QUESTIONS = 40
PIECES = 1_000
FOLLOWED = 50
RUNS = 8
EACH = 4
LIST = "/o/bench/agents"
SECONDS = 20
WORDS = tuple(f"word{number} " for number in range(PIECES))


def main() -> None:
    """Measure first words and pieces one after the other, then many answers at once beside a list page."""
    with model_server() as model, product(OUTBOUND_ALLOW=f"model:127.0.0.1:{model.server_port}") as (live, _):
        org = orgs.org(slug="bench")
        owner = orgs.member(org, "owner")
        connections.connection(org, slug="main", base_url=f"{model.url}/v1")
        agent = agents.agent(org, name="m")
        agents.version(agent, snapshot={"name": "m", "provider": "main", "model": "m"})
        _, key = orgs.api_key(org, owner)
        direct = httpx2.Client(base_url=f"{model.url}/v1", trust_env=False, timeout=120)
        through = httpx2.Client(
            base_url=f"{live.url}/v1",
            headers={"Authorization": f"Bearer {key}"},
            trust_env=False,
            timeout=120,
        )
        table("answers", "measured", "goal")
        _measure_words(model, direct, through)
        _measure_many(live, org, model, key)


def _measure_words(model: ModelServer, direct: httpx2.Client, through: httpx2.Client) -> None:
    model.answers = [Answer(("word",))]
    for _ in range(3):
        _ask(through)
    first = [statistics.median(_ask(client)[0] for _ in range(QUESTIONS)) for client in (direct, through)]
    line("first word of the model itself, ms", f"{first[0]:.1f}", "")
    line("first word through the product, ms more", f"{first[1] - first[0]:.1f}", "at most 60")
    model.answers = [Answer(WORDS)]
    whole = [statistics.median(_ask(client)[1] for _ in range(5)) for client in (direct, through)]
    line(f"each of {PIECES:,} pieces, ms more", f"{(whole[1] - whole[0]) / PIECES:.3f}", "at most 1.5")


def _measure_many(live: Live, org: Org, model: ModelServer, key: str) -> None:
    """Eight answers, which are all that one worker writes for an organisation, and those who follow them."""
    model.answers = [Answer(WORDS[: SECONDS * 10], pause=0.1)]
    sessions = [auth.sign_in_token(orgs.member(org, "owner")) for _ in range(1 + FOLLOWED // EACH)]
    with live.client() as client:
        client.cookies.set("session", sessions[0])
        alone, before = median_ms(lambda: client.get(LIST)), largest(live.web.pid)
        threads = [_begun(_ask_once, live.url, key) for _ in range(RUNS)]
        wait_until(lambda: len(_running(live)) == RUNS, 20, "the answers")
        places = _running(live)
        for number in range(FOLLOWED - RUNS):
            url = f"{live.url}/o/bench/threads/{places[number % RUNS][1]}/runs/{places[number % RUNS][0]}/events"
            threads.append(_begun(_follow, url, sessions[number // EACH]))
        time.sleep(2)
        beside, after = median_ms(lambda: client.get(LIST), 50), largest(live.web.pid)
        for thread in threads:
            thread.join(120)
    line(
        f"a list page beside {FOLLOWED} followed answers, against alone", times(beside / alone), "at most 2×"
    )
    line("a followed answer, MB of the web process", f"{(after - before) / FOLLOWED / 1e6:.2f}", "at most 3")


def _begun(act: Callable[..., None], *values: str) -> threading.Thread:
    thread = threading.Thread(target=act, args=values, daemon=True)
    thread.start()
    return thread


def _running(live: Live) -> list[tuple[UUID, UUID]]:
    with live.connect() as connection:
        return connection.execute("SELECT id, thread_id FROM tasks WHERE status = 'running'").fetchall()


def _ask_once(url: str, key: str) -> None:
    headers = {"Authorization": f"Bearer {key}"}
    with httpx2.Client(base_url=f"{url}/v1", headers=headers, trust_env=False, timeout=120) as client:
        _ask(client)


def _follow(url: str, token: str) -> None:
    cookies = {"session": token}
    with (
        httpx2.Client(cookies=cookies, trust_env=False, timeout=120) as client,
        client.stream("GET", url) as answer,
    ):
        assert answer.status_code == 200, answer.status_code
        for _ in answer.iter_lines():
            pass


def _ask(client: httpx2.Client) -> tuple[float, float]:
    """Milliseconds until the first word, and until the end."""
    began, first = time.perf_counter(), 0.0
    body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "Hi"}]}
    with client.stream("POST", "/chat/completions", json=body) as response:
        assert response.status_code == 200, response.read()
        for piece in _pieces(response):
            if piece and not first:
                first = time.perf_counter() - began
    return first * 1000, (time.perf_counter() - began) * 1000


def _pieces(response: httpx2.Response) -> Iterator[str]:
    for text in response.iter_lines():
        if text.startswith("data: {"):
            choices = json.loads(text[6:]).get("choices") or [{}]
            yield choices[0].get("delta", {}).get("content") or ""
