"""Runs one experiment: a steady shop, the fault, what load and cluster show, and whether the promise was kept."""

import asyncio
import math
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from mesh.local.chaos.alerts import END_TIMEOUT_SECONDS, FIRE_TIMEOUT_SECONDS, AlertWatch
from mesh.local.chaos.experiment import Experiment, Promise, Target
from mesh.local.chaos.load import Load, LoadSummary
from mesh.local.chaos.watch import Watch
from mesh.local.clients import operator_job, users
from mesh.local.clients.kubectl import Kubectl
from mesh.local.errors import MeshError
from mesh.local.terminal import show_progress

STEADY = Promise(success=100, p99=5.0)
"""What holds for a shop without a fault. On an idle machine an order takes 0.05 s."""
SECONDS_BEFORE = 3.0
"""How long the load is observed before the fault."""
STEADY_STREAK = 10
"""The shop is steady again when this many orders in a row have sold."""
RECOVERY_TIMEOUT_SECONDS = 60.0
NEVER = math.inf


def _no_calls() -> LoadSummary:
    return LoadSummary.of([])


@dataclass
class Result:
    """What was measured, in orders and seconds. `violations` lists every broken promise."""

    experiment: Experiment
    before: LoadSummary
    during: LoadSummary = field(default_factory=_no_calls)
    after: LoadSummary = field(default_factory=_no_calls)
    detected: tuple[float, str] | None = None
    """Seconds from the start of the fault to its first sign, and the sign; None if there was none."""
    recovered: float = 0.0
    alerts: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Alert with its service → seconds from the start of the fault until it fired, and from the end of the fault until
    it ended (NEVER if it did not)."""
    books: str = ""
    violations: list[str] = field(default_factory=list)

    def check(self, when: str, summary: LoadSummary, promise: Promise) -> None:
        """Compare a summary with a promise, and add the violations."""
        if summary.success < promise.success:
            text = f"{when}, {summary.success:.1f} % of the orders sold; the promise is {promise.success:g} %"
            self.violations.append("\n  ".join([text, *summary.errors]))
        if summary.p99 > promise.p99:
            self.violations.append(f"{when}, the p99 was {summary.p99:.2f} s; the promise is {promise.p99:g} s")


@dataclass(frozen=True)
class Times:
    """Seconds of the monotonic clock: start and end of the fault, and the start of the last order that did not sell."""

    injected: float
    undone: float
    last_failure: float


async def run_experiment(experiment: Experiment, target: Target, seconds: float, *, alerts: bool) -> Result:
    """Run the experiment, with the fault injected for a number of seconds; with `alerts` until its alert fires.

    Raises:
        MeshError: it could not start.
    """
    if target.service:
        await target.get("deployment", "-n", "shop", target.service)
    token = await asyncio.to_thread(users.token, target.mesh)
    async with AsyncExitStack() as stack:
        alert_watch = await stack.enter_async_context(AlertWatch(target.mesh)) if alerts else None
        async with Watch(target.mesh) as watch, Load(target.mesh.gateway, token) as load:
            show_progress(f"orders are placed for {SECONDS_BEFORE:g} s without the fault")
            await load.wait_for_calls(time.monotonic() + SECONDS_BEFORE)
            result = Result(experiment, LoadSummary.of(load.calls))
            result.check("before the fault", result.before, STEADY)
            if result.violations:
                return result
            show_progress(f"before the fault: {result.before}; now it is injected")
            injected = time.monotonic()
            try:
                async with experiment.fault(target):
                    show_progress(f"the fault is in place for {seconds:g} s")
                    await asyncio.sleep(seconds)
                    if alert_watch and experiment.alert:
                        show_progress(f"waiting until {experiment.alert} fires")
                        await alert_watch.wait_until_fired(experiment.alert, injected + FIRE_TIMEOUT_SECONDS)
            except MeshError as error:
                result.violations.append(str(error))
            undone = time.monotonic()
            show_progress("the fault is undone; waiting until the shop is steady")
            times = Times(injected, undone, await _wait_until_steady(load, watch, undone))
        # Without the load, which would sell out the shop meanwhile.
        if alert_watch:
            show_progress("waiting until no alert fires")
            await alert_watch.wait_until_quiet(undone + END_TIMEOUT_SECONDS)
            _evaluate_alerts(result, alert_watch, times)
    _evaluate(result, load, watch, times)
    show_progress("checking the books")
    await _check_books(result, target)
    return result


async def _wait_until_steady(load: Load, watch: Watch, undone: float) -> float:
    """Wait for the steady state. Return the start of the last order that did not sell; NEVER after the timeout."""
    deadline = undone + RECOVERY_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        await load.wait_for_calls(undone)
        last_failure = _last_failure(load)
        if len(load.since(max(last_failure, undone))) >= STEADY_STREAK and not watch.missing:
            await load.wait_for_calls(time.monotonic())  # a call that hangs may still fail
            if last_failure == _last_failure(load):
                return last_failure
        await asyncio.sleep(0.1)
    return NEVER


def _last_failure(load: Load) -> float:
    return max((call.started for call in load.calls if not call.sold), default=-math.inf)


def _evaluate(result: Result, load: Load, watch: Watch, times: Times) -> None:
    """Fill in the result, and compare it with the promises."""
    promise = result.experiment.promise
    during = [call for call in load.calls if call.ended >= times.injected and call.started < times.undone]
    result.during = LoadSummary.of(during)
    failures = [(call.ended, "a call") for call in load.calls if call.ended >= times.injected and not call.sold]
    unready = [(at, missing) for at, missing in watch.seen if at >= times.injected]
    if failures or unready:
        at, sign = min([*failures, *unready])
        result.detected = at - times.injected, sign
    if times.last_failure == NEVER:
        result.recovered = NEVER
    else:
        result.after = LoadSummary.of(load.since(max(times.last_failure, times.undone)))
        origin = times.injected if result.experiment.recovers_alone else times.undone
        # The shop has recovered with the first order that sold, and when no Pod was missing any more.
        first_sold = [load.since(times.last_failure)[0].started] if times.last_failure >= times.injected else []
        result.recovered = max([0.0, *(at - origin for at in [*first_sold, *(at for at, _ in unready)])])
    result.check("during the fault", result.during, promise)
    result.check("after the fault", result.after, STEADY)
    if result.recovered > promise.recovery:
        took = "not at all" if result.recovered == NEVER else f"after {result.recovered:.1f} s"
        result.violations.append(f"the shop was steady again {took}; the promise is {promise.recovery:g} s")


def _evaluate_alerts(result: Result, watch: AlertWatch, times: Times) -> None:
    """Fill in which alerts fired, and compare them with the one that must."""
    for name, period in watch.periods.items():
        ended = NEVER if period.end is None else max(0.0, period.end - times.undone)
        result.alerts[name] = period.start - times.injected, ended
        if name.split(" ")[0] != result.experiment.alert:
            result.violations.append(f"the alert {name} fired, too")
        if ended == NEVER:
            result.violations.append(f"the alert {name} still fires {END_TIMEOUT_SECONDS:.0f} s after the fault")
    expected = result.experiment.alert
    if expected and not watch.find(expected):
        result.violations.append(f"the alert {expected} did not fire within {FIRE_TIMEOUT_SECONDS:.0f} s")


async def _check_books(result: Result, target: Target) -> None:
    try:
        ledger = await asyncio.to_thread(operator_job.run, Kubectl.of(target.mesh), "ledger")
    except MeshError as error:
        result.books = "unknown"
        result.violations.append(f"the books could not be checked: {error}")
        return
    result.books = "balance" if ledger.exit_code == 0 else "do not balance"
    if ledger.exit_code:
        result.violations.append(f"the books do not balance:\n{ledger.output.strip()[-2000:]}")
