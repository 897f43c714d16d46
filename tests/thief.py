"""Take processor time away at random, as a busy host does: `python -m tests.thief -- make test`.

All cores stop together for 30 to 400 ms, again and again, until 15 % of the time is gone. As root the thief runs with
real-time priority and nothing else runs during a burst. An ordinary user cannot do that: a crowd of processes then
competes for each core and leaves the others a few percent of it.
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

CROWD = 16
"""Processes per core that compete during a burst when real-time priority is not allowed."""
DEFAULT_SHARE, DEFAULT_SHORTEST, DEFAULT_LONGEST = 15.0, 30.0, 400.0
LEAD_SECONDS = 0.5
"""Time to start all processes before the first burst."""


@dataclass(frozen=True)
class Plan:
    """Bursts of `shortest` to `longest` seconds that add up to a share (0 to 1) of the time."""

    share: float
    shortest: float
    longest: float
    seed: int

    def bursts(self) -> Iterator[tuple[float, float]]:
        """Yield (start, end) of each burst in seconds. The same seed gives the same bursts."""
        chance = random.Random(self.seed)  # noqa: S311  # no secret
        mean_gap = (self.shortest + self.longest) / 2 * (1 - self.share) / self.share
        end = 0.0
        while True:
            start = end + chance.expovariate(1 / mean_gap)
            end = start + chance.uniform(self.shortest, self.longest)
            yield start, end

    def stolen(self, seconds: float) -> float:
        """Return how many of the first seconds the bursts take."""
        total = 0.0
        for start, end in self.bursts():
            if start >= seconds:
                return total
            total += min(end, seconds) - start
        raise AssertionError  # the bursts never end


def may_use_real_time() -> bool:
    """Whether this process may run with real-time priority."""
    policy, priority = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except PermissionError:
        return False
    os.sched_setscheduler(0, policy, priority)
    return True


def burn(plan: Plan, began: float, core: int, *, real_time: bool) -> None:
    """Keep one core busy during every burst, until the parent process is gone."""
    parent = os.getppid()
    # The scheduler shares a core between sessions first: in one session the crowd would count as one process.
    os.setsid()
    os.sched_setaffinity(0, {core})
    if real_time:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    for start, end in plan.bursts():
        time.sleep(max(0.0, began + start - time.monotonic()))
        if os.getppid() != parent:
            return
        while time.monotonic() < began + end:
            pass


@contextmanager
def stealing(plan: Plan) -> Iterator[float]:
    """Steal for the length of the block. Yield when the first burst may come, by the monotonic clock."""
    real_time = may_use_real_time()
    began = time.monotonic() + LEAD_SECONDS
    children = []
    try:
        for core in sorted(os.sched_getaffinity(0)):
            for _ in range(1 if real_time else CROWD):
                child = os.fork()
                if not child:
                    with suppress(BaseException):
                        burn(plan, began, core, real_time=real_time)
                    os._exit(0)
                children.append(child)
        yield began
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
        for child in children:
            os.waitpid(child, 0)


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Return the options. Exits with 2 if they make no sense."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.thief",
        description="Take processor time away at random, on all cores at once, as a busy host does.",
        epilog="Exit code: that of the command; 0 without a command.",
    )
    parser.add_argument("--share", type=float, default=DEFAULT_SHARE, help="percent of the time (default: 15)")
    parser.add_argument("--shortest", type=float, default=DEFAULT_SHORTEST, help="shortest burst in ms (default: 30)")
    parser.add_argument("--longest", type=float, default=DEFAULT_LONGEST, help="longest burst in ms (default: 400)")
    parser.add_argument("--seed", type=int, help="repeat the bursts of an earlier run")
    parser.add_argument("--seconds", type=float, help="steal for so long; only without a command")
    parser.add_argument("command", nargs="*", help="steal until this command ends: -- make test")
    options = parser.parse_args(words)
    if not 0 < options.share < 100:  # percent
        parser.error("--share is a number of percent between 0 and 100")
    if not 0 < options.shortest <= options.longest:
        parser.error("--shortest is more than 0 and not more than --longest")
    if bool(options.command) == bool(options.seconds):
        parser.error("give either a command (-- make test) or --seconds")
    return options


def main(words: Sequence[str]) -> int:
    """Steal while the command runs, or for a number of seconds. Return the exit code."""
    options = parse(words)
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(10**6)
    plan = Plan(options.share / 100, options.shortest / 1000, options.longest / 1000, seed)
    how = "with real-time priority" if may_use_real_time() else f"with {CROWD} processes per core (not root)"
    sys.stderr.write(f"thief: {options.share:g} % of {os.cpu_count()} cores, {how}, --seed {seed}\n")
    with stealing(plan) as began:
        code = run(options.command) if options.command else wait(options.seconds)
        lasted = max(0.0, time.monotonic() - began)
    sys.stderr.write(f"thief: took {plan.stolen(lasted):.0f} of {lasted:.0f} s on every core\n")
    return code


def run(command: Sequence[str]) -> int:
    """Run the command and return its exit code, as a shell counts: 128 and the signal's number if one ended it."""
    # Ctrl-C goes to the command too, which decides when it is over.
    signal.signal(signal.SIGINT, ignore)
    try:
        code = subprocess.run(command, check=False).returncode
    except OSError as error:
        sys.stderr.write(f"thief: cannot run {command[0]}: {error.strerror}\n")
        return 127
    return 128 - code if code < 0 else code


def wait(seconds: float) -> int:
    """Wait for the seconds to pass. Ctrl-C ends it early."""
    with suppress(KeyboardInterrupt):
        time.sleep(LEAD_SECONDS + seconds)
    return 0


def ignore(number: int, frame: FrameType | None) -> None:
    """Do nothing. Unlike SIG_IGN, a handler is not inherited by the command."""
    del number, frame


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
