"""The three distributions: the contracts, the services, and the local mesh. Images install the first two."""

import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from http import HTTPStatus
from pathlib import Path

import pytest

from tests.support.checkout import ROOT
from tests.support.processes import Process

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


def test_the_image_of_a_service_contains_neither_the_local_mesh_nor_the_tests(installed: Path) -> None:
    folders = {path.name for path in installed.iterdir() if path.suffix != ".dist-info"}
    assert folders == {"buf", "mesh", "services", "shop"}
    assert [path.name for path in (installed / "mesh").iterdir()] == ["options"]


def test_the_contracts_wheel_contains_the_proto_files_and_is_marked_as_typed(installed: Path) -> None:
    sources = {path.relative_to(ROOT / "proto") for path in (ROOT / "proto").rglob("*.proto")}
    assert {path.relative_to(installed) for path in installed.rglob("*.proto")} == sources
    for source in sources:
        assert (installed / source.parent / f"{source.stem}_pb2.pyi").is_file()
    packages = [installed / "shop", installed / "mesh/options", installed / "buf/validate"]
    assert all((package / "py.typed").is_file() for package in packages)


def test_an_editable_install_of_the_contracts_reads_the_generated_code_from_gen(tmp_path: Path) -> None:
    build = "import sys, hatchling.build; print(hatchling.build.build_editable(sys.argv[1]))"
    command = [sys.executable, "-c", build, str(tmp_path)]
    name = subprocess.check_output(command, cwd=PROJECTS["grpc-mesh-contracts"], text=True).split()[-1]
    with zipfile.ZipFile(tmp_path / name) as wheel:
        assert [file for file in wheel.namelist() if file.endswith((".py", ".pyi"))] == []
        assert [wheel.read(file).decode() for file in wheel.namelist() if file.endswith(".pth")] == [str(ROOT / "gen")]


CLIENTS = {
    "synchronous": """
import grpc
from shop.orders.v2 import orders_pb2, orders_pb2_grpc

def state(channel: grpc.Channel, name: str) -> "orders_pb2.Order.State.ValueType":
    stub = orders_pb2_grpc.OrdersServiceStub(channel)
    order = stub.GetOrder(orders_pb2.GetOrderRequest(name=name), timeout=5).order
    for response in stub.WatchOrder(orders_pb2.WatchOrderRequest(name=name)):
        order = response.order
    return order.state
""",
    "asynchronous": """
import grpc.aio
from shop.orders.v2 import orders_pb2, orders_pb2_grpc

async def state(channel: grpc.aio.Channel, name: str) -> "orders_pb2.Order.State.ValueType":
    stub = orders_pb2_grpc.OrdersServiceStub(channel)
    order = (await stub.GetOrder(orders_pb2.GetOrderRequest(name=name), timeout=5)).order
    async for response in stub.WatchOrder(orders_pb2.WatchOrderRequest(name=name)):
        order = response.order
    return order.state
""",
}


@pytest.fixture(scope="module")
def outside(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a virtual environment that has the contracts and their dependencies, and no checkout."""
    folder = tmp_path_factory.mktemp("outside")
    venv.create(folder / ".venv", symlinks=True)
    packages = next((folder / ".venv").glob("lib/python*/site-packages"))
    for name in ("buf", "mesh", "shop"):
        shutil.copytree(installed / name, packages / name)
    # This adds one folder, and not the .pth files in it, which would add the checkout.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return folder


def check_types(outside: Path, code: str) -> str:
    """Return the output of mypy in strict mode for a client outside of this repository."""
    (outside / "client.py").write_text(code)
    command = [sys.executable, "-m", "mypy", "--strict", "--python-executable", ".venv/bin/python", "client.py"]
    return subprocess.run(command, cwd=outside, capture_output=True, text=True, check=False).stdout


@pytest.mark.parametrize("client", CLIENTS.values(), ids=CLIENTS)
def test_strict_mypy_accepts_a_client_outside_the_repository(outside: Path, client: str) -> None:
    assert check_types(outside, client) == "Success: no issues found in 1 source file\n"


@pytest.mark.parametrize(
    ("client", "correct", "wrong", "error"),
    [
        ("synchronous", "GetOrderRequest(name", "GetOrderRequest(id", 'Unexpected keyword argument "id"'),
        ("asynchronous", "(await stub", "(stub", 'no attribute "order"'),
    ],
)
def test_strict_mypy_finds_the_mistakes_of_such_a_client(
    outside: Path, client: str, correct: str, wrong: str, error: str
) -> None:
    assert error in check_types(outside, CLIENTS[client].replace(correct, wrong))
