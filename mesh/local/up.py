"""`mesh up`: from nothing (or from whatever still runs) to a mesh that serves. Each step may be done again."""

import fcntl
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import yaml
from rich.console import Console

from mesh.local import down, kubectl, loopback, pki, tools
from mesh.local.agent import processes
from mesh.local.errors import MeshError
from mesh.local.instance import REPOSITORY, Instance, port_in_use
from mesh.local.kafka.fetch import fetch

PATIENCE = 180
"""Seconds until a step that makes no end is called failed."""
ISTIO_NAMESPACE = "apiVersion: v1\nkind: Namespace\nmetadata: {name: istio-system}"
NODE_PORTS = {
    2379: "etcd",
    6443: "kube-apiserver",
    15012: "istiod",
    9092: "Kafka",
    9093: "Kafka",
    10250: "the node agent",
}
PASSING = ("no matches for kind", "There can be a delay", "failed calling webhook", "connection refused")
"""What kubectl says while CRDs that were applied a moment ago are not served yet, or istiod's webhook comes up."""


def up(instance: Instance, console: Console) -> None:
    """Bring everything up and return when every Deployment and StatefulSet is ready.

    Raises:
        MeshError: what failed, why, and what to do.
    """
    if sys.platform != "linux":
        raise MeshError(
            "the local mesh runs on Linux",
            why="it needs the whole of 127.0.0.0/8 and pidfds",
            fix="use a Linux machine or VM, or a cluster (mesh/kubernetes/README.md)",
        )
    tools.build(console)
    fetch(console)
    with _only_one(instance):
        if not down.agent_of(instance):
            # What an agent that died left running holds the ports already, and is taken over.
            if not processes.of_folder(instance.pods):
                _check_ports(instance)
            pki.ensure(instance)
            _start_agent(instance)
        with ThreadPoolExecutor(1) as background:
            manifest = background.submit(_istio_manifest, instance)
            _step(instance, console, "Kubernetes API", lambda: _ask(instance, "get", "--raw", "/readyz") == "ok")
            _apply(instance, "Istio", ["-f", "-"], console, stdin=manifest.result())
        _step(instance, console, "istiod", lambda: _rolled_out(instance, "istio-system"))
        _apply(instance, "services and policies", ["-k", str(_overlay(instance))], console)
        for namespace in ("kafka", "istio-ingress", "shop"):
            _step(instance, console, namespace, partial(_rolled_out, instance, namespace))


