"""Commands that need a separate root file system or network in a cluster are translated."""

from pathlib import Path

import pytest
from lightkube.models.core_v1 import Container, PodSpec
from lightkube.models.meta_v1 import ObjectMeta

from mesh.local.agent.remote_command import translate
from mesh.local.agent.sandbox import Sandbox
from mesh.local.instance import Instance
from mesh.local.processes import Process

CONTAINER = Process(4711, 0)


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
    assert translate(words, sandbox, CONTAINER) == expected


def test_cp_finds_the_folder_for_temporary_files(sandbox: Sandbox) -> None:
    translate(["tar", "cf", "-", "/"], sandbox, CONTAINER)
    assert (sandbox.folder / "tmp").is_dir()


def test_a_request_of_pilot_agent_goes_to_the_admin_port_of_this_pod(sandbox: Sandbox) -> None:
    program, *_, method, url = translate(["pilot-agent", "request", "POST", "logging?level=info"], sandbox, CONTAINER)
    assert (program, method) == ("curl", "POST")
    assert url == f"http://127.0.0.1:{sandbox.admin_port}/logging?level=info"


@pytest.mark.parametrize("words", [["kill", "1"], ["kill", "-KILL", "1"], ["kill", "-s", "KILL", "1"]])
def test_process_1_is_the_main_process_of_the_container(words: list[str], sandbox: Sandbox) -> None:
    shell, option, script, *rest = translate(words, sandbox, CONTAINER)
    assert (shell, option, script) == ("sh", "-c", 'kill "$@"')
    assert rest == [*words[:-1], "4711"]
