"""The results of a run: progress while it runs, a table of its parts at the end, and the report of `make prove`."""

import os
import platform
import subprocess
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from _pytest.junitxml import xml_key  # record_testsuite_property uses it, but in one process only
from rich.console import Console
from rich.table import Table

from tests.support.checkout import ROOT
from tests.support.suites import PARTS, part_of

Measured = Callable[[str], None]
"""Records a figure, which is printed at the end of the run."""
NOTES = pytest.StashKey[defaultdict[str, list[Any]]]()
SLOW_SECONDS = 2.0
"""Progress shows each test that takes longer, and the last test of each part."""
SCENARIO_COLUMNS = ("scenario", "asserted", "figure reached")
PART_COLUMNS = ("part", "tests", "failed", "skipped", "repeated", "minutes")


def notes(config: pytest.Config, topic: str) -> list[Any]:
    """Return the notes on a topic, to read and to append to.

    "measured" holds strings, "scenarios" holds (scenario, what is asserted, the figure reached).
    """
    return config.stash.setdefault(NOTES, defaultdict(list))[topic]


@dataclass
class Part:
    """A part of a run, with the outcomes of its finished tests by node id."""

    total: int = 0
    seconds: float = 0.0
    outcomes: dict[str, str] = field(default_factory=dict)
    tries: list[str] = field(default_factory=list)
    """Test and reason for each failed try that was repeated."""

    def count(self, outcome: str) -> int:
        """Return the number of tests with this outcome."""
        return Counter(self.outcomes.values())[outcome]


