"""Commands that need a separate root file system or network in a cluster are translated."""

from pathlib import Path

import pytest
from lightkube.models.core_v1 import Container, PodSpec
from lightkube.models.meta_v1 import ObjectMeta

from mesh.local.agent.remote_command import translate
from mesh.local.agent.sandbox import Sandbox
from mesh.local.instance import Instance


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    mesh = Instance("test", tmp_path, 0, "127.0.0.1:8080")
    spec = PodSpec(containers=[Container(name="istio-proxy")])
    return Sandbox(mesh, ObjectMeta(name="pod"), spec, tmp_path, slot=3)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["tar", "cf", "-", "/data/a"], ["tar", "cf", "-", "data/a"]),
        (["tar", "-xmf", "-", "-C", "/data"], ["tar", "-xmf", "-", "-C", "data"]),
        (["tar", "cf", "-", "/"], ["tar", "cf", "-", "."]),
        (["test", "-d", "/data"], ["test", "-d", "data"]),
        (["cat", "/etc/hostname"], ["cat", "/etc/hostname"]),
        (["pilot-agent", "version"], ["pilot-agent", "version"]),
    ],
)
def test_paths_of_cp_start_at_the_folder_of_the_pod(words: list[str], expected: list[str], sandbox: Sandbox) -> None:
    assert translate(words, sandbox) == expected


def test_cp_finds_the_folder_for_temporary_files(sandbox: Sandbox) -> None:
    translate(["tar", "cf", "-", "/"], sandbox)
    assert (sandbox.folder / "tmp").is_dir()


def test_a_request_of_pilot_agent_goes_to_the_admin_port_of_this_pod(sandbox: Sandbox) -> None:
    program, *_, method, url = translate(["pilot-agent", "request", "POST", "logging?level=info"], sandbox)
    assert (program, method) == ("curl", "POST")
    assert url == f"http://127.0.0.1:{sandbox.admin_port}/logging?level=info"
