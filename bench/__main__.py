"""`make bench`: measures what the services and the mesh cost, and compares the figures with those of the last run.

`make bench ARGS=--help` lists the groups of measurements and the options.
"""

import argparse
import asyncio
import shlex
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from bench import report, results
from bench.context import Bench
from bench.errors import BenchError
from bench.groups import GROUPS
from bench.rounds import Settings, show_progress
from mesh.local.errors import MeshError
from tests.support.checkout import ROOT

OUTPUT = ROOT / "proof" / "bench.json"


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Parse the options. Exit with 2 if they are invalid."""
    groups = "\n".join(f"  {name:10} {group.measures}" for name, group in GROUPS.items())
    parser = argparse.ArgumentParser(
        prog="make bench",
        description="Measure what the services and the mesh cost.",
        epilog=f"groups:\n{groups}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("groups", nargs="*", metavar="group", help="what to measure; all if none is named")
    parser.add_argument("--rounds", type=int, default=Settings.rounds, help=f"default: {Settings.rounds}")
    parser.add_argument(
        "--seconds",
        type=float,
        default=Settings.seconds,
        help=f"of one round of one case (default: {Settings.seconds:g})",
    )
    parser.add_argument("--without-mesh", action="store_true", help="measure only what needs no mesh")
    parser.add_argument(
        "--against", type=Path, help="another checkout with a .venv, to measure its services beside these"
    )
    parser.add_argument("--output", type=Path, default=OUTPUT, help="the file of results (default: proof/bench.json)")
    parser.add_argument("--save", action="store_true", help="also replace the results that are committed in bench/")
    options = parser.parse_args(words)
    if unknown := set(options.groups) - GROUPS.keys():
        parser.error(f"no such group: {', '.join(sorted(unknown))}")
    if options.against and not (options.against / ".venv/bin/python").exists():
        parser.error(f"{options.against} is no checkout with a .venv")
    if options.save and options.against:
        parser.error("results with another checkout are not saved")
    if options.rounds < 1 or options.seconds <= 0:
        parser.error("--rounds must be at least 1, and --seconds more than 0")
    return options


def chosen(options: argparse.Namespace) -> list[str]:
    """Return the groups to measure, in their order."""
    named = options.groups or GROUPS
    return [name for name in GROUPS if name in named and not (options.without_mesh and GROUPS[name].needs_mesh)]


async def measure(options: argparse.Namespace) -> results.Results:
    """Measure groups, one after another, and return their results."""
    settings = Settings(options.rounds, options.seconds)
    measured: results.Results = {}
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        bench = Bench(settings, folder, stack, with_mesh=not options.without_mesh, against=options.against)
        for name in chosen(options):
            show_progress(f"group {name}: {GROUPS[name].measures}")
            started = time.monotonic()
            figures = await GROUPS[name].run(bench)
            run = results.describe_run(settings, time.monotonic() - started)
            measured[name] = results.GroupResult(run, figures)
            # A later group may fail.
            results.write(options.output, measured)
    return measured


def main(words: Sequence[str]) -> int:
    """Measure, print the results, and return the exit code."""
    options, started = parse(words), time.monotonic()
    try:
        measured = asyncio.run(measure(options))
    except (BenchError, MeshError) as error:
        sys.stderr.write(f"bench: {error}\n")
        return 1
    before = results.read(results.COMMITTED)
    # Saved samples are rounded. Tables of the same file must always show the same.
    measured = results.read(options.output)
    print(report.results_as_markdown(measured))
    print(f"\n{report.differences_as_markdown(measured, before)}")
    if options.save:
        merged = before | measured
        merged = {name: merged[name] for name in GROUPS if name in merged}
        results.write(results.COMMITTED, merged)
        report.update_readme(merged)
    left_out = [name for name in GROUPS if name not in measured]
    rest = f"; not measured: {', '.join(left_out)} (`make bench ARGS={left_out[0]}`)" if left_out else ""
    print(f"\nin {time.monotonic() - started:.0f} s; {options.output} has all samples{rest}")
    return 0


if __name__ == "__main__":
    sys.exit(main(shlex.split(" ".join(sys.argv[1:]))))
