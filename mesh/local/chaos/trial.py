"""Carries an experiment out: the steady shop, the blow, what load and cluster tell, and whether it was promised."""

import asyncio
import math
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from mesh.local import operator, users
from mesh.local.chaos.experiment import Experiment, Ground, Promise
from mesh.local.chaos.load import Figures, Load
from mesh.local.chaos.watch import Watch
from mesh.local.errors import MeshError

STEADY = Promise(success=100, p99=5.0)
"""What holds of a shop that nothing has befallen; on an idle machine an order takes a twentieth of a second."""
BEFORE = 3.0
"""Seconds for which it is looked at first."""
STREAK = 10
"""So many orders one after the other that sell are the steady state again."""
PATIENCE = 60.0
NEVER = math.inf


@dataclass
class Verdict:
    """What was seen, in figures and seconds; `faults` says what was not as promised."""

    experiment: Experiment
    before: Figures
    during: Figures = field(default_factory=lambda: Figures.of([]))
    after: Figures = field(default_factory=lambda: Figures.of([]))
    detected: tuple[float, str] | None = None
    """When it showed first, from the blow, and how; None if it never did."""
    recovered: float = 0.0
    books: str = ""
    faults: list[str] = field(default_factory=list)

    def hold(self, when: str, figures: Figures, promise: Promise) -> None:
        """Hold figures to a promise."""
        if figures.success < promise.success:
            told = f"{when}, {figures.success:.1f} % of the orders sold; promised are {promise.success:g} %"
            self.faults.append("\n  ".join([told, *figures.failed]))
        if figures.p99 > promise.p99:
            self.faults.append(f"{when}, the p99 was {figures.p99:.2f} s; promised are {promise.p99:g} s")


@dataclass(frozen=True)
class Moments:
    """Seconds of the monotonic clock: the blow, its end, and when the last order was sent that did not sell."""

    struck: float
    released: float
    last: float


async def play(experiment: Experiment, ground: Ground, seconds: float) -> Verdict:
    """Carry it out, with the blow in force for so many seconds.

    Raises:
        MeshError: it could not even begin.
    """
    if ground.service:
        await ground.get("deployment", "-n", "shop", ground.service)
    token = await asyncio.to_thread(users.token, ground.instance)
    async with AsyncExitStack() as stack:
        watch = await stack.enter_async_context(Watch(ground.instance))
        load = await stack.enter_async_context(Load(ground.instance.gateway, token))
        await load.answered(time.monotonic() + BEFORE)
        verdict = Verdict(experiment, Figures.of(load.calls))
        verdict.hold("before the blow", verdict.before, STEADY)
        if verdict.faults:
            return verdict
        struck = time.monotonic()
        try:
            async with experiment.blow(ground):
                await asyncio.sleep(seconds)
        except MeshError as error:
            verdict.faults.append(str(error))
        released = time.monotonic()
        steady = await _steady(load, watch, released)
    _tell(verdict, load, watch, Moments(struck, released, steady))
    promise = experiment.promise
    verdict.hold("meanwhile", verdict.during, promise)
    verdict.hold("after it", verdict.after, STEADY)
    if verdict.recovered > promise.recovery:
        took = "not at all" if verdict.recovered == NEVER else f"after {verdict.recovered:.1f} s"
        verdict.faults.append(f"the shop was steady again {took}; promised are {promise.recovery:g} s")
    ledger = await asyncio.to_thread(operator.run, ground.instance, "ledger")
    verdict.books = "balance" if ledger.returncode == 0 else "do not balance"
    if ledger.returncode:
        verdict.faults.append(f"the books do not balance:\n{(ledger.stdout + ledger.stderr).strip()[-2000:]}")
    return verdict


async def _steady(load: Load, watch: Watch, released: float) -> float:
    """Wait for the steady state; answer the moment after which every order sold, NEVER if there is none."""
    ends = released + PATIENCE
    while time.monotonic() < ends:
        await load.answered(released)
        last = max((call.began for call in load.calls if not call.sold), default=-math.inf)
        if len(load.since(max(last, released))) >= STREAK and not watch.missing:
            await load.answered(time.monotonic())  # one that hangs yet may still fail
            if last == max((call.began for call in load.calls if not call.sold), default=-math.inf):
                return last
        await asyncio.sleep(0.1)
    return NEVER


def _tell(verdict: Verdict, load: Load, watch: Watch, at: Moments) -> None:
    """Write down what was seen."""
    verdict.during = Figures.of([call for call in load.calls if call.ended >= at.struck and call.began < at.released])
    signs = [(call.ended, "a call") for call in load.calls if call.ended >= at.struck and not call.sold]
    unready = [(moment, who) for moment, who in watch.seen if moment >= at.struck]
    if signs or unready:
        moment, how = min([*signs, *unready])
        verdict.detected = moment - at.struck, how
    if at.last == NEVER:
        verdict.recovered = NEVER
        return
    verdict.after = Figures.of(load.since(max(at.last, at.released)))
    origin = at.struck if verdict.experiment.at_once else at.released
    # Well is the first order that sold, and the last look at which nobody was missing.
    well = [load.since(at.last)[0].began] if at.last >= at.struck else []
    verdict.recovered = max([0.0, *(moment - origin for moment in [*well, *(moment for moment, _ in unready)])])
