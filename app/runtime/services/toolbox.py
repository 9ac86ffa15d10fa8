"""The tools of an answering agent, called by name with whatever a model wrote as arguments."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from app.agents.snapshot import Snapshot
from app.db.session import transaction
from app.knowledge.embedders.registry import EmbeddingFailed, ModelMissing
from app.knowledge.repo.bases import KnowledgeBasesRepo
from app.knowledge.services.retrieval import Hit, Question, search
from app.runtime.parts import storable
from app.runtime.services.prompting import result_text
from app.runtime.turns import Call, ToolSpec
from app.tools.parts import CALCULATOR
from app.tools.services.calculator import NoResult, calculate
from app.tools.services.calling import CallFailed, call_tool
from app.tools.services.schemas import argument_faults
from app.web.errors import NotFound

MOST_PASSAGES = 20
_SEARCH = ToolSpec(
    "search_knowledge",
    "Search the knowledge bases of this agent. Answer from the passages it gives and name them by number, as [1].",
    {
        "type": "object",
        "properties": {
            "query": {
                "type": "string",
                "minLength": 1,
                "maxLength": 2_000,
                "description": "What to look for.",
            },
            "limit": {
                "type": "integer",
                "minimum": 1,
                "maximum": MOST_PASSAGES,
                "description": "How many passages.",
            },
        },
        "required": ["query"],
        "additionalProperties": False,
    },
)
_TIME = ToolSpec(
    "current_time",
    "The present date and time.",
    {
        "type": "object",
        "properties": {
            "time_zone": {"type": "string", "description": "IANA name, such as Europe/Berlin; else UTC."}
        },
        "additionalProperties": False,
    },
)


class ToolFailed(Exception):
    """The call did not work; the message is for the model."""


@dataclass(frozen=True)
class Outcome:
    """What came of a call: the parts to add to the answer, the result of the call first, and what the model reads."""

    parts: Sequence[Mapping[str, Any]]
    text: str


@dataclass
class Toolbox:
    """The tools of one answer of one agent; `task_id` names the run where a call is to happen once."""

    org_id: UUID
    agent: Snapshot
    _cited: int = field(default=0)
    task_id: UUID | None = None

    @property
    def specs(self) -> list[ToolSpec]:
        """The tools as models see them: the search only where there is something to search."""
        ours = [*([_SEARCH] if self.agent.knowledge_bases else []), _TIME]
        names = {spec.name for spec in ours}
        return [
            *ours,
            *(
                ToolSpec(tool.name, tool.description, tool.input_schema or {"type": "object"})
                for tool in self.agent.tools
                if tool.name not in names
            ),
        ]

    def call(self, call: Call) -> Outcome:
        """Do what a model asks for. Unknown tools and wrong arguments are answered like any other failed call."""
        began, cited = time.perf_counter(), list[dict[str, Any]]()
        try:
            result, status = storable(self._called(call, cited)), "succeeded"
        except ToolFailed as error:
            result, status = storable(str(error)), "failed"
        part = {
            "kind": "tool_result",
            "call_id": call.call_id,
            "status": status,
            "result": result,
            "duration_ms": round((time.perf_counter() - began) * 1000),
        }
        return Outcome([part, *cited], result_text(part))

    def fault(self, call: Call) -> str | None:
        """Why a call cannot be made: an unknown tool, or arguments that do not fit; None if it can."""
        spec = next((spec for spec in self.specs if spec.name == call.name), None)
        if spec is None:
            return f"There is no tool {call.name}. Tools: {', '.join(spec.name for spec in self.specs)}."
        if not isinstance(call.arguments, dict):
            return "The arguments are no JSON object."
        faults = argument_faults(spec.schema, call.arguments)
        return f"The arguments do not fit: {'; '.join(faults)}." if faults else None

    def _called(self, call: Call, cited: list[dict[str, Any]]) -> Any:
        fault = self.fault(call)
        if fault is not None:
            raise ToolFailed(fault)
        acts: Mapping[str, Callable[[Mapping[str, Any], list[dict[str, Any]]], Any]] = {
            _SEARCH.name: self._search,
            _TIME.name: self._time,
            CALCULATOR.name: self._calculate,
        }
        if call.name in acts:
            return acts[call.name](call.arguments, cited)
        return self._other(call)

    def _calculate(self, arguments: Mapping[str, Any], _cited: list[dict[str, Any]]) -> Any:
        try:
            return {"result": str(calculate(arguments["expression"]))}
        except NoResult as error:
            raise ToolFailed(str(error)) from error

    def _other(self, call: Call) -> Any:
        """Call a tool of the organisation."""
        tool = next(tool for tool in self.agent.tools if tool.name == call.name)
        sent = json.dumps(call.arguments, sort_keys=True)
        once = sha256(f"{self.task_id or uuid4()} {call.call_id} {sent}".encode()).hexdigest()[:32]
        try:
            return call_tool(self.org_id, tool.id, call.arguments, once)
        except CallFailed as error:
            raise ToolFailed(str(error)) from error

    def _search(self, arguments: Mapping[str, Any], cited: list[dict[str, Any]]) -> Any:
        bases = {base.id: base.name for base in self.agent.knowledge_bases}
        try:
            with transaction():
                left = [row.id for row in KnowledgeBasesRepo().searchable(self.org_id, list(bases))]
                if not left:
                    raise ToolFailed("The knowledge bases of this agent are archived or gone.")
                found = search(self.org_id, Question(arguments["query"], left, top_k=arguments.get("limit")))
        except NotFound as error:
            raise ToolFailed("A knowledge base of this agent was archived just now. Try again.") from error
        except (EmbeddingFailed, ModelMissing) as error:
            raise ToolFailed(str(error)) from error
        gone = [f"{name} is archived or gone." for base_id, name in bases.items() if base_id not in left]
        passages = []
        for hit in found.hits[:MOST_PASSAGES]:
            self._cited += 1
            cited.append(_citation(self._cited, hit))
            passages.append(
                {"number": self._cited, "source": hit.passage.source_name, "text": hit.passage.text}
            )
        notices = [*gone, *found.notices]
        return {"passages": passages, **({"notices": notices} if notices else {})}

    def _time(self, arguments: Mapping[str, Any], _cited: list[dict[str, Any]]) -> Any:
        name = arguments.get("time_zone", "UTC")
        try:
            return {"time": datetime.now(ZoneInfo(name)).isoformat(timespec="seconds"), "time_zone": name}
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ToolFailed(f"There is no time zone {name}.") from error


def _citation(number: int, hit: Hit) -> dict[str, Any]:
    passage = hit.passage
    where = {"base_id": passage.base_id, "source_id": passage.source_id, "chunk_id": passage.id}
    return {
        "kind": "citation",
        "number": number,
        "title": passage.source_name[:1_000],
        "text": passage.text,
        "passage": {name: str(value) for name, value in where.items()},
        "score": round(hit.score, 6),
    }
