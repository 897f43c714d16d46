"""`python -m tools.breaking [AGAINST]`: the command behind `make breaking`."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tools.breaking.report import compare
from tools.breaking.sources import ROOT, SourceError, build, build_older, lay_out
from tools.protoc_gen_istio.declarations import DeclarationError

BREAKS, UNUSABLE = 1, 2


def main(words: Sequence[str]) -> int:
    """Print what is compared and what breaks; answer the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.breaking",
        description="Compare proto/ with an older state of it: what breaks, for whom, and what to do instead.",
        epilog="Exit code: 0 if nothing breaks, 1 if something does, 2 if the two cannot be compared.",
    )
    parser.add_argument(
        "against",
        nargs="?",
        default="",
        help="a git revision (branch, tag, commit) or a folder that holds a proto/; "
        "by default the first that there is of main, origin/main and HEAD",
    )
    against = parser.parse_args(words).against
    try:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name, "older")
            folder.mkdir()
            told = lay_out(against, folder)
            print(f"comparing proto/ with {told}", flush=True)
            older = build_older(folder, Path(name, "older.binpb"), told)
            report = compare(older, build(ROOT, Path(name, "newer.binpb")))
    except (SourceError, DeclarationError) as error:
        sys.stderr.write(f"breaking: {str(error).replace(f'{ROOT}/', '')}\n")
        return UNUSABLE
    print(report.text(), end="")
    return BREAKS if report.breaks else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
