"""Calls of models within the limits: the most that one may cost is held before it, what it cost is counted after."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from uuid import UUID

from app.connections.services.targets import ModelTarget, about_tokens
from app.db.session import transaction
from app.db.work import GiveUp
from app.orgs.repo.spending import Payer, SpendRepo
from app.orgs.services.spending import UNPRICED, reached
from app.runtime.protocol import most_output
from app.runtime.providers import Done, ModelFailed
from app.runtime.services.prompting import ANSWER_TOKENS
from app.runtime.services.queueing import GONE


@dataclass(frozen=True)
class Held:
    """What is held for a call: the reservation, where a limit is set, and the tokens its prompt is thought to take."""

    reservation_id: UUID | None
    input_tokens: int


class Spending:
    """The calls of one answer. Its methods raise nothing where no limit is set."""

    def __init__(self, payer: Payer, target: ModelTarget, most_tokens: int | None) -> None:
        self._payer, self._target = payer, target
        with transaction():
            SpendRepo().release(payer.org_id, payer.task_id)  # what a lost worker held
            limited = bool(SpendRepo().holding(payer.org_id, payer.api_key_id))
        wanted, possible = most_tokens or (ANSWER_TOKENS if limited else None), most_output(target)
        self.most_tokens = min(wanted, possible) if wanted and possible else wanted
        """How many tokens a call may answer with: without a bound none could be held to a limit."""
        self.input_tokens = self.output_tokens = 0
        """What the calls took so far, also those that broke off."""
        self.estimated = False
        """Whether some of it is no count of the provider's."""

    @property
    def cost_micros(self) -> int | None:
        """What the model asks for all calls; None if nobody said its prices."""
        return self._cost(self.input_tokens, self.output_tokens)

    def hold(self, characters: int) -> Held:
        """Hold the most that a call with a prompt of this length may cost, where there are limits.

        Raises ModelFailed for a limit without room for it, and if a limit is set but no price.
        """
        tokens = about_tokens(characters)
        most = self._cost(tokens, self.most_tokens or ANSWER_TOKENS)
        with transaction():
            if most is None:
                if SpendRepo().holding(self._payer.org_id, self._payer.api_key_id):
                    raise ModelFailed(UNPRICED.format(model=self._target.model))
                return Held(None, tokens)
            if not SpendRepo().running(self._payer.org_id, self._payer.task_id):
                raise GiveUp(GONE)
            made, over = SpendRepo().reserve(self._payer, most)
        if over:
            raise ModelFailed(reached(over, most))
        return Held(made, tokens)

    async def counted(self, held: Held, ask: Callable[[], Awaitable[Done]], said: Callable[[], int]) -> Done:
        """What a call for which this is held ends with; its cost is counted.

        One that breaks off, or whose provider does not say what it took, counts as what it must have taken to say
        `said()` characters and its calls, nothing if it said none.
        """
        done = Done([], 0, 0)
        try:
            done = await ask()
        finally:
            counted = self._whole(held, done, said())
            self._settle(held, counted.input_tokens, counted.output_tokens)
        return counted

    def _whole(self, held: Held, done: Done, characters: int) -> Done:
        """The end of a call, with an estimate where the provider counts no token of what was asked or said."""
        characters += sum(len(call.name) + len(str(call.arguments)) for call in done.calls)
        if not characters or (done.input_tokens and done.output_tokens):
            return done
        self.estimated = True
        return replace(
            done,
            input_tokens=done.input_tokens or held.input_tokens,
            output_tokens=done.output_tokens or about_tokens(characters),
        )

    def _settle(self, held: Held, input_tokens: int, output_tokens: int) -> None:
        self.input_tokens += input_tokens
        self.output_tokens += output_tokens
        if held.reservation_id:
            cost = self._cost(input_tokens, output_tokens) or 0
            with transaction():
                SpendRepo().settle(self._payer.org_id, held.reservation_id, cost)

    def _cost(self, input_tokens: int, output_tokens: int) -> int | None:
        return cost_of(self._target, input_tokens, output_tokens)


def cost_of(target: ModelTarget, input_tokens: int, output_tokens: int) -> int | None:
    """What the model asks for it in micros, rounded up; None if nobody said its prices."""
    prices = target.input_price_micros, target.output_price_micros
    if prices[0] is None or prices[1] is None:
        return None
    return -(-(input_tokens * prices[0] + output_tokens * prices[1]) // 1_000_000)
