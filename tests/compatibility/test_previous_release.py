"""The previous release beside this one: its callers at our servers, ours at its servers, and chains of both."""

import shutil
import subprocess

import pytest

from tests.compatibility.conftest import Beside
from tests.compatibility.releases import PARTS, generate
from tests.services.conftest import CALLEES
from tests.services.harness import ROOT, Process, targets
from tests.services.shop import eventually

WAYS = [
    pytest.param("previous", "this", id="the previous release's callers, our servers"),
    pytest.param("this", "previous", id="our callers, the previous release's servers"),
]
CATALOG = "proto/shop/catalog/v1/catalog.proto"


def methods_called(processes: dict[str, Process]) -> set[str]:
    """Answer the methods that the access logs have."""
    records = (record for process in processes.values() for record in process.log())
    return {str(record["method"]) for record in records if record["logger"] == "access"}


def assert_served(run: subprocess.CompletedProcess[str]) -> None:
    """Assert that a caller was content with what it was answered."""
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize(("callers", "servers"), WAYS)
async def test_callers_of_one_release_are_served_by_the_other(callers: str, servers: str, beside: Beside) -> None:
    processes = beside.shop(servers)
    assert_served(beside.call(callers, processes))
    async for attempt in eventually():
        with attempt:
            left = beside.releases["previous"].methods() - methods_called(processes)
            assert left == set(), "tests/compatibility/client calls every method that the previous release has"


@pytest.mark.parametrize(("chain", "callees"), WAYS)
def test_an_order_goes_through_services_of_both_releases(chain: str, callees: str, beside: Beside) -> None:
    others = beside.shop(callees)
    env = targets(*(others[name] for name in CALLEES["orders"]))
    orders = beside.start(beside.releases[chain].tree)("orders", env)
    assert_served(beside.call(callees, {**others, "orders": orders}))


@pytest.mark.parametrize(
    ("file", "old", "new", "seen"),
    [
        pytest.param(
            CATALOG,
            "  string display_name = 2 [",
            "  string display_name = 12 [",
            "assert (assam.display_name, assam.price)",
            id="a field with another number",
        ),
        pytest.param(
            CATALOG,
            "  string search = 4 [(buf.validate.field).string.(shop.rules.v1.optional_text) = 100];",
            "  string search = 4 [(buf.validate.field).string.(shop.rules.v1.optional_text) = 5];",
            "search must have at most 5 characters",
            id="a stricter rule, which buf lets pass",
        ),
        pytest.param(
            "services/catalog/servicer.py",
            '"PRODUCT_DISCONTINUED"',
            '"PRODUCT_RETIRED"',
            '(PRECONDITION, "PRODUCT_DISCONTINUED")',
            id="another reason of an error, which no contract tells",
        ),
    ],
)
def test_a_server_that_breaks_callers_is_found_out(file: str, old: str, new: str, seen: str, beside: Beside) -> None:
    tree = beside.folder / "tree"
    for part in PARTS:
        shutil.copytree(ROOT / part, tree / part, ignore=shutil.ignore_patterns("__pycache__"))
    before = (tree / file).read_text(encoding="utf-8")
    assert before.count(old) == 1
    (tree / file).write_text(before.replace(old, new), encoding="utf-8")
    generate(tree, tree / "gen")
    run = beside.call("previous", {"catalog": beside.start(tree)("catalog")})
    assert run.returncode == 1
    assert seen in run.stderr
