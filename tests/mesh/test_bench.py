"""`make bench` measures every group, through a mesh that it starts and removes."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from bench import results
from bench.groups import GROUPS
from bench.mesh import NAME, NAME_WITH_SIGNALS
from mesh.local import instance
from tests.support.checkout import ROOT

# Metrics that may be zero, or below it: a slope, and times that are shorter than the unit of their clock.
MAY_BE_ZERO = ("each further workload", "none, by the fit", "mesh up, warm", "a Pod of catalog")


@pytest.mark.prove
@pytest.mark.timeout(900)  # it starts two meshes, one of them twice, and 37 Pods
def test_every_group_is_measured(tmp_path: Path) -> None:
    output, committed = tmp_path / "bench.json", results.COMMITTED.read_bytes()
    # The other checkout is this one.
    words = shlex.join([*GROUPS, "--rounds=1", "--seconds=0.1", f"--output={output}", f"--against={ROOT}"])
    done = subprocess.run([sys.executable, "-m", "bench", words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    measured = results.read(output)
    assert [*measured] == [*GROUPS]
    for name, group in measured.items():
        assert f"### {name}" in done.stdout
        for figure in group.figures:
            assert len(figure.samples) == 1, figure
            assert figure.subject in MAY_BE_ZERO or figure.samples[0] > 0, figure
            assert not figure.baseline or figure.ratios or figure.metric.startswith("CPU"), figure
    conditions = {figure.condition for figure in measured["orders"].figures}
    assert conditions >= {
        f"{database}, {callers}" for database in ("SQLite", "PostgreSQL") for callers in ("1 caller", "32 callers")
    }
    with_server = {figure.condition for figure in measured["orders"].figures if figure.metric == "CPU µs: database"}
    assert {condition.partition(",")[0] for condition in with_server} == {"PostgreSQL"}
    assert results.COMMITTED.read_bytes() == committed
    for name in (NAME, NAME_WITH_SIGNALS):
        assert instance.existing(name) is None, "the mesh is removed"
