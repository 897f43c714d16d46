"""The part of a test, and retries: only tests with the mark `timing` are tried again."""

import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.support.suites import PARTS, part_of

PLUGIN = "from tests.support import suites\ndef pytest_collection_modifyitems(items): suites.allow_retries(items)\n"
PASSES_ON_RETRY = """
import pathlib, pytest
tries = pathlib.Path("tries")
{marks}
def test_it():
    tries.write_text(tries.read_text() + "x" if tries.exists() else "x")
    assert len(tries.read_text()) > 1
"""


def run(folder: Path, test: str, *words: str, plugin: str = PLUGIN) -> subprocess.CompletedProcess[str]:
    """Run a test file in an empty folder."""
    (folder / "conftest.py").write_text(plugin)
    (folder / "test_x.py").write_text(test)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "ignore", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("nodeid", "part"),
    [
        ("tests/mesh/scenarios/test_mirror.py::test_it", "scenarios"),
        ("tests/mesh/test_chaos_experiments.py::test_it[kill]", "chaos"),
        ("tests/mesh/test_lifecycle.py::test_it", "lifecycle"),
        ("tests/mesh/test_docs.py::test_it[README.md-0]", "documents"),
        ("tests/services/test_readmes.py::test_it", "documents"),
        ("tests/mesh/node/test_logs.py::test_it", "node"),
        ("tests/mesh/test_edge.py::test_it", "mesh"),
        ("tests/services/test_orders.py::test_it[postgresql]", "services, PostgreSQL"),
        ("tests/services/test_orders.py::test_it[sqlite]", "services, SQLite"),
        ("tests/services/test_crashes.py::test_it[sqlite-placed]", "crashes"),
        ("tests/unit/test_x.py::test_it[postgresql]", "unit"),
        ("elsewhere.py::test_it", "other"),
    ],
)
def test_a_test_belongs_to_the_first_part_that_matches(nodeid: str, part: str) -> None:
    assert part_of(nodeid) == part
    assert part in {*PARTS, "other"}


def test_only_a_test_with_the_mark_timing_is_tried_again(tmp_path: Path) -> None:
    marked = run(tmp_path, PASSES_ON_RETRY.format(marks="@pytest.mark.prove\n@pytest.mark.timing"))
    assert marked.returncode == 0, marked.stdout
    assert "1 passed, 1 rerun" in marked.stdout
    (tmp_path / "tries").unlink()
    assert run(tmp_path, PASSES_ON_RETRY.format(marks="@pytest.mark.prove")).returncode == 1


@pytest.mark.parametrize(
    ("marks", "reason"),
    [
        ("@pytest.mark.timing", "is marked timing but not prove"),
        ("@pytest.mark.prove\n@pytest.mark.flaky(reruns=1)", "only tests with the mark timing are tried again"),
    ],
)
def test_a_mark_that_would_hide_a_failure_is_an_error(tmp_path: Path, marks: str, reason: str) -> None:
    result = run(tmp_path, PASSES_ON_RETRY.format(marks=marks))
    assert result.returncode == 4
    assert reason in result.stdout + result.stderr


def test_a_proof_shows_progress_and_writes_a_report(tmp_path: Path) -> None:
    plugin = f"from tests.conftest import measured, pytest_addoption, pytest_configure\n{PLUGIN}"
    again = PASSES_ON_RETRY.format(marks="@pytest.mark.prove\n@pytest.mark.timing")
    others = "def test_figure(measured): measured('7 orders')\ndef test_wrong(): assert 1 == 2\n"
    done = run(tmp_path, f"{again}\n{others}", "--proof", "proof", "--junitxml", "proof/junit.xml", plugin=plugin)
    assert done.returncode == 1
    assert re.findall(r"\d+ of 3 +(\w[\w ]*?) +\d+ s  test_x (\w+)", done.stdout) == [
        ("tried again", "test_it"),
        ("failed", "test_wrong"),
    ], done.stdout
    report = (tmp_path / "proof/report.md").read_text()
    assert "- commit: " in report
    assert "- machine: " in report
    assert "- tests: 3, failed 1, repeated attempts 1" in report
    assert "## Failed\n\n- test_x.py::test_wrong: " in report
    assert "## Repeated attempts\n\n- test_x.py::test_it: " in report
    assert "- 7 orders" in report
    properties = ET.parse(tmp_path / "proof/junit.xml").findall("testsuite/properties/property")  # noqa: S314  # ours
    found = {each.attrib["name"]: each.attrib["value"] for each in properties}
    assert found.keys() >= {"commit", "machine"}
    assert found["measured"] == "7 orders"
