"""Copies google/api and google/type from the googleapis-common-protos wheel to .googleapis, for buf.yaml.

buf cannot read folders outside its workspace, and the path of the wheel in .venv depends on the Python version.
"""

import shutil
from importlib.metadata import files
from pathlib import Path

TARGET = Path(__file__).parent.parent / ".googleapis"


def main() -> None:
    """Replace the whole copy, so that no files of an older wheel are left."""
    shutil.rmtree(TARGET, ignore_errors=True)
    for file in files("googleapis-common-protos") or []:
        if file.suffix == ".proto" and file.parent.as_posix() in {"google/api", "google/type"}:
            copy = TARGET / file
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(str(file.locate()), copy)


if __name__ == "__main__":
    main()
