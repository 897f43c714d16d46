"""What the law about short timeouts finds."""

import pytest

from tests.tidy.clock import timing
from tests.tidy.conftest import MakeTree

HEAD = "import asyncio\nimport pytest\n"
SOMETIMES_MARKED = "@pytest.mark.parametrize('n', [pytest.param(1, marks=pytest.mark.timing)])"


@pytest.mark.parametrize(
    "code",
    [
        "async def test_it(): await until('OK', within=1)",
        "N = 1\nasync def test_it(): await place(deadline=N)",
        "async def act(): await place(timeout=1)",
        "async def test_it():\n async with asyncio.timeout(1): ...",
        "async def test_it(): await asyncio.wait_for(act(), 1)",
        f"{SOMETIMES_MARKED}\nasync def test_it(n): await place(timeout=1)",
    ],
)
def test_a_short_timeout_is_found(make_tree: MakeTree, code: str) -> None:
    [violation] = timing(make_tree({"tests/mesh/test_x.py": f"{HEAD}{code}\n"}))
    assert " waits for 1 s only" in violation


@pytest.mark.parametrize(
    "code",
    [
        "@pytest.mark.prove\n@pytest.mark.timing\nasync def test_it(): await place(timeout=1)",
        "async def test_it(): await place(timeout=10)",
        "async def test_it(): await until('OK', within=0)",
        "async def test_it():\n with pytest.raises(Late): await place(timeout=1)",
        "async def test_it(): assert await asyncio.wait({order}, timeout=0.1) == (set(), {order})",
    ],
)
def test_a_marked_test_and_a_timeout_that_fails_nothing_are_no_violation(make_tree: MakeTree, code: str) -> None:
    assert list(timing(make_tree({"tests/mesh/test_x.py": f"{HEAD}{code}\n"}))) == []
