"""Stops a mesh, with or without a running node agent: apps first, then proxies, then the control plane, etcd last."""

import fcntl
import time
from collections.abc import Iterable
from pathlib import Path

from mesh.local import instance, interrupts, processes
from mesh.local.instance import Instance
from mesh.local.processes import Process, containers_of

APP_GRACE_SECONDS, CONTROL_PLANE_GRACE_SECONDS = 10.0, 4.0
"""Time between SIGTERM and SIGKILL."""
KILL_TIMEOUT_SECONDS = 5.0


def stop(mesh: Instance, *, purge: bool = False) -> bool:
    """Stop every process of the mesh, and with `purge` remove its folder. Return whether any process ran."""
    interrupts.ignore()
    ran = _stop_running_up(mesh)
    # Found by its working directory: an agent that has just started has not written its pid yet.
    agents = processes.in_folder(mesh.agent)
    _end(agents, CONTROL_PLANE_GRACE_SECONDS)
    pods = [folder for folder in mesh.pods.glob("*") if folder.is_dir()]
    control_plane = [folder for folder in pods if folder.name.startswith("static-")]
    workloads = [folder for folder in pods if folder not in control_plane]
    ran |= bool(agents) or bool(_all_in(pods))
    # Apps get time to finish their work. Proxies have no state that is worth waiting for.
    containers = [item for folder in workloads for item in containers_of(folder).items()]
    _end([process for name, process in containers if name != "istio-proxy"], APP_GRACE_SECONDS)
    _end(_all_in(workloads), 0)
    # Without etcd the API server takes long to stop.
    _end(_all_in(folder for folder in control_plane if folder.name != "static-etcd"), CONTROL_PLANE_GRACE_SECONDS)
    _end(_all_in(control_plane), CONTROL_PLANE_GRACE_SECONDS)
    # Processes that started in the meantime, for example the Envoy of a pilot-agent.
    _end(_all_in(pods), 0)
    for path in [*mesh.pods.glob("*/run/*"), *mesh.pods.glob("*/volumes/*/*")]:
        if path.is_socket():
            path.unlink()
    if purge:
        instance.remove(mesh)
    return ran


def _stop_running_up(mesh: Instance) -> bool:
    """Stop a `mesh up` that is running. It holds the lock, and the lock file has its pid."""
    try:
        with (mesh.home / "up.lock").open("r+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                running = Process.of(int(lock.read()))
            else:
                return False  # a pid in the file may belong to an unrelated process by now
    except (FileNotFoundError, ValueError):
        return False
    if not running:
        return False
    _end([running], 2 * APP_GRACE_SECONDS)
    return True


def _all_in(folders: Iterable[Path]) -> list[Process]:
    return [process for folder in folders for process in processes.in_folder(folder)]


def _end(running: list[Process], grace_seconds: float) -> None:
    """Send SIGTERM, wait for the grace period, send SIGKILL, and wait until the processes are gone."""
    for number, timeout_seconds in ((processes.TERM, grace_seconds), (processes.KILL, KILL_TIMEOUT_SECONDS)):
        if number == processes.TERM and not grace_seconds:
            continue
        for process in running:
            process.signal(number)
        deadline = time.monotonic() + timeout_seconds
        while (running := [process for process in running if process.alive()]) and time.monotonic() < deadline:
            time.sleep(0.05)
