"""The loop of an answer: the model speaks, its tools are called, it speaks again; followers are told as it comes."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from app.agents.repo.agents import AgentRepo
from app.agents.services.versions import version_snapshot
from app.agents.snapshot import SHORTEST_SECONDS, Snapshot
from app.connections.services.targets import CHARACTERS_A_TOKEN, ModelTarget, NoConnection, model_target
from app.db.session import transaction
from app.db.work import GiveUp, Pausable, Work
from app.orgs.repo.spending import Payer, SpendRepo
from app.runtime.providers import Done, Exchange, ModelFailed, Said
from app.runtime.repo import RunsRepo
from app.runtime.services.attending import CHECK_SECONDS, attended
from app.runtime.services.drafts import taken_draft
from app.runtime.services.endings import notice_of
from app.runtime.services.judging import judge
from app.runtime.services.lineage import MOST_MESSAGES, with_earlier
from app.runtime.services.pictures import with_pictures
from app.runtime.services.prompting import ANSWER_TOKENS, Fitted, fitted, system_prompt, turns_of
from app.runtime.services.queueing import FINISH, GONE, WAIT, RunInput
from app.runtime.services.runs import silence_of
from app.runtime.services.spending import Spending
from app.runtime.services.staging import (
    ALWAYS,
    CallIds,
    Staged,
    ids_of,
    made,
    settle_decided,
    store_waiting,
    tool_of,
)
from app.runtime.services.thoughts import keep_thoughts, kept_thoughts
from app.runtime.services.toolbox import Toolbox
from app.runtime.services.transcript import FOLLOWED, USED, Transcript
from app.runtime.turns import Call, Limits, Round
from app.threads.parts import ESTIMATED, TEXT_LENGTH, dump_parts
from app.threads.repo.messages import MessageRepo, MessageRow
from app.threads.services.writing import message_values
from app.web.errors import NotFound

TELL_SECONDS = 0.1
"""At most one commit in this time tells followers what is new."""
LOST = "The worker that wrote this answer ended. What it had written is kept; Retry asks the model again."
_CALLS = "The agent used more than {most} tool calls in one answer."


@dataclass
class _Run:
    """One attempt at an answer."""

    work: Pausable
    agent: Snapshot
    target: ModelTarget
    exchange: Exchange
    toolbox: Toolbox
    spending: Spending
    transcript: Transcript = field(default_factory=Transcript)
    began: float = field(default_factory=time.monotonic)
    calls: int = 0
    first_ms: int | None = None
    spent_ms: int = 0
    paid_micros: int = 0
    ids: CallIds = field(default_factory=lambda: CallIds(()))
    staged: list[Staged] = field(default_factory=list)
    rounds: list[Round] = field(default_factory=list)

    @property
    def latency_ms(self) -> int:
        """The time that the answer took, without that in which it waited for people."""
        return self.spent_ms + round((time.monotonic() - self.began) * 1000)

    def tell(self) -> None:
        """Tell followers what is new. Raises what ends the task."""
        self.work.tell(self.transcript.taken())

    def note_used(self) -> None:
        """Keep what it took so far for the case that it does not end well."""
        self.work.note([(USED, {**self.used, "estimated": self.spending.estimated})])

    @property
    def used(self) -> dict[str, Any]:
        """What it took so far, as columns of the message; tokens and cost once there are any."""
        tokens = self.spending.input_tokens, self.spending.output_tokens
        return {
            "model": self.target.model[:255],
            "input_tokens": tokens[0] or None,
            "output_tokens": tokens[1] or None,
            "cost_micros": self.spending.cost_micros if any(tokens) else None,
            "latency_ms": self.latency_ms,
            "first_token_ms": self.first_ms,
        }


def answer(work: Pausable, given: RunInput) -> Mapping[str, Any]:
    """Write the message that waits; its facts. Raises GiveUp with the reason if there will be none."""
    with transaction():
        row = MessageRepo().get(work.org_id, given.thread_id, given.message_id)
        told = RunsRepo().events(work.org_id, work.task_id, FOLLOWED)
    if row is None:
        raise GiveUp(GONE)
    if row.status == "complete":
        return {"message_id": str(row.id)}
    said = Transcript.of((kind, data) for _, kind, data in told).parts
    if row.status == "pending" and len(said) > len(row.parts):
        raise GiveUp(LOST)
    if row.status != "pending":
        work.step(f"reopen-{len(told)}", lambda: _reopen(work, given))
        row = replace(row, parts=[])
    run = _prepare(work, given, row)
    try:
        asyncio.run(_written(run, given, row))
        facts = {} if run.staged else work.step(FINISH, lambda: _finish(run, given))
    except Exception:
        run.note_used()
        raise
    if run.staged:
        work.wait(WAIT, lambda: _wait(run, given))
    return facts


async def _written(run: _Run, given: RunInput, row: MessageRow) -> None:
    """Write the answer, or go on with it, within its time."""
    seconds = run.agent.settings.timeout_seconds
    spent = (row.latency_ms or 0) / 1000 if row.parts else 0
    try:
        async with asyncio.timeout(max(seconds - spent, SHORTEST_SECONDS)):
            if row.parts:
                await _go_on(run, given, row)
            await _converse(run)
        if run.spending.estimated:
            run.transcript.notice(ESTIMATED)
            run.tell()
    except TimeoutError as error:
        raise _failed(run, f"The answer did not end within {seconds} s.") from error
    except ModelFailed as error:
        raise _failed(run, str(error), error.detail) from error


async def _go_on(run: _Run, given: RunInput, row: MessageRow) -> None:
    """Take up an answer that people have decided about: what it said, what it used, and the calls that waited."""
    run.transcript = Transcript.holding(row.parts)
    run.spent_ms, run.paid_micros = row.latency_ms or 0, row.cost_micros or 0
    run.first_ms = row.first_token_ms
    run.spending.input_tokens, run.spending.output_tokens = row.input_tokens or 0, row.output_tokens or 0
    run.spending.estimated = any(part.get("text") == ESTIMATED for part in row.parts)
    run.calls = len(run.transcript.calls[0])
    run.tell()
    await settle_decided(run.work, given, run.toolbox, run.transcript)
    run.rounds = kept_thoughts(run.work.org_id, run.work.task_id, run.target)
    run.exchange.recall(turns_of(replace(row, parts=dump_parts(run.transcript.parts)), run.rounds))


def _wait(run: _Run, given: RunInput) -> None:
    """Keep the answer as far as it is, with the calls that wait for a person."""
    _pay(run)
    keep_thoughts(run.work.org_id, run.work.task_id, run.target, run.rounds)
    store_waiting(run.work, given, _facts(run, given), run.staged)


def _reopen(work: Work, given: RunInput) -> None:
    RunsRepo().reopen(work.org_id, work.task_id, given.message_id)


def _prepare(work: Pausable, given: RunInput, row: MessageRow) -> _Run:
    try:
        with transaction():
            _check_agent(work, given)
            agent = (
                version_snapshot(work.org_id, given.version_id)
                if given.version_id
                else taken_draft(work.org_id, given.agent_id, row)
            )
            target = model_target(work.org_id, agent.provider, agent.model)
            window = MessageRepo().before(work.org_id, given.thread_id, row.id, MOST_MESSAGES)
            rows = with_earlier(work.org_id, given.thread_id, window.rows)
    except NoConnection as error:
        raise GiveUp(str(error)) from error
    except NotFound as error:
        raise GiveUp("The agent or its version is gone.") from error
    cited = [part["number"] for part in row.parts if part["kind"] == "citation"]
    toolbox = Toolbox(work.org_id, agent, max(cited, default=0), work.task_id)
    system = system_prompt(agent, given.variables, rows)
    told = fitted(rows, system, toolbox.specs, agent, target.context_size)
    settings = agent.settings
    payer = Payer(work.org_id, work.task_id, given.api_key_id)
    spending = Spending(payer, target, settings.max_output_tokens)
    seconds = float(settings.timeout_seconds)
    limits = Limits(agent.temperature, spending.most_tokens, seconds, agent.reasoning_effort)
    turns = with_pictures(work.org_id, told.turns)
    exchange = Exchange(target, system, turns, toolbox.specs, limits)
    run = _Run(work, agent, target, exchange, toolbox, spending)
    run.ids = ids_of(work.org_id, row.id, row.parts)
    run.transcript.begin()
    _notice(run, told)
    return run


def _check_agent(work: Pausable, given: RunInput) -> None:
    """Raise GiveUp, in the running transaction, if the agent was switched off or archived since it was asked."""
    agent = AgentRepo().get(work.org_id, given.agent_id)
    if agent is not None and (words := silence_of(agent)):
        raise GiveUp(words)


def _notice(run: _Run, told: Fitted) -> None:
    if told.left_out:
        words = "message was" if told.left_out == 1 else "messages were"
        text = (
            f"{told.left_out:,} earlier {words} left out: the model takes {run.target.context_size:,} tokens."
        )
        run.transcript.notice(text)


async def _converse(run: _Run) -> None:
    """Speak until the model calls no more tools, or until a call waits for a person."""
    while (done := await _listen(run)).calls:
        run.rounds.append(Round(done.said))
        results = [(call, text) for call in done.calls if (text := await _settle(run, call)) is not None]
        if run.staged:
            return
        run.exchange.give(results)


def _failed(run: _Run, message: str, detail: str = "") -> GiveUp:
    """Tell followers why it ends; the reason ends the task."""
    run.transcript.add({"kind": "error", "message": message, **({"detail": detail} if detail else {})})
    run.tell()
    return GiveUp(message)


def _fit(run: _Run) -> None:
    """Leave out of older results of calls what the model does not take beside its answer, and say so once."""
    size = run.target.context_size
    if size is None:
        return
    most = max(size - (run.spending.most_tokens or ANSWER_TOKENS), size // 2)
    if run.exchange.shorten(most * CHARACTERS_A_TOKEN):
        run.transcript.notice(f"Results of tools were shortened for the model: it takes {size:,} tokens.")
        run.tell()


async def _listen(run: _Run) -> Done:
    """One answer of the model, counted. Raises ModelFailed, and what ends the task."""
    _fit(run)
    held, before = run.spending.hold(run.exchange.characters), run.transcript.length
    done = await run.spending.counted(held, partial(_told, run), lambda: run.transcript.length - before)
    if done.calls:
        run.note_used()
    if cut := notice_of(done, spoken=run.transcript.spoken):
        run.transcript.notice(cut)
        run.tell()
    return done


async def _told(run: _Run) -> Done:
    """One answer of the model, told as it comes."""
    bell = asyncio.Event()
    hearing = asyncio.create_task(_hear(run, bell))
    try:
        while not hearing.done():
            ringing = asyncio.create_task(bell.wait())
            await asyncio.wait({hearing, ringing}, timeout=CHECK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            ringing.cancel()
            bell.clear()
            run.tell()
            await asyncio.wait({hearing}, timeout=TELL_SECONDS)
    finally:
        hearing.cancel()
        await asyncio.wait({hearing})
    return hearing.result()


async def _hear(run: _Run, bell: asyncio.Event) -> Done:
    async for event in run.exchange.answer(run.work.log):
        if isinstance(event, Done):
            return event
        _say(run, event)
        bell.set()
    raise ModelFailed("The provider broke the answer off.")


def _say(run: _Run, said: Said) -> None:
    if run.transcript.length + len(said.text) > TEXT_LENGTH:
        raise ModelFailed(f"The answer is longer than {TEXT_LENGTH:,} characters.")
    run.transcript.say(said.kind, said.text)
    if run.first_ms is None:
        run.first_ms = run.latency_ms


async def _settle(run: _Run, asked: Call) -> str | None:
    """Make a call of the model, or have it wait for a person; what the model is told of it, None if it waits."""
    call = run.ids.named(asked)
    run.rounds[-1].calls.append(call.call_id)
    _note(run, call)
    staged = await _asks(run, call)
    if staged is None:
        return await _use(run, call)
    run.staged.append(staged)
    return None


async def _asks(run: _Run, call: Call) -> Staged | None:
    """The call as it waits for a person; None if it can be made, or refused, at once."""
    tool = tool_of(run.agent, call.name)
    if tool is None or tool.approval == "allow" or run.toolbox.fault(call) is not None:
        return None
    if tool.approval == "ask":
        return Staged(call, ALWAYS, tool)
    judging = judge(run.target, run.agent, tool, call, run.spending, run.work.log)
    verdict = await attended(judging, run.tell)
    run.note_used()
    return None if verdict.allowed else Staged(call, verdict.note, tool)


def _note(run: _Run, call: Call) -> None:
    """Tell followers of a call, if the answer may make one more."""
    run.calls += 1
    most = run.agent.settings.max_tool_calls
    if run.calls > most:
        raise ModelFailed(_CALLS.format(most=most))
    run.transcript.add(
        {"kind": "tool_call", "call_id": call.call_id, "name": call.name, "arguments": call.arguments}
    )
    run.tell()


async def _use(run: _Run, call: Call) -> str:
    """Call a tool once, also if the answer is begun again; what the model is told of it."""
    outcome = await made(run.work, run.toolbox, call)
    for part in outcome.parts:
        run.transcript.add(part)
    run.tell()
    return outcome.text


def _facts(run: _Run, given: RunInput) -> dict[str, Any]:
    """The columns of the message: what it says, used and cost so far."""
    return {
        **run.used,
        "agent_version_id": given.version_id,
        **message_values(run.transcript.parts),
    }


def _pay(run: _Run) -> None:
    """Add what was not yet paid to the cost of the task; nothing is held for it any more."""
    SpendRepo().release(run.work.org_id, run.work.task_id)
    if cost := (run.spending.cost_micros or 0) - run.paid_micros:
        RunsRepo().add_cost(run.work.org_id, run.work.task_id, cost)


def _finish(run: _Run, given: RunInput) -> dict[str, Any]:
    """Write the answer with what it used and cost."""
    values = {**_facts(run, given), "status": "complete"}
    RunsRepo().settle_message(run.work.org_id, given.message_id, values)
    RunsRepo().forget_kept(run.work.org_id, run.work.task_id)
    _pay(run)
    return {"message_id": str(given.message_id), "characters": run.transcript.length}
