"""`python -m tools.breaking [AGAINST]`: the command behind `make breaking`."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tools.breaking import waivers
from tools.breaking.bases import Base, default_bases
from tools.breaking.report import Report, compare, merge, waive
from tools.breaking.sources import ROOT, SourceError, build, build_older, lay_out
from tools.protoc_gen_istio.declarations import DeclarationError

BREAKS, UNUSABLE = 1, 2


def main(words: Sequence[str], root: Path = ROOT) -> int:
    """Compare a checkout's contracts, and print what is compared and what breaks. Return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.breaking",
        description="Compare proto/ with an older state of it: what breaks, for whom, and what to do instead.",
        epilog="Exit code: 0 if nothing breaks or all that breaks is waived; 1 if something else breaks, or a waiver "
        "is stale or expired; 2 if there is nothing to compare with, or a file cannot be read.",
    )
    parser.add_argument(
        "against",
        nargs="?",
        default="",
        help="a git revision (branch, tag, commit) or a folder that holds a proto/; "
        "by default the last release and, in a clone, the merge base with the upstream's main",
    )
    against = parser.parse_args(words).against
    try:
        reviewed = waivers.load(root)
        bases = [Base(against, "")] if against else default_bases(root)
        report = _compare_all(bases, root)
        if reviewed:
            # What was reviewed was found against the default bases: another may not show it.
            report = waive(report, reviewed, waivers.version(root), stale=not against)
    except (SourceError, DeclarationError) as error:
        sys.stderr.write(f"breaking: {str(error).replace(f'{root}/', '')}\n")
        return UNUSABLE
    print(report.text(), end="")
    return BREAKS if report.fails else 0


def _compare_all(bases: Sequence[Base], root: Path) -> Report:
    with tempfile.TemporaryDirectory() as name:
        newer = None
        reports: list[tuple[str, Report]] = []
        for number, base in enumerate(bases):
            folder = Path(name, f"older-{number}")
            folder.mkdir()
            found = lay_out(base.revision, folder, root)
            shown = base.name or found
            print(f"comparing proto/ with {shown}", flush=True)
            older = build_older(folder, folder / "older.binpb", shown)
            newer = newer or build(root, Path(name, "newer.binpb"))
            reports.append((shown, compare(older, newer)))
    return merge(reports)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
