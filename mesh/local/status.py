"""`mesh status`: every Pod with its state and its memory, read from the API and from /proc."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from mesh.local import kubectl, loopback
from mesh.local.agent import processes
from mesh.local.down import agent_of
from mesh.local.errors import MeshError
from mesh.local.instance import Instance

MIB = 2**20


def memory(folder: Path) -> tuple[int, int]:
    """Resident and proportional set size, in bytes, of all in a folder (the second shares shared pages out)."""
    rss = pss = 0
    for process in processes.of_folder(folder):
        with suppress(psutil.Error):
            used = psutil.Process(process.pid).memory_full_info()
            rss, pss = rss + used.rss, pss + used.pss
    return rss, pss


def show(instance: Instance, console: Console) -> bool:
    """Print the table; False when the mesh does not run."""
    agent = agent_of(instance)
    if not agent:
        console.print(f"mesh '{instance.name}' is not running (or its node agent died): `mesh up` starts it")
        return False
    items: list[dict[str, Any]] = json.loads(
        kubectl.run(instance, "kubectl", "get", "pods", "-A", "-o", "json", timeout=15)
    )["items"]
    table = Table(box=None)
    for column in ("NAMESPACE", "POD", "READY", "STATUS", "RESTARTS", "ADDRESS", "RSS MiB", "PSS MiB"):
        table.add_column(
            column, no_wrap=True, justify="right" if column.endswith("MiB") or column == "RESTARTS" else "left"
        )
    total = [0, 0]
    for item in items:
        mirrored = (item["metadata"].get("annotations") or {}).get("kubernetes.io/config.mirror")
        used = memory(instance.pods / (mirrored or item["metadata"]["uid"]))
        total = [total[0] + used[0], total[1] + used[1]]
        table.add_row(*_row(item), *(f"{size / MIB:.0f}" for size in used))
    table.add_row("", "total", "", "", "", "", *(f"{size / MIB:.0f}" for size in total))
    console.print(table)
    console.print(
        f"gateway {instance.gateway} · API server {instance.api_server} · node agent pid {agent.pid} · "
        f"state {instance.home}",
        soft_wrap=True,
    )
    return True


def ask_proxy(instance: Instance, workload: str, path: str) -> str:
    """What Envoy's admin API answers in the workload's first running Pod.

    Raises:
        MeshError: no such Pod, or no answer.
    """
    namespace = kubectl.namespace_of(workload)
    words = ["get", "pods", "-n", namespace, "-o", "json", "--field-selector=status.phase=Running"]
    items: list[dict[str, Any]] = json.loads(kubectl.run(instance, "kubectl", *words))["items"]
    named = [
        i
        for i in items
        if (i["metadata"].get("ownerReferences") or [{"name": ""}])[0]["name"].startswith(f"{workload}-")
    ]
    if not named:
        raise MeshError(f"no Pod of {workload} runs in {namespace}", fix="`mesh status` lists what runs")
    return ask_pod(instance, named[0], path)


def ask_pod(instance: Instance, pod: dict[str, Any], path: str) -> str:
    """What Envoy's admin API answers in a Pod, as the API has it.

    Raises:
        MeshError: no answer.
    """
    try:
        slot = int((instance.pods / pod["metadata"]["uid"] / "slot").read_text())
        url = f"http://127.0.0.1:{instance.admin_port(slot)}/{path.lstrip('/')}"
        with loopback.open_url(url, 10) as answer:
            text: str = answer.read().decode()
            return text
    except OSError as error:
        raise MeshError(
            f"the Envoy of {pod['metadata']['name']} gave no answer to /{path}",
            why=str(error),
            fix="`mesh proxy WORKLOAD help` lists the paths",
        ) from None


def _row(item: dict[str, Any]) -> list[str]:
    status, meta = item["status"], item["metadata"]
    long_lived = [c["name"] for c in item["spec"].get("initContainers", []) if c.get("restartPolicy") == "Always"]
    states = [
        *status.get("containerStatuses", []),
        *(s for s in status.get("initContainerStatuses", []) if s["name"] in long_lived),
    ]
    waiting = next((s["state"]["waiting"]["reason"] for s in states if "waiting" in s.get("state", {})), "")
    shown = "Terminating" if meta.get("deletionTimestamp") else waiting or status.get("phase", "Unknown")
    restarts = sum(s["restartCount"] for s in states)
    return [
        meta["namespace"],
        meta["name"],
        f"{sum(s['ready'] for s in states)}/{len(states)}",
        shown,
        str(restarts),
        status.get("podIP", ""),
    ]
