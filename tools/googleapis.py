"""Copy google/api and google/type out of the googleapis-common-protos wheel into .googleapis, for buf.yaml.

buf reads no folder outside of its workspace, and the wheel's place in .venv depends on the Python version.
"""

import shutil
from importlib.metadata import files
from pathlib import Path

TARGET = Path(__file__).parent.parent / ".googleapis"


def main() -> None:
    """Replace the copy as a whole, so that nothing of an older wheel stays."""
    shutil.rmtree(TARGET, ignore_errors=True)
    for file in files("googleapis-common-protos") or []:
        if file.suffix == ".proto" and file.parent.as_posix() in {"google/api", "google/type"}:
            copy = TARGET / file
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(str(file.locate()), copy)


if __name__ == "__main__":
    main()
