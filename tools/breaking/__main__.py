"""`python -m tools.breaking [AGAINST]`: the command behind `make breaking`."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from tools.breaking import waivers
from tools.breaking.bases import Base, default_bases
from tools.breaking.formats import FORMATS
from tools.breaking.report import Report, compare, merge, waive
from tools.breaking.sources import ROOT, SourceError, build, build_older, write_older_state
from tools.protoc_gen_istio.declarations import DeclarationError

EXIT_BREAKS, EXIT_UNUSABLE = 1, 2


def main(arguments: Sequence[str], root: Path = ROOT) -> int:
    """Compare a checkout's contracts with older states, print the report, and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.breaking",
        description="Compare proto/ with an older state: breaking changes, affected consumers, and alternatives.",
        epilog="Exit code: 0 if there are no breaking changes or all are waived; 1 if there are others, or a waiver "
        "is stale or expired; 2 if there is nothing to compare with, or a file cannot be read.",
    )
    parser.add_argument(
        "against",
        nargs="?",
        default="",
        help="a git revision (branch, tag, commit) or a folder that contains a proto/; "
        "by default the last release and, in a clone, the merge base with the upstream's main",
    )
    parser.add_argument(
        "--format",
        choices=FORMATS,
        default="text",
        help="of the report on standard output: text (the default), json, sarif (2.1.0) or github (annotations)",
    )
    options = parser.parse_args(arguments)
    against = options.against
    try:
        reviewed = waivers.load(root)
        bases = [Base(against, "")] if against else default_bases(root)
        report = _compare_all(bases, root, sys.stdout if options.format == "text" else sys.stderr)
        if reviewed:
            # Waivers are about breaks against the default bases. Against another base, these breaks may be missing.
            report = waive(report, reviewed, waivers.version(root), stale=not against)
    except (SourceError, DeclarationError) as error:
        sys.stderr.write(f"breaking: {str(error).replace(f'{root}/', '')}\n")
        return EXIT_UNUSABLE
    print(FORMATS[options.format](report), end="", flush=True)
    if report.faults:
        sys.stderr.write("".join(f"breaking: {line}\n" for line in report.faults.splitlines()))
    return EXIT_BREAKS if report.fails else EXIT_UNUSABLE if report.faults else 0


def _compare_all(bases: Sequence[Base], root: Path, log: TextIO) -> Report:
    with tempfile.TemporaryDirectory() as scratch:
        newer = None
        reports: list[tuple[str, Report]] = []
        for number, base in enumerate(bases):
            folder = Path(scratch, f"older-{number}")
            folder.mkdir()
            label = write_older_state(base.revision, folder, root)
            name = base.name or label
            print(f"comparing proto/ with {name}", file=log, flush=True)
            older = build_older(folder, folder / "older.binpb", name)
            newer = newer or build(root, Path(scratch, "newer.binpb"))
            reports.append((name, compare(older, newer)))
    return merge(reports)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
