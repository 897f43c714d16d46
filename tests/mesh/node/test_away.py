"""The API server is away, the agent is away, and state files that a crash has cut short."""

import asyncio
import json
import os
import signal
from pathlib import Path

import psutil
import pytest

from mesh.local import instance, processes
from mesh.local.lifecycle.start import start_node
from tests.mesh.harness import Mesh
from tests.mesh.node.pods import POD_TIMEOUT_SECONDS, Node, config_map, container, pod
from tests.support.clock import eventually

SLEEP = "echo up; exec sleep 300"


async def stop_agent(mesh: Mesh) -> None:
    """Kill the node agent."""
    agent = psutil.Process(json.loads((mesh.home / "agent.json").read_text(encoding="utf-8"))["pid"])
    agent.kill()
    async for attempt in eventually():
        with attempt:
            assert not agent.is_running() or agent.status() == psutil.STATUS_ZOMBIE


async def start_agent(mesh: Mesh) -> None:
    """Start the node agent again, as `mesh up` does."""
    await asyncio.to_thread(start_node, instance.load(mesh.name))


async def sleeper(node: Node, name: str) -> tuple[psutil.Process, Path]:
    """Start a Pod, and return its process and its folder."""
    await node.apply(pod(name, container(SLEEP), restartPolicy="Always"))
    await node.wait_for_log(name, "up")
    uid = (await node.get(name))["metadata"]["uid"]
    (process,) = node.mesh.processes("sleep", uid)
    return process, node.mesh.home / "pods" / uid


async def works(node: Node, name: str) -> None:
    """Check that the node runs another Pod."""
    await node.apply(pod(name, container("true")))
    await node.wait(name)


GARBAGE = ["{", "[]", '{"pid": 1}', '{"pid": "x", "started": 1}', "\x00\x00"]


@pytest.mark.parametrize("content", ["", None, *(pytest.param(text, marks=pytest.mark.prove) for text in GARBAGE)])
async def test_a_container_whose_record_is_lost_is_adopted(node: Node, content: str | None) -> None:
    name = f"record-{abs(hash(content)) % 10000}"
    process, folder = await sleeper(node, name)
    await stop_agent(node.mesh)
    record = folder / "containers" / "main.json"
    if content is None:
        record.unlink()
    else:
        record.write_text(content)
    await start_agent(node.mesh)
    await works(node, f"{name}-next")
    assert [p.pid for p in node.mesh.processes("sleep", folder.name)] == [process.pid]
    assert (await node.status(name))["restartCount"] == 0
    assert (await node.logs(name)) == "up\n"


@pytest.mark.parametrize(
    "content", ["", pytest.param("x", marks=pytest.mark.prove), pytest.param(None, marks=pytest.mark.prove)]
)
@pytest.mark.prove
async def test_a_pod_whose_slot_is_lost_keeps_its_address(node: Node, content: str | None) -> None:
    name = f"slot-{'none' if content is None else content or 'empty'}"
    process, folder = await sleeper(node, name)
    address = (await node.get(name))["status"]["podIP"]
    await stop_agent(node.mesh)
    if content is None:
        (folder / "slot").unlink()
    else:
        (folder / "slot").write_text(content)
    await start_agent(node.mesh)
    await works(node, f"{name}-next")
    assert process.is_running()
    assert (await node.get(name))["status"]["podIP"] == address
    assert (await node.get(f"{name}-next"))["status"]["podIP"] != address


@pytest.mark.prove
async def test_a_reused_process_id_is_not_adopted_and_not_killed(node: Node) -> None:
    process, folder = await sleeper(node, "reused")
    await stop_agent(node.mesh)
    process.kill()
    other = await asyncio.create_subprocess_exec("sleep", "300", start_new_session=True)
    record = folder / "containers" / "main.json"
    saved = json.loads(record.read_text()) | {"pid": other.pid}
    record.write_text(json.dumps(saved))
    await start_agent(node.mesh)
    async for attempt in eventually(POD_TIMEOUT_SECONDS):
        with attempt:
            assert (await node.status("reused"))["restartCount"] == 1
    await node.kubectl("delete", "pod", "reused", "--now")
    assert other.returncode is None
    other.kill()
    await other.wait()


async def test_a_lost_record_of_the_agent_starts_no_second_one(node: Node) -> None:
    record = node.mesh.home / "agent.json"
    saved = record.read_text()
    record.write_text("")
    await start_agent(node.mesh)
    assert json.loads(record.read_text()) == json.loads(saved)
    async for attempt in eventually():
        with attempt:
            agents = processes.in_folder(node.mesh.home / "agent")
            assert [agent.pid for agent in agents] == [json.loads(saved)["pid"]]


@pytest.mark.prove
async def test_a_pod_that_was_deleted_while_the_agent_was_away_is_stopped(node: Node) -> None:
    process, folder = await sleeper(node, "deleted-meanwhile")
    await stop_agent(node.mesh)
    await node.kubectl("delete", "pod", "deleted-meanwhile", "--force", "--grace-period=0")
    await start_agent(node.mesh)
    async for attempt in eventually(POD_TIMEOUT_SECONDS):
        with attempt:
            assert not process.is_running()
            assert not folder.exists()


