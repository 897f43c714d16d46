"""A running mesh, as its users see it: command-line tools, gateway, processes."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import grpc.aio
import psutil

from mesh.local.clients.envoy import query_pod
from mesh.local.clients.kubectl import namespace_of
from mesh.local.instance import existing
from tests.mesh.api import Api
from tests.mesh.token_interceptors import token_interceptors
from tests.support.checkout import ROOT
from tests.support.clock import check_timeout, eventually
from tests.support.processes import read_events

MESH = str(Path(sys.executable).with_name("mesh"))
# The services with a Deployment, so without the operator.
SERVICES = [
    path.stem
    for path in sorted((ROOT / "mesh" / "kubernetes" / "base").glob("*.yaml"))
    if (ROOT / "services" / path.stem).is_dir() and "kind: Deployment" in path.read_text(encoding="utf-8")
]
Manifest = dict[str, Any]
# How long a cached token is used. It is valid for 15 minutes, so the rest is longer than any test may take.
TOKEN_SECONDS = 9 * 60


@dataclass(frozen=True)
class Mesh:
    """One instance. `environment` contains the variables of `mesh env`."""

    name: str
    environment: dict[str, str] = field(repr=False)
    _tokens: dict[str, tuple[float, str]] = field(default_factory=dict, repr=False)

    @property
    def gateway(self) -> str:
        """The `host:port` of the ingress gateway."""
        return self.environment["MESH_GATEWAY"]

    @property
    def tls_gateway(self) -> str:
        """The `host:port` of the ingress gateway for TLS."""
        return self.environment["MESH_TLS_GATEWAY"]

    @property
    def home(self) -> Path:
        """The state folder of the instance."""
        return Path(self.environment["MESH_HOME"])

    async def run(self, *command: str, stdin: str = "", within: float = 60) -> subprocess.CompletedProcess[str]:
        """Run a command in the environment of the mesh."""
        process = await asyncio.create_subprocess_exec(
            *command, env=self.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        async with asyncio.timeout(check_timeout(within)):
            output, errors = await process.communicate(stdin.encode())
        return subprocess.CompletedProcess(command, process.returncode or 0, output.decode(), errors.decode())

    async def token(self, role: str = "customer") -> str:
        """Return an access token of the demo user with a role. It is valid for longer than a test may take."""
        created, token = self._tokens.get(role, (0.0, ""))
        if not token or time.monotonic() - created > TOKEN_SECONDS:
            created = time.monotonic()
            run = await self.run(MESH, "token", "-i", self.name, "--role", role)
            assert run.returncode == 0, run.stderr
            token = run.stdout.strip()
            self._tokens[role] = created, token
        return token

    async def kubectl(self, *words: str, stdin: str = "", within: float = 60) -> str:
        """Run kubectl and return its output. Raises AssertionError if it fails."""
        run = await self.run("kubectl", *words, stdin=stdin, within=within)
        assert run.returncode == 0, f"kubectl {' '.join(words)}: {run.stderr}"
        return run.stdout

    async def kustomize(self, folder: str | Path) -> str:
        """Return the manifests of a kustomization, whose folder is in the checkout or anywhere else."""
        return await self.kubectl("kustomize", str(ROOT / folder))

    async def get(self, *words: str) -> Any:  # noqa: ANN401 - JSON
        """Read objects from the API server. The words are those of `kubectl get`."""
        return await asyncio.to_thread(self._api.get, *words)

    async def log(self, namespace: str, pod: str, container: str = "", tail_lines: int = 1000) -> str:
        """Read the log of a Pod from the API server. Raises AssertionError if it has none."""
        return await asyncio.to_thread(self._api.log, namespace, pod, container, tail_lines)

    @cached_property
    def _api(self) -> Api:
        return Api(Path(self.environment["KUBECONFIG"]))

    @asynccontextmanager
    async def applied(self, *manifests: Manifest) -> AsyncIterator[None]:
        """Apply manifests while the block runs. Then delete them and wait until their Pods are gone."""
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests})
        await self.kubectl("apply", "-f", "-", stdin=text)
        try:
            yield
        finally:
            await self.kubectl("delete", "--cascade=foreground", "--ignore-not-found", "-f", "-", stdin=text)

    @asynccontextmanager
    async def scaled(
        self, workload: str, replicas: int, namespace: str = "shop", within: float = 90
    ) -> AsyncIterator[None]:
        """Scale a workload (such as `deployment/inventory`) while the block runs. Then scale it back to one Pod."""
        words = ["scale", "-n", namespace, workload]
        try:
            await self.kubectl(*words, f"--replicas={replicas}")
            await self.wait_for_rollout(namespace, within=within)
            yield
        finally:
            await self.kubectl(*words, "--replicas=1")
            await self.wait_for_rollout(namespace, within=within)

    async def wait_for_rollout(self, *namespaces: str, within: float = 90) -> None:
        """Wait until each workload in the namespaces (default: shop) has all its Pods, and no old ones."""
        # Each request costs the API server some milliseconds, which starting Pods need.
        async for attempt in eventually(within, every=0.25):
            with attempt:
                assert await self.unfinished_workloads(*(namespaces or ("shop",))) == []

    async def unfinished_workloads(self, *namespaces: str) -> list[str]:
        """Return the Deployments and StatefulSets with missing or old Pods, and the Pods that are being deleted.

        kubectl considers a rollout complete before its old Pods are gone.
        """
        objects: list[Any] = (await self.get("deployments,statefulsets,pods", "-A"))["items"]
        return [
            f"{each['kind']} {each['metadata']['name']}"
            for each in objects
            if each["metadata"]["namespace"] in namespaces and not _is_finished(each)
        ]

    async def restart(self, app: str, namespace: str = "shop") -> None:
        """Restart the Deployment of an app, and wait until its old Pods are gone."""
        await self.kubectl("rollout", "restart", "-n", namespace, f"deployment/{app}")
        await self.wait_for_rollout(namespace)

    async def pods(self, app: str, namespace: str = "shop") -> list[Any]:
        """Return the Pods of an app, including those that are being deleted."""
        pods: list[Any] = (await self.get("pods", "-n", namespace, "-l", f"app={app}"))["items"]
        return pods

    async def pod(self, app: str, namespace: str = "shop") -> Any:  # noqa: ANN401 - JSON
        """Wait until an app has only one Pod, and return it."""
        await self.wait_for_pod_count(app, 1, namespace)
        (pod,) = await self.pods(app, namespace)
        return pod

    async def envoy(self, app: str, path: str) -> str:
        """Return the response of the admin API of an app's Envoy."""
        instance = existing(self.name)
        assert instance
        return await asyncio.to_thread(query_pod, instance, await self.pod(app, namespace_of(app)), path)

    async def wait_for_pod_count(self, app: str, count: int, namespace: str = "shop") -> None:
        """Wait until an app has this number of Pods, including those that are being deleted."""
        async for attempt in eventually(60):
            with attempt:
                assert len(await self.pods(app, namespace)) == count

    async def access_log(self, pod: str, user_agent: str) -> list[dict[str, Any]]:
        """Return the access log records of a Pod's sidecar for the calls of a user agent."""
        output = await self.kubectl("logs", "-n", "shop", pod, "-c", "istio-proxy")
        lines = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
        return [line for line in lines if user_agent in (line.get("user_agent") or "")]

    async def events(self, app: str) -> dict[str, Any]:
        """Read the state of outbox and consumer from the management port of an app."""
        return read_events(app, f"{(await self.pod(app))['status']['podIP']}:8081")

    async def egress(self, pod: str) -> str:
        """Return the `host:port` of a Pod's sidecar for outgoing calls of its app."""
        listener = (await self.get("sidecars", "-n", "shop", pod))["spec"]["egress"][0]
        return f"{listener['bind']}:{listener['port']['number']}"

    def processes(self, program: str, pod_uid: str = "") -> list[psutil.Process]:
        """Return the processes of a program in all Pods, or in one Pod."""
        return list(_processes_in(str(self.home / "pods" / pod_uid), program))

    def process_ids(self, program: str = "") -> set[int]:
        """Return the ids of all processes of the mesh, or of those that run a program."""
        return {process.pid for process in _processes_in(str(self.home), program)}


