"""What the law about the clock finds."""

import pytest

from tests.tidy.clock import timing
from tests.tidy.conftest import MakeTree

WAYS = "@pytest.mark.parametrize"
MARKED = "pytest.param(1, marks=[pytest.mark.prove, pytest.mark.timing])"
HEAD = "import time\nimport pytest\nfrom tests.mesh.harness import eventually\n"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("def test_it():\n began = time.monotonic()\n assert time.monotonic() - began < 1", "asserts how long"),
        ("def test_it():\n took = time.perf_counter() - 3\n assert took < 1", "asserts how long"),
        ("def test_it():\n t = []\n t.append(time.monotonic())\n assert max(t) < 1", "asserts how long"),
        ("def act(): return time.monotonic()\ndef test_it():\n x = act()\n assert x < 1", "asserts how long"),
        ("def act():\n return 1, time.monotonic()\ndef test_it():\n x, t = act()\n assert t < 1", "asserts how long"),
        ("def judge():\n assert time.monotonic() < 1\ndef test_it(): judge()", "asserts how long"),
        ("async def test_it():\n async for attempt in eventually(5):\n  pass", "waits for 5 s only"),
        ("async def test_it(): await until('OK', within=1)", "waits for 1 s only"),
        ("async def test_it(): await place(timeout=1)", "waits for 1 s only"),
        ("N = 1\nasync def test_it(): await place(deadline=N)", "waits for 1 s only"),
        ("async def act(timeout): ...\nasync def test_it(): await act(1)", "waits for 1 s only"),
        ("async def act(n=1): await place(timeout=n)\nasync def test_it(): await act()", "waits for 1 s only"),
        ("async def test_it(): await place(timeout=1 if fast else None)", "waits for 1 s only"),
        (f"{WAYS}('n', [30, 1])\nasync def test_it(n): await place(timeout=n)", "waits for 1 s only"),
        (f"{WAYS}('a, n', [('a', 1)])\nasync def test_it(a, n): await place(timeout=n)", "waits for 1 s"),
        (f"{WAYS}('n', [{MARKED}, 2])\nasync def test_it(n): await place(timeout=n)", "waits for 2 s only"),
        ("@pytest.mark.prove\ndef test_it(): assert time.monotonic() < 1", "asserts how long"),
    ],
)
def test_a_test_that_depends_on_the_clock_is_found(make_tree: MakeTree, code: str, reason: str) -> None:
    [violation] = timing(make_tree({"tests/mesh/test_x.py": f"{HEAD}{code}\n"}))
    assert violation.startswith("tests/mesh/test_x.py:")
    assert f" test_it {reason}" in violation


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
def test_a_marked_test_and_a_measurement_are_no_violation(make_tree: MakeTree, code: str) -> None:
    assert list(timing(make_tree({"tests/mesh/test_x.py": f"{HEAD}{code}\n"}))) == []
