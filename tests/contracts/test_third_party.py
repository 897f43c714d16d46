"""third_party/ contains what the installed packages contain, and buf needs nothing else."""

import shutil
import subprocess
import sys
from filecmp import cmp
from importlib.metadata import distribution
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from protovalidate import ViolationPb

from tests.contracts.conftest import Checkout
from tests.support.checkout import ROOT, git

GOOGLEAPIS = ROOT / "third_party/googleapis"
PROTOVALIDATE = ROOT / "third_party/protovalidate"
VALIDATE = "buf/validate/validate.proto"
GENPROTO = "google.golang.org/genproto/googleapis"


@pytest.fixture
def clone(tmp_path: Path) -> Checkout:
    """Copy the contracts that git tracks, with uncommitted changes. Nothing is installed in the copy."""
    folder = tmp_path / "a clone, not installed"
    for name in git(ROOT, "ls-files", "proto", "third_party", "buf.yaml").splitlines():
        copy = folder / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, copy)
    return Checkout(folder)


def compiled(folder: Path, name: str) -> FileDescriptorProto:
    """Return the descriptor of a .proto file, as protoc compiles it."""
    protoc = [sys.executable, "-m", "grpc_tools.protoc", f"-I{folder}", "--descriptor_set_out=/dev/stdout", name]
    [file] = FileDescriptorSet.FromString(subprocess.check_output(protoc)).file
    return file


def test_the_copies_of_googleapis_are_those_of_the_installed_wheel() -> None:
    names = [path.relative_to(GOOGLEAPIS) for path in GOOGLEAPIS.rglob("*.proto")]
    wheel = distribution("googleapis-common-protos")
    assert Path("google/rpc/error_details.proto") in names
    for name in names:
        assert cmp(GOOGLEAPIS / name, str(wheel.locate_file(name)), shallow=False), name


def test_the_copy_of_the_rules_is_that_of_the_installed_validator() -> None:
    ours = compiled(PROTOVALIDATE, VALIDATE)
    installed = FileDescriptorProto.FromString(ViolationPb.desc().file.proto.to_binary())
    # The wheel sets options for languages that it does not use.
    ours.ClearField("options")
    installed.ClearField("options")
    assert ours == installed


def test_the_versions_are_those_that_the_readme_names() -> None:
    readme = (ROOT / "third_party/README.md").read_text(encoding="utf-8")
    for name in ("googleapis-common-protos", "protovalidate"):
        assert distribution(name).version in readme


def test_buf_builds_the_contracts_of_a_clone_in_which_nothing_is_installed(clone: Checkout, project: Checkout) -> None:
    built = clone.run(str(project.root / ".venv/bin/buf"), "build", "--output", "image.binpb")
    assert built.returncode == 0, built.stdout
    files = FileDescriptorSet.FromString((clone.root / "image.binpb").read_bytes()).file
    packages = {file.name: file.options.go_package for file in files}
    assert packages["google/api/http.proto"] == f"{GENPROTO}/api/annotations;annotations"
    assert packages["google/rpc/error_details.proto"] == f"{GENPROTO}/rpc/errdetails;errdetails"
    assert packages[VALIDATE].endswith("/buf/validate")
