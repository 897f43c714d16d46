"""The previous release and this one together: clients of each call servers of the other, also in chains."""

import shutil
import subprocess

import pytest

from tests.compatibility.conftest import TwoReleases
from tests.compatibility.releases import PARTS, generate
from tests.support.checkout import ROOT
from tests.support.clock import eventually
from tests.support.processes import Process, targets
from tests.support.starters import CALLEES

DIRECTIONS = [
    pytest.param("previous", "this", id="previous clients, our servers"),
    pytest.param("this", "previous", id="our clients, previous servers"),
]
CATALOG = "proto/shop/catalog/v1/catalog.proto"
SEARCH = """\
  string search = 4 [
    (google.api.field_behavior) = OPTIONAL,
    (buf.validate.field).string = {
      max_len: """


def methods_called(processes: dict[str, Process]) -> set[str]:
    """Return the methods in the access logs."""
    records = (record for process in processes.values() for record in process.log())
    return {str(record["method"]) for record in records if record["logger"] == "access"}


def assert_served(run: subprocess.CompletedProcess[str]) -> None:
    """Assert that all checks of a client have passed."""
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize(("callers", "servers"), DIRECTIONS)
async def test_callers_of_one_release_are_served_by_the_other(
    callers: str, servers: str, two_releases: TwoReleases
) -> None:
    processes = two_releases.shop(servers)
    assert_served(two_releases.call(callers, processes))
    async for attempt in eventually(retry=Exception):
        with attempt:
            uncalled = two_releases.releases["previous"].methods() - methods_called(processes)
            assert uncalled == set(), "tests/compatibility/client must call every method of the previous release"


@pytest.mark.parametrize(("chain", "callees"), DIRECTIONS)
def test_an_order_passes_through_services_of_both_releases(chain: str, callees: str, two_releases: TwoReleases) -> None:
    others = two_releases.shop(callees)
    env = targets(*(others[name] for name in CALLEES["orders"]))
    orders = two_releases.start(two_releases.releases[chain].tree)("orders", env)
    assert_served(two_releases.call(callees, {**others, "orders": orders}))


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        pytest.param(
            CATALOG,
            "  string display_name = 2 [",
            "  string display_name = 12 [",
            "assert (assam.display_name, assam.price)",
            id="renumbered field",
        ),
        pytest.param(
            CATALOG,
            SEARCH + "100\n",
            SEARCH + "5\n",
            "search must be at most 5 characters",
            id="stricter rule, which buf does not detect",
        ),
        pytest.param(
            "services/catalog/servicer.py",
            '"PRODUCT_DISCONTINUED"',
            '"PRODUCT_RETIRED"',
            '(PRECONDITION, "PRODUCT_DISCONTINUED")',
            id="another error reason, which is in no contract",
        ),
    ],
)
def test_a_server_that_breaks_callers_is_detected(
    file: str, old: str, new: str, message: str, two_releases: TwoReleases
) -> None:
    tree = two_releases.folder / "tree"
    for part in PARTS:
        shutil.copytree(ROOT / part, tree / part, ignore=shutil.ignore_patterns("__pycache__"))
    before = (tree / file).read_text(encoding="utf-8")
    assert before.count(old) == 1
    (tree / file).write_text(before.replace(old, new), encoding="utf-8")
    generate(tree, tree / "gen")
    run = two_releases.call("previous", {"catalog": two_releases.start(tree)("catalog")})
    assert run.returncode == 1
    assert message in run.stderr
