"""`mesh status`: every Pod with its state from the API and its memory from /proc."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
from rich.table import Table

from mesh.local import instance, processes
from mesh.local.clients.kubectl import Kubectl
from mesh.local.processes import agent_of
from mesh.local.terminal import console

MIB = 2**20
COLUMNS = ("NAMESPACE", "POD", "READY", "STATUS", "RESTARTS", "ADDRESS", "RSS MiB", "PSS MiB")
RIGHT_ALIGNED = {"RESTARTS", "RSS MiB", "PSS MiB"}


def run(name: str) -> int:
    """Print the table. Return 1 if the mesh does not run. Raises MeshError."""
    mesh = instance.load(name)
    agent = agent_of(mesh)
    if not agent:
        console.print(f"mesh '{mesh.name}' is not running (or its node agent has died): `mesh up` starts it")
        return 1
    pods = Kubectl.of(mesh).get("pods", "-A", timeout_seconds=15)["items"]
    table = Table(box=None)
    for column in COLUMNS:
        table.add_column(column, no_wrap=True, justify="right" if column in RIGHT_ALIGNED else "left")
    total_rss = total_pss = 0
    for pod in pods:
        mirrored = (pod["metadata"].get("annotations") or {}).get("kubernetes.io/config.mirror")
        rss, pss = memory(mesh.pods / (mirrored or pod["metadata"]["uid"]))
        total_rss, total_pss = total_rss + rss, total_pss + pss
        table.add_row(*_row(pod), _mib(rss), _mib(pss))
    table.add_row("", "total", "", "", "", "", _mib(total_rss), _mib(total_pss))
    console.print(table)
    console.print(
        f"gateway {mesh.gateway} · API server {mesh.api_server} · node agent pid {agent.pid} · state {mesh.home}",
        soft_wrap=True,
    )
    return 0


def memory(folder: Path) -> tuple[int, int]:
    """Return the resident and the proportional set size, in bytes, of all processes in a folder.

    The proportional size counts a page that several processes share only once.
    """
    rss = pss = 0
    for process in processes.in_folder(folder):
        with suppress(psutil.Error):
            used = psutil.Process(process.pid).memory_full_info()
            rss, pss = rss + used.rss, pss + used.pss
    return rss, pss


def _mib(size: int) -> str:
    return f"{size / MIB:.0f}"


def _row(pod: dict[str, Any]) -> list[str]:
    status, meta = pod["status"], pod["metadata"]
    sidecars = [c["name"] for c in pod["spec"].get("initContainers", []) if c.get("restartPolicy") == "Always"]
    containers = [
        *status.get("containerStatuses", []),
        *(each for each in status.get("initContainerStatuses", []) if each["name"] in sidecars),
    ]
    waiting = next((c["state"]["waiting"]["reason"] for c in containers if "waiting" in c.get("state", {})), "")
    return [
        meta["namespace"],
        meta["name"],
        f"{sum(c['ready'] for c in containers)}/{len(containers)}",
        "Terminating" if meta.get("deletionTimestamp") else waiting or status.get("phase", "Unknown"),
        str(sum(c["restartCount"] for c in containers)),
        status.get("podIP", ""),
    ]