class Report:
    """A pytest plugin of the main process, which receives the results of all workers."""

    def __init__(self, config: pytest.Config, folder: Path | None) -> None:
        """Show progress and write `folder`/report.md if a folder is set."""
        self._config, self._folder = config, folder
        self._started_at = time.time()
        self._parts: defaultdict[str, Part] = defaultdict(Part)
        self._counted: set[str] = set()
        self._seconds: defaultdict[str, float] = defaultdict(float)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Count the tests of a run without workers."""
        self._count(item.nodeid for item in session.items)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        """Count the tests of a run with workers. Each worker collects all tests."""
        self._count(ids)

    def _count(self, ids: Iterable[str]) -> None:
        for nodeid in set(ids) - self._counted:
            self._counted.add(nodeid)
            self._parts[part_of(nodeid)].total += 1

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """Hide the character for a test that passes or fails if progress shows lines instead."""
        if not self._folder or report.skipped or str(report.outcome) == "rerun":
            return None
        if report.when == "call":
            return report.outcome, "", ""
        return "" if report.passed else "error", "", ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Record a result."""
        part, nodeid = self._parts[part_of(report.nodeid)], report.nodeid
        part.seconds += report.duration
        self._seconds[nodeid] += report.duration
        if str(report.outcome) == "rerun":
            part.tries.append(f"{nodeid}: {reason(report)}")
        elif report.failed or report.when == "call" or (report.when == "setup" and report.skipped):
            part.outcomes[nodeid] = report.outcome
        if self._folder and report.when == "teardown":
            self._show(nodeid, part)

    def _show(self, nodeid: str, part: Part) -> None:
        ended, outcome = len(part.outcomes), part.outcomes.get(nodeid, "tried again")
        if ended == part.total or outcome != "passed" or self._seconds[nodeid] > SLOW_SECONDS:
            minutes, seconds = divmod(int(time.time() - self._started_at), 60)
            file, _, test = nodeid.partition("::")
            terminal: Any = self._config.pluginmanager.get_plugin("terminalreporter")
            terminal.ensure_newline()
            terminal.write_line(
                f"{minutes:>3}:{seconds:02}  {part_of(nodeid):<22} {ended:>4} of {part.total:<4} "
                f"{outcome:<7} {self._seconds[nodeid]:>4.0f} s  {Path(file).stem} {test}"
            )
            terminal.flush()  # also into a file, where Python would keep the lines back

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """Add commit, machine and figures to the JUnit XML, if one is written. pytest writes its file after this."""
        xml = self._config.stash.get(xml_key, None)
        if xml is None:
            return
        figures = [("measured", figure) for figure in notes(self._config, "measured")]
        figures += [(f"scenario {name}", f"{asserted}: {figure}") for name, asserted, figure in self._scenarios()]
        for name, value in [*self._facts(), *figures]:
            xml.add_global_property(name, value)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the parts, the repeated tries and the measured figures. Write the report."""
        sections = {
            "parts": table_lines(PART_COLUMNS, self._rows()),
            "repeated attempts": [each for part in self._parts.values() for each in part.tries],
            "scenarios": table_lines(SCENARIO_COLUMNS, self._scenarios()),
            "measured": notes(self._config, "measured"),
        }
        for title, lines in sections.items():
            if lines:
                terminalreporter.section(title)
                for line in lines:
                    terminalreporter.line(line)
        if self._folder:
            self._folder.mkdir(parents=True, exist_ok=True)
            failures = [f"{each.nodeid}: {reason(each)}" for each in terminalreporter.stats.get("failed", [])]
            failures += [f"{each.nodeid}: {reason(each)}" for each in terminalreporter.stats.get("error", [])]
            path = self._folder / "report.md"
            path.write_text("\n".join(self._document(failures)) + "\n", encoding="utf-8")
            terminalreporter.line(f"report: {path}")

    def _scenarios(self) -> list[tuple[str, str, str]]:
        return sorted(notes(self._config, "scenarios"))

    def _rows(self) -> list[tuple[str, ...]]:
        names = [name for name in PARTS if name in self._parts]
        parts = [(name, self._parts[name]) for name in names if self._parts[name].outcomes]
        rows: list[tuple[str, ...]] = [
            (
                name,
                str(len(part.outcomes)),
                str(part.count("failed")),
                str(part.count("skipped")),
                str(len(part.tries)),
                f"{part.seconds / 60:.1f}",
            )
            for name, part in parts
        ]
        return rows if len(rows) > 1 else []

    def _document(self, failures: list[str]) -> Iterator[str]:
        tests = sum(len(part.outcomes) for part in self._parts.values())
        tries = [each for part in self._parts.values() for each in part.tries]
        yield from ("# Proof", "")
        yield from (f"- {name}: {value}" for name, value in self._facts())
        yield f"- tests: {tests}, failed {len(failures)}, repeated attempts {len(tries)}"
        yield from ("", "## Parts", "", "Minutes are the sum of the tests; parts run in parallel.", "")
        yield from markdown(PART_COLUMNS, self._rows())
        for title, lines in (("Failed", failures), ("Repeated attempts", tries)):
            yield from ("", f"## {title}", "")
            yield from ([f"- {line}" for line in lines] or ["None."])
        yield from ("", "## Scenarios", "")
        yield from markdown(SCENARIO_COLUMNS, self._scenarios())
        yield from ("", "## Measured", "")
        yield from (f"- {figure}" for figure in notes(self._config, "measured"))

    def _facts(self) -> list[tuple[str, str]]:
        seconds = int(time.time() - self._started_at)
        started = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(self._started_at))
        return [
            ("commit", commit()),
            ("machine", machine()),
            ("started", started),
            ("wall time", f"{seconds // 60} min {seconds % 60} s"),
        ]


def reason(report: pytest.TestReport) -> str:
    """Return the first line of the failure of a test."""
    crash = getattr(report.longrepr, "reprcrash", None)
    text = str(crash.message if crash else report.longrepr).strip()
    return text.splitlines()[0] if text else "unknown reason"


def commit() -> str:
    """Return the commit of the checkout, and whether there are uncommitted changes."""
    git = ["git", "-C", str(ROOT)]
    head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    status = subprocess.run([*git, "status", "--porcelain"], capture_output=True, text=True, check=False).stdout
    return (head or "not a git checkout") + (" with uncommitted changes" if status.strip() else "")


def machine() -> str:
    """Return processor, cores, memory, kernel and Python version."""
    processor = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    system = f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    return f"{processor}, {os.cpu_count()} cores, {memory:.0f} GiB, {system}"


def table_lines(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table for a terminal; no lines if it has no rows."""
    table = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*row)
    console = Console(width=160, no_color=True)
    with console.capture() as captured:
        console.print(table)
    return captured.get().rstrip().splitlines() if rows else []


def markdown(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table in Markdown."""
    for cells in (columns, ["---"] * len(columns), *rows):
        escaped = [cell.replace("|", "\\|") for cell in cells]
        yield f"| {' | '.join(escaped)} |"
