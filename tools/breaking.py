"""Compare proto/ with an older state of it and name every change that breaks a caller: `make breaking AGAINST=<what>`.

AGAINST is a git revision or a folder that holds a proto/. Without it, it is the first that exists of main, origin/main
and HEAD: a clean checkout of one commit need not have a branch main. buf alone would do, but the older state lacks
the .proto files that wheels bring, which are not in git: it is laid out in a temporary folder beside them.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
DEFAULTS = ("main", "origin/main", "HEAD")


def git(*arguments: str | Path) -> str | None:
    """Answer what git prints, or None if it fails."""
    command = ["git", "-C", ROOT, *arguments]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    return run.stdout.strip() if run.returncode == 0 else None


def commit(revision: str) -> str | None:
    """Answer the short id of the commit that a revision names, or None if there is none."""
    return git("rev-parse", "--verify", "--quiet", "--short", "--end-of-options", f"{revision}^{{commit}}")


def lay_out(against: str, folder: Path) -> str:
    """Write the older proto/ into the folder and answer what it is, for people; SystemExit if it cannot be had."""
    if against and Path(against).is_dir():
        if not Path(against, "proto").is_dir():
            sys.exit(f"breaking: the folder {against} holds no proto/")
        shutil.copytree(Path(against, "proto"), folder / "proto")
        return f"the folder {against}"
    candidates = (against,) if against else DEFAULTS
    revision = next((name for name in candidates if commit(name)), None)
    if revision is None:
        sys.exit(f"breaking: nothing to compare with: neither a git revision nor a folder: {', '.join(candidates)}")
    archive = folder / "older.zip"
    if git("archive", f"--output={archive}", revision, "proto") is None:
        sys.exit(f"breaking: {revision} holds no proto/")
    shutil.unpack_archive(archive, folder)
    return f"{revision} ({commit(revision)})"


def main(against: str) -> int:
    """Print what is compared and what breaks; answer buf's exit code."""
    with tempfile.TemporaryDirectory() as name:
        older = Path(name)
        print(f"comparing proto/ with {lay_out(against, older)}", flush=True)
        shutil.copyfile(ROOT / "buf.yaml", older / "buf.yaml")
        for imported in (".googleapis", ".protovalidate"):
            shutil.copytree(ROOT / imported, older / imported)
        buf = ROOT / ".venv/bin/buf"
        return subprocess.run([buf, "breaking", "--against", older], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(" ".join(sys.argv[1:])))
