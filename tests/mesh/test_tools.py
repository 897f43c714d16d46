"""The build of the tools, with the real Go and two small modules in place of the pinned ones."""

import importlib
import json
import subprocess
from pathlib import Path

import pytest
from rich.console import Console

from mesh.local.errors import MeshError
from mesh.local.tools import BOOTSTRAP, build

MAIN = """package main

import "{module}/shared"

func main() {{ println(shared.Text) }}
"""
BROKEN = "package main\n\nfunc main() { println(missing) }\n"
TOOLS = {
    "istioctl": "tools.example/istioctl",
    "etcd": "tools.example/server/v3",
    "limiter": "others.example/src/service_cmd",
}


def write_module(folder: Path, module: str) -> None:
    own = [package for package in TOOLS.values() if package.startswith(module)]
    texts = {
        "go.mod": "\n".join([f"module {module}", "go 1.26.0", *(f"tool {package}" for package in own)]),
        "shared/shared.go": f'package shared\n\nconst Text = "text of {module}"\n',
        f"tools/packaging/common/{BOOTSTRAP}": "{}",
    }
    texts |= {f"{package.removeprefix(module)[1:]}/main.go": MAIN.format(module=module) for package in own}
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    folders = [tmp_path / "go", tmp_path / "go/others"]
    for folder, module in zip(folders, ["tools.example", "others.example"], strict=True):
        write_module(folder, module)
    builder = importlib.import_module("mesh.local.tools.build")
    monkeypatch.setattr(builder, "GO", folders[0])
    monkeypatch.setattr(builder, "MODULES", folders)
    monkeypatch.setattr(builder, "PACKAGES", TOOLS)
    monkeypatch.setattr(builder, "tools_folder", lambda: tmp_path / "tools")
    return folders


def run_tool(folder: Path, name: str) -> str:
    return subprocess.run([folder / name], capture_output=True, text=True, check=True, timeout=10).stderr.strip()


@pytest.mark.usefixtures("modules")
def test_every_tool_gets_its_own_name() -> None:
    """Go names two of them after their folders: server and service_cmd."""
    folder = build(Console(quiet=True))
    assert {name: run_tool(folder, name) for name in TOOLS} == {
        "istioctl": "text of tools.example",
        "etcd": "text of tools.example",
        "limiter": "text of others.example",
    }
    assert {path.name for path in folder.iterdir()} == {*TOOLS, BOOTSTRAP, "versions.json"}
    assert set(json.loads((folder / "versions.json").read_text())) == set(TOOLS)


def test_a_build_that_failed_continues_with_the_module_that_is_missing(modules: list[Path]) -> None:
    main = modules[1] / "src/service_cmd/main.go"
    correct = main.read_text()
    main.write_text(BROKEN)
    with pytest.raises(MeshError) as failure:
        build(Console(quiet=True))
    assert "undefined: missing" in failure.value.why
    assert "\nothers.example" not in f"\n{failure.value.why}", "names of packages are no errors"

    folder = modules[0].parent / "tools"
    finished = (folder / "etcd").stat()
    (folder / ".partial").mkdir(exist_ok=True)
    (folder / ".partial/service_cmd").write_text("cut short")
    main.write_text(correct)
    build(Console(quiet=True))
    assert run_tool(folder, "limiter") == "text of others.example"
    assert (folder / "etcd").stat() == finished
