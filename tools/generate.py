"""Runs `buf generate`. If contracts have faults, prints only these: `file:line: what, why, what to do`.

buf stops the other plugins when one reports faults, and prints how each of them ended.
"""

import re
import subprocess
import sys
from pathlib import Path

BUF = Path(sys.executable).with_name("buf")
FAULT = re.compile(r"\S+:\d+: .+")


def main() -> int:
    """Run buf with the arguments of this command and return its exit code."""
    run = subprocess.run([BUF, "generate", *sys.argv[1:]], stderr=subprocess.PIPE, text=True, check=False)
    # Both generators of policies and of signals report a fault of an option.
    faults = dict.fromkeys(line for line in run.stderr.splitlines() if FAULT.fullmatch(line))
    sys.stderr.write("".join(f"{line}\n" for line in faults) or run.stderr)
    return run.returncode


if __name__ == "__main__":
    sys.exit(main())