@contextmanager
def _only_one(instance: Instance) -> Iterator[None]:
    """Keep a second `mesh up` out, and let `mesh down` find this one."""
    path = instance.home / "up.lock"
    with path.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise MeshError(
                f"another `mesh up` of '{instance.name}' is running",
                why=f"process {lock.read().strip()}",
                fix="wait for it, or `mesh down`",
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield
        lock.truncate(0)


def _check_ports(instance: Instance) -> None:
    doors = [door.rpartition(":") for door in (instance.gateway, instance.tls_gateway)]
    wanted = {(host, int(port)): "the gateway" for host, _, port in doors} | {
        (instance.node_ip, port): name for port, name in NODE_PORTS.items()
    }
    for (address, port), name in wanted.items():
        if port_in_use(address, port):
            fix = (
                "stop that process, or `mesh up --gateway-port PORT`"
                if name == "the gateway"
                else "stop that process, or use another --instance"
            )
            raise MeshError(
                f"port {port} on {address} is in use, and {name} needs it", why=_holder(address, port), fix=fix
            )


def _holder(address: str, port: int) -> str:
    everywhere = {"0.0.0.0", "::"}  # noqa: S104 - what others may listen on
    try:
        for connection in psutil.net_connections("tcp"):
            if (
                connection.status == psutil.CONN_LISTEN
                and connection.laddr
                and connection.laddr.port == port
                and connection.laddr.ip in {address, *everywhere}
                and connection.pid
            ):
                return f"process {connection.pid} ({psutil.Process(connection.pid).name()}) listens there"
    except psutil.Error:
        pass
    return "a process of another user listens there"


def _start_agent(instance: Instance) -> None:
    for folder in (instance.agent, instance.pods):
        folder.mkdir(exist_ok=True, mode=0o700)
    with instance.agent_log.open("ab") as output:
        subprocess.Popen(
            [sys.executable, "-m", "mesh.local.agent", instance.name],
            cwd=instance.agent,
            env=loopback.environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    ends = time.monotonic() + 20
    while not down.agent_of(instance):
        if time.monotonic() > ends:
            raise MeshError(
                "the node agent did not start", why=_tail(instance.agent_log), fix=f"see {instance.agent_log}"
            )
        time.sleep(0.05)


def _istio_manifest(instance: Instance) -> str:
    """Have istioctl generate Istio's manifests (kept by a digest of what goes into them); add what is the node's."""
    here = Path(__file__).parent
    # Their paths are relative, because istioctl takes a comma in a path for the end of it.
    files = ["mesh/istio/install.yaml", "mesh/local/istio.yaml"]
    webhook = f"https://{instance.node_ip}:15017"
    values = {"istiodRemote.injectionURL": f"{webhook}/inject", "base.validationURL": f"{webhook}/validate"}
    words = [f"--filename={file}" for file in files] + [f"--set=values.{key}={value}" for key, value in values.items()]
    sources = [tools.bin_dir().name, *words, *((REPOSITORY / file).read_text() for file in files)]
    kept = instance.home / f"istio-{hashlib.sha256(str(sources).encode()).hexdigest()[:16]}.yaml"
    if not kept.exists():
        # All of it or nothing: half a manifest would be kept for good.
        unfinished = kept.with_suffix(".partial")
        unfinished.write_text(kubectl.run(instance, "istioctl", "manifest", "generate", *words, folder=REPOSITORY))
        unfinished.rename(kept)
    return "\n---\n".join([ISTIO_NAMESPACE, (here / "sidecars.yaml").read_text(), kept.read_text()])


def _overlay(instance: Instance) -> Path:
    """The overlay of this instance: the local one, with the gateway on this instance's address, and its certificate."""
    folder = instance.home / "overlay"
    folder.mkdir(exist_ok=True)
    patch: list[dict[str, object]] = []
    for place, door in enumerate((instance.gateway, instance.tls_gateway)):
        host, _, port = door.rpartition(":")
        patch.append({"op": "add", "path": f"/spec/servers/{place}/bind", "value": host})
        patch.append({"op": "replace", "path": f"/spec/servers/{place}/port/number", "value": int(port)})
    base = os.path.relpath(REPOSITORY / "mesh/kubernetes/overlays/local", folder)
    secret = folder / "certificate.yaml"
    secret.touch(mode=0o600)
    secret.write_text(yaml.safe_dump(pki.door_secret(instance)))
    resources = [base, secret.name]
    kustomization = {"resources": resources, "patches": [{"target": {"kind": "Gateway"}, "patch": json.dumps(patch)}]}
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    return folder


def _apply(instance: Instance, label: str, words: list[str], console: Console, stdin: str | None = None) -> None:
    started = time.monotonic()
    ends = started + PATIENCE
    while True:
        try:
            with console.status(f"applying {label}"):
                kubectl.run(instance, "kubectl", "apply", "--server-side", "--force-conflicts", *words, stdin=stdin)
            break
        except MeshError as error:
            if not any(text in error.why for text in PASSING) or time.monotonic() > ends:
                raise
            time.sleep(0.3)
    console.print(f"[green]✓[/] {label} applied [dim]{time.monotonic() - started:.1f} s[/]")


def _step(instance: Instance, console: Console, label: str, done: Callable[[], bool | str]) -> None:
    """Wait for a condition: `done` answers True, or what is still missing."""
    started, missing = time.monotonic(), ""
    with console.status(label) as status:
        while (answer := done()) is not True:
            missing = str(answer or "")
            status.update(f"{label} {missing} … {time.monotonic() - started:.0f} s")
            if not down.agent_of(instance):
                raise MeshError(
                    "the node agent ended while the mesh came up",
                    why=_tail(instance.agent_log),
                    fix="`mesh up` starts it again",
                )
            if time.monotonic() - started > PATIENCE:
                raise MeshError(
                    f"{label} is not ready after {PATIENCE} s",
                    why=missing,
                    fix="`mesh status` and `kubectl describe pod` tell more; `mesh up` goes on waiting",
                )
            time.sleep(0.2)
    console.print(f"[green]✓[/] {label} ready [dim]{time.monotonic() - started:.1f} s[/]")


def _ask(instance: Instance, *words: str) -> str:
    try:
        return kubectl.run(instance, "kubectl", *words, timeout=15)
    except MeshError:
        return ""


def _rolled_out(instance: Instance, namespace: str) -> bool | str:
    answer = _ask(instance, "get", "deployments,statefulsets", "-n", namespace, "-o", "json")
    items: list[dict[str, Any]] = json.loads(answer)["items"] if answer else []
    waiting = [item["metadata"]["name"] for item in items if not _complete(item)]
    return True if items and not waiting else f"({', '.join(waiting)})"


def _complete(workload: dict[str, Any]) -> bool:
    """As `kubectl rollout status` sees it."""
    status, wanted = workload.get("status", {}), workload["spec"]["replicas"]
    counts = [status.get(key, 0) for key in ("replicas", "updatedReplicas", "availableReplicas")]
    return status.get("observedGeneration", 0) >= workload["metadata"]["generation"] and counts == [wanted] * 3


def _tail(path: Path) -> str:
    return "\n".join(path.read_text(errors="replace").splitlines()[-5:]) if path.exists() else ""
