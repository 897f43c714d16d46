"""Runs protoc-gen-istio on a set of contracts and returns its files or its error."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.support.checkout import ROOT

Manifest = dict[str, Any]


@dataclass(frozen=True)
class Output:
    """The result of a run of the plugin."""

    error: str
    """The error text; empty if the run succeeded."""
    files: dict[str, str]

    def manifests(self, kind: str) -> dict[str, Manifest]:
        """Return the manifests of a kind by name."""
        manifests = (
            each for name, text in self.files.items() if name.endswith(".yaml") for each in yaml.safe_load_all(text)
        )
        return {each["metadata"]["name"]: each for each in manifests if each["kind"] == kind}


def run_plugin(root: Path, out: Path, *inputs: str, **options: str) -> Output:
    """Run the plugin through buf in the folder `root` on the contracts in `inputs`, with the plugin's options."""
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
    return Output(run.stderr if run.returncode else "", files)
