"""Load all cores in random bursts, like a noisy neighbour: `python -m tests.support.cpu_load -- make test`.

All cores are busy together for 30 to 400 ms at a time, for 15 % of the time in total. As root, the load runs with
real-time priority, and nothing else runs during a burst. Other users may not do that: several processes then compete
for each core, and leave a few percent of it to other processes.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType

COMPETITORS = 16
"""Processes per core that compete during a burst without real-time priority."""
DEFAULT_SHARE_PERCENT, DEFAULT_MIN_BURST_MS, DEFAULT_MAX_BURST_MS = 15.0, 30.0, 400.0
START_SECONDS = 0.5
"""Time to start all processes before the first burst."""


@dataclass(frozen=True)
class Plan:
    """Bursts of `shortest` to `longest` seconds. `share` (0 to 1) is their part of the time."""

    share: float
    shortest: float
    longest: float
    seed: int

    def bursts(self) -> Iterator[tuple[float, float]]:
        """Yield (start, end) of each burst in seconds. The same seed yields the same bursts."""
        generator = random.Random(self.seed)  # noqa: S311  # no secret
        mean_gap = (self.shortest + self.longest) / 2 * (1 - self.share) / self.share
        end = 0.0
        while True:
            start = end + generator.expovariate(1 / mean_gap)
            end = start + generator.uniform(self.shortest, self.longest)
            yield start, end

    def busy_seconds(self, seconds: float) -> float:
        """Return the total length of the bursts in the first seconds."""
        total = 0.0
        for start, end in self.bursts():
            if start >= seconds:
                return total
            total += min(end, seconds) - start
        raise AssertionError  # there is always a next burst


def may_use_real_time() -> bool:
    """Return whether this process may run with real-time priority."""
    policy, priority = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except PermissionError:
        return False
    os.sched_setscheduler(0, policy, priority)
    return True


def load_core(plan: Plan, started: float, core: int, *, real_time: bool) -> None:
    """Load one core during each burst, until the parent process has stopped."""
    parent = os.getppid()
    # The scheduler shares a core between sessions first: in one session, all competitors would count as one process.
    os.setsid()
    os.sched_setaffinity(0, {core})
    if real_time:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    for start, end in plan.bursts():
        time.sleep(max(0.0, started + start - time.monotonic()))
        if os.getppid() != parent:
            return
        while time.monotonic() < started + end:
            pass


@contextmanager
def cpu_load(plan: Plan) -> Iterator[float]:
    """Load all cores during the block. Yield the monotonic time from which on bursts may start."""
    real_time = may_use_real_time()
    started = time.monotonic() + START_SECONDS
    children = []
    try:
        for core in sorted(os.sched_getaffinity(0)):
            for _ in range(1 if real_time else COMPETITORS):
                child = os.fork()
                if not child:
                    with suppress(BaseException):
                        load_core(plan, started, core, real_time=real_time)
                    os._exit(0)
                children.append(child)
        yield started
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
        for child in children:
            os.waitpid(child, 0)


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Parse the options. Exit with 2 if they are invalid."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.support.cpu_load",
        description="Load all cores at the same time, in random bursts, as a busy host does.",
        epilog="The exit code is that of the command; 0 without a command.",
    )
    parser.add_argument("--share", type=float, default=DEFAULT_SHARE_PERCENT, help="percent of the time (default: 15)")
    parser.add_argument(
        "--shortest", type=float, default=DEFAULT_MIN_BURST_MS, help="shortest burst in ms (default: 30)"
    )
    parser.add_argument(
        "--longest", type=float, default=DEFAULT_MAX_BURST_MS, help="longest burst in ms (default: 400)"
    )
    parser.add_argument("--seed", type=int, help="repeat the bursts of an earlier run")
    parser.add_argument("--seconds", type=float, help="how long to load the cores; only without a command")
    parser.add_argument("command", nargs="*", help="load the cores until this command ends: -- make test")
    options = parser.parse_args(words)
    if not 0 < options.share < 100:  # percent
        parser.error("--share must be a percentage between 0 and 100")
    if not 0 < options.shortest <= options.longest:
        parser.error("--shortest must be above 0 and at most --longest")
    if bool(options.command) == bool(options.seconds):
        parser.error("either a command (-- make test) or --seconds is required")
    return options


def main(words: Sequence[str]) -> int:
    """Load the cores while the command runs, or for a number of seconds. Return the exit code."""
    options = parse(words)
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(10**6)
    plan = Plan(options.share / 100, options.shortest / 1000, options.longest / 1000, seed)
    how = "with real-time priority" if may_use_real_time() else f"with {COMPETITORS} processes per core (not root)"
    sys.stderr.write(f"cpu_load: {options.share:g} % of {os.cpu_count()} cores, {how}, --seed {seed}\n")
    with cpu_load(plan) as started:
        code = run(options.command) if options.command else wait(options.seconds)
        lasted = max(0.0, time.monotonic() - started)
    sys.stderr.write(f"cpu_load: was busy for {plan.busy_seconds(lasted):.0f} of {lasted:.0f} s on each core\n")
    return code


def run(command: Sequence[str]) -> int:
    """Run the command and return its exit code as a shell does: 128 plus the number of the signal that killed it."""
    # Ctrl-C also goes to the command, which decides when to exit.
    signal.signal(signal.SIGINT, ignore)
    try:
        code = subprocess.run(command, check=False).returncode
    except OSError as error:
        sys.stderr.write(f"cpu_load: cannot run {command[0]}: {error.strerror}\n")
        return 127
    return 128 - code if code < 0 else code


def wait(seconds: float) -> int:
    """Wait for a number of seconds, or until Ctrl-C."""
    with suppress(KeyboardInterrupt):
        time.sleep(START_SECONDS + seconds)
    return 0


def ignore(number: int, frame: FrameType | None) -> None:
    """Ignore the signal. Unlike SIG_IGN, a handler is not inherited by the command."""
    del number, frame


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
