"""Runs `buf generate`. If contracts have faults, prints only these: `file:line: what, why, what to do`.

buf stops the other plugins when one reports a fault, and prints that, too.
"""

import re
import subprocess
import sys
from pathlib import Path

BUF = Path(sys.executable).with_name("buf")
NOISE = re.compile(r"(Failure: )?plugin .*: *(context canceled)?|context canceled|signal: killed")


def main() -> int:
    """Run buf with the arguments of this command and return its exit code."""
    run = subprocess.run([BUF, "generate", *sys.argv[1:]], stderr=subprocess.PIPE, text=True, check=False)
    lines = [line for line in run.stderr.splitlines() if not NOISE.fullmatch(line)]
    sys.stderr.write("".join(f"{line}\n" for line in lines) if lines else run.stderr)
    return run.returncode


if __name__ == "__main__":
    sys.exit(main())
