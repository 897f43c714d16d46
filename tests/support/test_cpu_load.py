"""The load on the cores: how long its bursts are, and how its command line behaves."""

import itertools
import subprocess
import sys

import pytest

from tests.support.cpu_load import Plan

PLAN = Plan(share=0.15, shortest=0.03, longest=0.4, seed=1)


def cpu_load(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.support.cpu_load", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_bursts_have_the_allowed_length_and_add_up_to_the_share() -> None:
    bursts = list(itertools.islice(PLAN.bursts(), 5000))
    lengths = [end - start for start, end in bursts]
    assert 0.03 <= min(lengths) <= max(lengths) <= 0.4 + 1e-9
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(bursts)), "bursts do not overlap"
    assert PLAN.busy_seconds(bursts[-1][1]) / bursts[-1][1] == pytest.approx(0.15, rel=0.1)


def test_the_same_seed_yields_the_same_bursts() -> None:
    again, other = Plan(0.15, 0.03, 0.4, seed=1), Plan(0.15, 0.03, 0.4, seed=2)
    first, same, different = (list(itertools.islice(plan.bursts(), 9)) for plan in (PLAN, again, other))
    assert first == same != different


def test_it_ends_with_its_command_and_returns_its_exit_code() -> None:
    run = cpu_load("--seed", "7", "--", "sh", "-c", "echo done; exit 3")
    assert (run.returncode, run.stdout) == (3, "done\n")
    assert "--seed 7" in run.stderr


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--help"], 0, "as a busy host does"),
        ([], 2, "either a command (-- make test) or --seconds is required"),
        (["--seconds", "1", "--", "true"], 2, "either a command"),
        (["--share", "100", "--", "true"], 2, "--share must be a percentage between 0 and 100"),
        (["--shortest", "9", "--longest", "8", "--", "true"], 2, "must be above 0 and at most --longest"),
        (["--", "./no-such-command"], 127, "cpu_load: cannot run ./no-such-command: No such file or directory"),
    ],
)
def test_wrong_options_are_reported(words: list[str], code: int, message: str) -> None:
    run = cpu_load(*words)
    assert run.returncode == code
    assert message in run.stdout + run.stderr
    assert "Traceback" not in run.stderr
