"""`mesh down`: apps first, then proxies, then the control plane; with or without a running agent."""

import fcntl
import json
import time
from collections.abc import Iterable
from pathlib import Path

from mesh.local import ctrl_c
from mesh.local import instance as instances
from mesh.local.agent import processes
from mesh.local.agent.processes import Process
from mesh.local.instance import Instance

APP_GRACE, CONTROL_GRACE = 10.0, 4.0
"""Seconds between SIGTERM and SIGKILL."""


def agent_of(instance: Instance) -> Process | None:
    """The instance's running node agent, if any."""
    return _running(instance.home / "agent.json")


def down(instance: Instance, *, purge: bool = False) -> bool:
    """End every process of the instance; with purge, remove its folder too. False when nothing ran."""
    ctrl_c.ignore()
    ran = _end_up(instance)
    # Known by where it runs: one that was started a moment ago has not told its pid yet.
    agents = processes.of_folder(instance.agent)
    _end(agents, CONTROL_GRACE)
    pods = [folder for folder in instance.pods.glob("*") if folder.is_dir()]
    control = [folder for folder in pods if folder.name.startswith("static-")]
    workloads = [folder for folder in pods if folder not in control]
    ran |= bool(agents) or bool(_all(pods))
    # Apps end in order, so that what they have begun is finished; proxies hold nothing worth waiting for.
    _end((process for folder in workloads for name, process in leaders(folder) if name != "istio-proxy"), APP_GRACE)
    _end(_all(workloads), 0)
    # etcd last: the API server takes its time to end when its store has gone first.
    _end(_all(folder for folder in control if folder.name != "static-etcd"), CONTROL_GRACE)
    _end(_all(control), CONTROL_GRACE)
    # What had been starting just then: pilot-agent its Envoy, say.
    _end(_all(pods), 0)
    for path in [*instance.pods.glob("*/run/*"), *instance.pods.glob("*/volumes/*/*")]:
        if path.is_socket():
            path.unlink()
    if purge:
        instances.remove(instance)
    return ran


def _end_up(instance: Instance) -> bool:
    """Stop a `mesh up` that is on its way: it holds the lock, and its pid is in it."""
    try:
        with (instance.home / "up.lock").open("r+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                running = Process.of(int(lock.read()))
            else:
                return False  # the pid in it, if any, is somebody else's by now
    except (FileNotFoundError, ValueError):
        return False
    if not running:
        return False
    _end([running], 2 * APP_GRACE)
    return True


def _running(record: Path) -> Process | None:
    try:
        saved = json.loads(record.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    process = Process(saved["pid"], saved["started"])
    return process if process.alive() else None


def leaders(folder: Path) -> list[tuple[str, Process]]:
    """(container, process) for each container of the Pod that runs."""
    return [(record.stem, process) for record in folder.glob("containers/*.json") if (process := _running(record))]


def _all(folders: Iterable[Path]) -> list[Process]:
    return [process for folder in folders for process in processes.of_folder(folder)]


def _end(doomed: Iterable[Process], grace: float) -> None:
    """SIGTERM, wait up to the grace, SIGKILL, and wait until they are gone."""
    left = list(doomed)
    for number, patience in ((processes.TERM, grace), (processes.KILL, 5.0)):
        if number == processes.TERM and not grace:
            continue
        for process in left:
            process.signal(number)
        ends = time.monotonic() + patience
        while (left := [process for process in left if process.alive()]) and time.monotonic() < ends:
            time.sleep(0.05)
