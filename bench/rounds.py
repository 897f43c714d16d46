"""Measures cases in rounds. Each round runs every case once, so that what disturbs the machine disturbs all of them."""

import sys
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from bench.figures import Figure, with_ratios

WARM_UP_SECONDS = 0.3
Sample = Mapping[str, float]
"""Metric → value. One run of a case returns one."""


@dataclass(frozen=True)
class Settings:
    """How much one run measures."""

    rounds: int = 5
    seconds: float = 1.0
    """The length of one round of one case."""


@dataclass(frozen=True)
class Case:
    """A subject under a condition. `run` works for some seconds and returns what it measured."""

    subject: str
    condition: str
    run: Callable[[float], Awaitable[Sample]]
    baseline: str = ""
    warms_up: bool = True
    """Whether it runs once, shortly, before the first round."""


async def measure(cases: Sequence[Case], settings: Settings) -> list[Figure]:
    """Run all cases in turns and return their figures. A shorter round before the first one is not counted.

    Every second round runs in the opposite order, so that no case always runs right after the same other one.
    """
    samples: defaultdict[tuple[str, str, str], list[float]] = defaultdict(list)
    for case in cases:
        if case.warms_up:
            await case.run(min(WARM_UP_SECONDS, settings.seconds))
    for number in range(settings.rounds):
        show_progress(f"round {number + 1} of {settings.rounds}: {len(cases)} cases")
        for case in cases if number % 2 == 0 else reversed(cases):
            for metric, value in (await case.run(settings.seconds)).items():
                samples[case.subject, case.condition, metric].append(value)
    baselines = {(case.subject, case.condition): case.baseline for case in cases}
    return with_ratios([Figure(*key, tuple(values), baselines[key[:2]]) for key, values in samples.items()])


def show_progress(text: str) -> None:
    """Write a line to standard error, so that standard output has the results only."""
    sys.stderr.write(f"bench: {text}\n")
