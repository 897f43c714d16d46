"""The policies as protoc-gen-istio writes them from a set of contracts, and what it says of those that contradict."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.contracts.conftest import ROOT

Manifest = dict[str, Any]


@dataclass(frozen=True)
class Written:
    """What a run of the plugin led to."""

    said: str
    """What went wrong; empty if nothing did."""
    files: dict[str, str]

    def manifests(self, kind: str) -> dict[str, Manifest]:
        """Answer the manifests of a kind by their names."""
        found = (
            each for name, text in self.files.items() if name.endswith(".yaml") for each in yaml.safe_load_all(text)
        )
        return {each["metadata"]["name"]: each for each in found if each["kind"] == kind}


def write(root: Path, out: Path, *inputs: str, **options: str) -> Written:
    """Have buf run the plugin in a folder, over the contracts in `inputs`, with the plugin's options."""
    plugin = {
        "local": [sys.executable, "-m", "tools.protoc_gen_istio"],
        "strategy": "all",
        "out": str(out),
        "opt": [f"{name}={value}" for name, value in options.items()],
    }
    template = json.dumps({"version": "v2", "plugins": [plugin]})
    run = subprocess.run(
        [ROOT / ".venv/bin/buf", "generate", "--template", template, *inputs],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(out.parent)},
    )
    files = {path.name: path.read_text(encoding="utf-8") for path in out.glob("*") if path.is_file()}
    return Written(run.stderr if run.returncode else "", files)