def _is_finished(workload: Any) -> bool:  # noqa: ANN401 - JSON
    """Return whether a Pod is not being deleted, or a workload has exactly the Pods of its specification."""
    if workload["kind"] == "Pod":
        return "deletionTimestamp" not in workload["metadata"]
    replicas, status = workload["spec"]["replicas"], workload["status"]
    counts = [status.get(name, 0) for name in ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")]
    return bool(status.get("observedGeneration") == workload["metadata"]["generation"] and counts == [replicas] * 4)


def _processes_in(folder: str, program: str) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        with suppress(psutil.Error):  # the process has just ended
            inside = process.cwd() == folder or process.cwd().startswith(f"{folder.rstrip('/')}/")
            matches = not program or process.name() == program
            if inside and matches and process.status() != psutil.STATUS_ZOMBIE:
                yield process


def listening_addresses(connections: Iterable[Any]) -> set[tuple[str, int]]:
    """Return the (address, port) of each listening socket among psutil's connections."""
    return {(c.laddr.ip, c.laddr.port) for c in connections if c.status == psutil.CONN_LISTEN}


def run_mesh(*words: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run `mesh`, optionally with more variables. `stdout` of the result also contains its errors."""
    return subprocess.run(
        [MESH, *words],
        cwd=ROOT,
        env=os.environ | dict(env or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )


def shell_environment(name: str) -> dict[str, str]:
    """Return the environment of a shell after `eval "$(mesh env)"`."""
    script = f'eval "$("{MESH}" env -i {name})" && env -0'
    output = subprocess.run(["/bin/bash", "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout
    return dict(line.split("=", 1) for line in output.split("\0") if line)


def dial(
    target: str, *, token: str = "", authority: str | None = None, user_agent: str | None = None
) -> grpc.aio.Channel:
    """Open a plaintext channel, optionally with an access token, another `:authority` or a user agent."""
    options: list[tuple[str, str | int]] = [("grpc.enable_http_proxy", 0)]
    options += [("grpc.default_authority", authority)] if authority else []
    options += [("grpc.primary_user_agent", user_agent)] if user_agent else []
    return grpc.aio.insecure_channel(target, options=options, interceptors=token_interceptors(token) if token else [])
