"""Only a test that is marked `timing` judges by the clock."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.clock import Duration, Stopwatch, check_timeout, eventually, eventually_sync, longest

JUDGES: dict[str, Callable[[], object]] = {
    "less": lambda: Duration(1) < 2,
    "more": lambda: Duration(1) >= 0.5,
    "less, the other way round": lambda: 0 < Duration(1) < 2,
    "equal": lambda: Duration(1) == 1,
    "different": lambda: Duration(1) != 2,
    "the smaller one": lambda: min(Duration(2), Duration(1)),
    "as a number": lambda: float(Duration(1)),
    "a short wait": lambda: eventually(5),
    "a short wait of a synchronous test": lambda: eventually_sync(5),
    "a short timeout": lambda: check_timeout(0.2),
}


@pytest.mark.parametrize("judge", JUDGES.values(), ids=JUDGES)
def test_a_test_without_the_mark_fails_if_it_judges_by_the_clock(judge: Callable[[], object]) -> None:
    with pytest.raises(pytest.fail.Exception, match="mark the test `timing` and `prove`"):
        judge()


def test_a_test_with_the_mark_judges_by_the_clock(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text("from tests.support.clock import pytest_runtest_protocol\n")
    (tmp_path / "test_x.py").write_text(
        "import pytest\nfrom tests.support.test_clock import JUDGES\n"
        "@pytest.mark.timing\ndef test_it():\n for judge in JUDGES.values(): assert judge()\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "ignore"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "1 passed" in run.stdout


def test_durations_are_printed() -> None:
    assert f"{longest([Duration(1), Duration(2.34)]):.1f} s" == "2.3 s"
    assert f"{Stopwatch().elapsed():.0f}".isdigit()


async def test_a_block_is_repeated_until_it_raises_nothing() -> None:
    tries = 0
    async for attempt in eventually(10, every=0, retry=ValueError):
        with attempt:
            tries += 1
            if tries < 3:
                raise ValueError
    assert tries == 3


def test_a_condition_may_be_required_at_once() -> None:
    def fail() -> None:
        for attempt in eventually_sync(0):
            with attempt:
                raise AssertionError("not yet")

    with pytest.raises(AssertionError, match="not yet"):
        fail()