async def test_what_was_written_meanwhile_has_the_time_of_the_last_line(node: Node) -> None:
    script = "echo up; until [ -e go ]; do sleep 0.1; done; echo away; exec sleep 300"
    await node.apply(pod("wrote", container(script), restartPolicy="Always"))
    await node.wait_for_log("wrote", "up")
    folder = node.mesh.home / "pods" / (await node.get("wrote"))["metadata"]["uid"]
    await stop_agent(node.mesh)
    (folder / "go").touch()
    log = folder / "logs" / "main" / "0.log"
    async for attempt in eventually():
        with attempt:
            assert "away" in log.read_text()
    await start_agent(node.mesh)
    await node.wait_for_log("wrote", "away")
    first, second = (await node.logs("wrote", "--timestamps")).splitlines()
    assert second.split()[0].endswith(f".{log.stat().st_mtime_ns % 10**9:09}Z")
    assert first < second


@pytest.mark.prove
async def test_an_agent_continues_while_the_api_server_is_away(node: Node) -> None:
    """Probes, restarts and volumes do not need it. What happened meanwhile is reported when it is back."""
    probe = {"exec": {"command": ["sh", "-c", "echo x >> probed"]}, "periodSeconds": 1}
    script = "echo x >> runs; exec sleep 300"
    needy = container("echo x >> runs; exec sleep 301", envFrom=[{"configMapRef": {"name": "needed"}}])
    await node.apply(
        config_map("needed", {"a": "1"}),
        pod("needy", needy, restartPolicy="Always"),
        pod("alone", container(script, livenessProbe=probe), restartPolicy="Always"),
    )
    await node.wait("needy", "Running")
    await node.wait("alone", "Running")
    uids = {name: (await node.get(name))["metadata"]["uid"] for name in ("needy", "alone")}
    folder = node.mesh.home / "pods" / uids["alone"]
    (server,) = node.mesh.processes("kube-apiserver")
    os.kill(server.pid, signal.SIGSTOP)
    try:
        for name in ("needy", "alone"):
            (process,) = node.mesh.processes("sleep", uids[name])
            process.kill()
        async for attempt in eventually(POD_TIMEOUT_SECONDS):
            with attempt:
                assert (folder / "runs").read_text().count("x") == 2
        before = (folder / "probed").stat().st_size
        async for attempt in eventually(POD_TIMEOUT_SECONDS):
            with attempt:
                assert (folder / "probed").stat().st_size > before
    finally:
        server.kill()
    async for attempt in eventually(POD_TIMEOUT_SECONDS, every=0.2):
        with attempt:
            assert (await node.status("alone"))["restartCount"] == 1
            needed = await node.status("needy")
            assert (needed["restartCount"], "running" in needed["state"]) == (1, True)
    await works(node, "alone-next")


@pytest.mark.prove
async def test_an_agent_that_has_missed_changes_lists_all_pods_again(node: Node) -> None:
    """The restarted API server does not know the version at which the agent stopped watching: 410 Gone."""
    await node.apply(pod("old", container(SLEEP), restartPolicy="Always"))
    await node.wait_for_log("old", "up")
    (server,) = node.mesh.processes("kube-apiserver")
    agent = psutil.Process(json.loads((node.mesh.home / "agent.json").read_text(encoding="utf-8"))["pid"])
    agent.suspend()
    for value in range(3):
        await node.kubectl("annotate", "--overwrite", "pod", "old", f"value={value}")
    server.kill()
    agent.resume()
    await works_again(node)


async def works_again(node: Node) -> None:
    """Check that a change reaches the agent after the API server is back."""
    async for attempt in eventually(POD_TIMEOUT_SECONDS, every=0.5):
        with attempt:
            await node.apply(config_map("again"))
    await works(node, "again")


@pytest.mark.prove
async def test_a_finished_pod_keeps_its_log_and_its_status(node: Node) -> None:
    await node.apply(pod("kept", container("echo result; exit 3")))
    before = await node.wait("kept", "Failed")
    await stop_agent(node.mesh)
    await start_agent(node.mesh)
    await works(node, "kept-next")
    assert (await node.get("kept"))["status"] == before["status"]
    assert await node.logs("kept") == "result\n"


async def test_a_fault_of_the_agent_in_one_pod_is_an_event_of_that_pod(node: Node) -> None:
    """The mount path is a file of the Pod: the mount fails, the agent and the other Pods go on."""
    mounts = [{"name": "v", "mountPath": "/containers/main.json"}]
    await node.apply(pod("odd", container("true", volumeMounts=mounts), volumes=[{"name": "v", "emptyDir": {}}]))
    await works(node, "even")
    await node.wait("odd", "Pending", "Succeeded")
