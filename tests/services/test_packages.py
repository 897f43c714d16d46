"""The three distributions: the contracts, the services that a service's image installs, and the local mesh."""

import subprocess
import sys
import tomllib
import zipfile
from http import HTTPStatus
from pathlib import Path

import pytest

from tests.services.harness import ROOT, Process

PROJECTS = {"grpc-mesh-contracts": ROOT / "proto", "grpc-mesh-services": ROOT / "services", "grpc-mesh": ROOT}
IMAGE = ("grpc-mesh-contracts", "grpc-mesh-services")
"""What the image of a service installs, besides what the lock file pins."""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder into which the wheels of a service's image are unpacked."""
    wheels, folder = tmp_path_factory.mktemp("wheels"), tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "--quiet", "wheel", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--wheel-dir", str(wheels), *(str(PROJECTS[name]) for name in IMAGE)], check=True)
    for wheel in sorted(wheels.glob("*.whl")):
        zipfile.ZipFile(wheel).extractall(folder)
    return folder


def project(name: str) -> dict[str, object]:
    """Return the [project] table of a distribution."""
    table: dict[str, object] = tomllib.loads((PROJECTS[name] / "pyproject.toml").read_text())["project"]
    return table


def test_all_three_have_one_version() -> None:
    assert {project(name)["name"]: project(name)["version"] for name in PROJECTS} == dict.fromkeys(PROJECTS, "0.1.0")


@pytest.mark.parametrize("service", ["identity", "inventory"])
def test_a_service_runs_from_its_wheels_alone(installed: Path, tmp_path: Path, service: str) -> None:
    process = Process(service, tmp_path, tree=installed)
    try:
        assert process.wait_ready().get("/live") == HTTPStatus.OK
    finally:
        process.stop()


def test_a_services_image_holds_nothing_of_the_local_mesh_and_the_tests(installed: Path) -> None:
    folders = {path.name for path in installed.iterdir() if path.suffix != ".dist-info"}
    assert folders == {"buf", "mesh", "services", "shop"}
    assert [path.name for path in (installed / "mesh").iterdir()] == ["options"]


def test_the_contracts_bring_their_proto_files_and_say_that_they_are_typed(installed: Path) -> None:
    sources = {path.relative_to(ROOT / "proto") for path in (ROOT / "proto").rglob("*.proto")}
    assert {path.relative_to(installed) for path in installed.rglob("*.proto")} == sources
    for source in sources:
        assert (installed / source.parent / f"{source.stem}_pb2.pyi").is_file()
    packages = [installed / "shop", installed / "mesh/options", installed / "buf/validate"]
    assert all((package / "py.typed").is_file() for package in packages)
