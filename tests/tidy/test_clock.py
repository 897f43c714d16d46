"""The clock decides nothing in `make test`."""

import pytest

from tests.tidy.clock import judged
from tests.tidy.conftest import Plant
from tests.tidy.tree import Tree

WAYS = "@pytest.mark.parametrize"
MARKED = "pytest.param(1, marks=[pytest.mark.prove, pytest.mark.timing])"
HEAD = "import time\nimport pytest\nfrom tests.mesh.harness import eventually\n"


def test_a_test_that_judges_by_the_clock_is_marked_timing(checkout: Tree) -> None:
    assert list(judged(checkout)) == []


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("def test_it():\n began = time.monotonic()\n assert time.monotonic() - began < 1", "asserts how long"),
        ("def test_it():\n took = time.perf_counter() - 3\n assert took < 1", "asserts how long"),
        ("def test_it():\n t = []\n t.append(time.monotonic())\n assert max(t) < 1", "asserts how long"),
        ("def act(): return time.monotonic()\ndef test_it():\n x = act()\n assert x < 1", "asserts how long"),
        ("def act():\n return 1, time.monotonic()\ndef test_it():\n x, t = act()\n assert t < 1", "asserts how long"),
        ("def judge():\n assert time.monotonic() < 1\ndef test_it(): judge()", "asserts how long"),
        ("async def test_it():\n async for attempt in eventually(5):\n  pass", "waits for 5 s and no longer"),
        ("async def test_it(): await until('OK', within=1)", "waits for 1 s and no longer"),
        ("async def test_it(): await place(timeout=1)", "waits for 1 s and no longer"),
        ("N = 1\nasync def test_it(): await place(deadline=N)", "waits for 1 s and no longer"),
        ("async def act(timeout): ...\nasync def test_it(): await act(1)", "waits for 1 s and no longer"),
        ("async def act(n=1): await place(timeout=n)\nasync def test_it(): await act()", "waits for 1 s and no longer"),
        ("async def test_it(): await place(timeout=1 if fast else None)", "waits for 1 s and no longer"),
        (f"{WAYS}('n', [30, 1])\nasync def test_it(n): await place(timeout=n)", "waits for 1 s and no longer"),
        (f"{WAYS}('a, n', [('a', 1)])\nasync def test_it(a, n): await place(timeout=n)", "waits for 1 s"),
        (f"{WAYS}('n', [{MARKED}, 2])\nasync def test_it(n): await place(timeout=n)", "waits for 2 s and no longer"),
        ("@pytest.mark.prove\ndef test_it(): assert time.monotonic() < 1", "asserts how long"),
    ],
)
def test_one_that_is_not_marked_is_named(plant: Plant, code: str, reason: str) -> None:
    [offence] = judged(plant({"tests/mesh/test_x.py": f"{HEAD}{code}\n"}))
    assert offence.startswith("tests/mesh/test_x.py:")
    assert f" test_it {reason}" in offence


@pytest.mark.parametrize(
    "code",
    [
        "@pytest.mark.timing\n@pytest.mark.prove\ndef test_it(): assert time.monotonic() < 1",
        "pytestmark = [pytest.mark.prove, pytest.mark.timing]\ndef test_it(): assert time.monotonic() < 1",
        "def test_it(measured):\n began = time.monotonic()\n measured(time.monotonic() - began)",
        "def act():\n return 1, time.monotonic()\ndef test_it():\n x, t = act()\n assert x < 1",
        "async def test_it():\n async for attempt in eventually(10):\n  assert 1 < 2",
        "async def test_it(): await until('OK', within=30)",
        "async def test_it():\n with pytest.raises(Late): await place(timeout=1)",
        "async def test_it(): assert await asyncio.wait({order}, timeout=0.1) == (set(), {order})",
        f"{WAYS}('n', [30, {MARKED}])\nasync def test_it(n): await place(timeout=n)",
        f"SOON = {WAYS[1:]}('n', [30, {MARKED}])\n@SOON\nasync def test_it(n): await place(timeout=n)",
    ],
)
def test_what_is_marked_and_what_only_measures_passes(plant: Plant, code: str) -> None:
    assert list(judged(plant({"tests/mesh/test_x.py": f"{HEAD}{code}\n"}))) == []
