"""A running mesh as its users see it: its command-line tools, its gateway, its processes."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import grpc.aio
import psutil
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_fixed

from mesh.local import loopback
from tests.mesh.api import Api
from tests.mesh.token_interceptors import token_interceptors

ROOT = Path(__file__).parents[2]
MESH = str(Path(sys.executable).with_name("mesh"))
# The services that run all the time; the operator's Jobs do not.
SERVICES = [
    path.stem
    for path in sorted((ROOT / "mesh" / "kubernetes" / "base").glob("*.yaml"))
    if (ROOT / "services" / path.stem).is_dir() and "kind: Deployment" in path.read_text(encoding="utf-8")
]
Manifest = dict[str, Any]
# How long a token is used, of the 15 minutes that it is good for: what is left is more than a test may take.
TOKEN_SECONDS = 9 * 60


def eventually(within: float, every: float = 0.02) -> AsyncRetrying:
    """Try again, with a pause of `every` seconds, until the assertions hold. Fail as the last one after `within`.

    async for attempt in eventually(10):
        with attempt:
            assert …
    """
    failed = retry_if_exception_type(AssertionError)
    return AsyncRetrying(stop=stop_after_delay(within), wait=wait_fixed(every), retry=failed, reraise=True)


@dataclass(frozen=True)
class Mesh:
    """One instance; `environment` is what `mesh env` gives a shell."""

    name: str
    environment: dict[str, str] = field(repr=False)
    _tokens: dict[str, tuple[float, str]] = field(default_factory=dict, repr=False)

    @property
    def gateway(self) -> str:
        """`host:port` of the ingress gateway."""
        return self.environment["MESH_GATEWAY"]

    @property
    def tls_gateway(self) -> str:
        """`host:port` at which it speaks TLS."""
        return self.environment["MESH_TLS_GATEWAY"]

    @property
    def home(self) -> Path:
        """The instance's state folder."""
        return Path(self.environment["MESH_HOME"])

    async def run(self, *command: str, stdin: str = "", within: float = 60) -> subprocess.CompletedProcess[str]:
        """Run one of the mesh's tools."""
        process = await asyncio.create_subprocess_exec(
            *command, env=self.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        async with asyncio.timeout(within):
            output, errors = await process.communicate(stdin.encode())
        return subprocess.CompletedProcess(command, process.returncode or 0, output.decode(), errors.decode())

    async def token(self, role: str = "customer") -> str:
        """Answer an access token of the demo's user who has a role; it lasts as long as a test may take."""
        taken, token = self._tokens.get(role, (0.0, ""))
        if not token or time.monotonic() - taken > TOKEN_SECONDS:
            taken = time.monotonic()
            run = await self.run(MESH, "token", "-i", self.name, "--role", role)
            assert run.returncode == 0, run.stderr
            token = run.stdout.strip()
            self._tokens[role] = taken, token
        return token

    async def kubectl(self, *words: str, stdin: str = "", within: float = 60) -> str:
        """Run kubectl, which must succeed; its output."""
        run = await self.run("kubectl", *words, stdin=stdin, within=within)
        assert run.returncode == 0, f"kubectl {' '.join(words)}: {run.stderr}"
        return run.stdout

    async def get(self, *words: str) -> Any:  # noqa: ANN401 - JSON
        """Read objects from the API server, by the words of `kubectl get`."""
        return await asyncio.to_thread(self._api.get, *words)

    @cached_property
    def _api(self) -> Api:
        return Api(Path(self.environment["KUBECONFIG"]))

    @asynccontextmanager
    async def applied(self, *manifests: Manifest) -> AsyncIterator[None]:
        """Apply manifests for the length of a block; afterwards their Pods are gone too."""
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
        """Have another number of Pods than one (`deployment/inventory`, say) for the length of a block."""
        words = ["scale", "-n", namespace, workload]
        try:
            await self.kubectl(*words, f"--replicas={replicas}")
            await self.wait_for_rollout(namespace, within=within)
            yield
        finally:
            await self.kubectl(*words, "--replicas=1")
            await self.wait_for_rollout(namespace, within=within)

    async def wait_for_rollout(self, *namespaces: str, within: float = 90) -> None:
        """Wait until each workload of the namespaces, by default the shop, has all of its Pods and no old one."""
        # Each look costs the server some milliseconds, which those who start would miss.
        async for attempt in eventually(within, every=0.1):
            with attempt:
                assert await self.unfinished_workloads(*(namespaces or ("shop",))) == []

    async def unfinished_workloads(self, *namespaces: str) -> list[str]:
        """Return the Deployments and StatefulSets that lack a Pod or have an old one, and the Pods on their way out.

        For kubectl a rollout is complete before its old Pods are gone.
        """
        found: list[Any] = (await self.get("deployments,statefulsets,pods", "-A"))["items"]
        return [
            f"{each['kind']} {each['metadata']['name']}"
            for each in found
            if each["metadata"]["namespace"] in namespaces and not _is_finished(each)
        ]

    async def restart(self, app: str, namespace: str = "shop") -> None:
        """Restart an app's Deployment, and wait until its old Pods have left."""
        await self.kubectl("rollout", "restart", "-n", namespace, f"deployment/{app}")
        await self.wait_for_rollout(namespace)

    async def pods(self, app: str, namespace: str = "shop") -> list[Any]:
        """Find an app's Pods, those on their way out too."""
        label = "istio" if namespace == "istio-ingress" else "app"
        pods: list[Any] = (await self.get("pods", "-n", namespace, "-l", f"{label}={app}"))["items"]
        return pods

    async def pod(self, app: str, namespace: str = "shop") -> Any:  # noqa: ANN401 - JSON
        """Find the one Pod of an app, as soon as those that a rollout or a scaling replaced have left."""
        await self.wait_for_pod_count(app, 1, namespace)
        (pod,) = await self.pods(app, namespace)
        return pod

    async def wait_for_pod_count(self, app: str, count: int, namespace: str = "shop") -> None:
        """Wait until an app has so many Pods, and none that is still leaving."""
        async for attempt in eventually(60):
            with attempt:
                assert len(await self.pods(app, namespace)) == count

    async def access_log(self, pod: str, user_agent: str) -> list[dict[str, Any]]:
        """Read what the Pod's sidecar logged of the calls that a user agent made."""
        output = await self.kubectl("logs", "-n", "shop", pod, "-c", "istio-proxy")
        lines = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
        return [line for line in lines if user_agent in (line.get("user_agent") or "")]

    async def events(self, app: str) -> dict[str, Any]:
        """Ask an app's management port what it says of its events."""
        url = f"http://{(await self.pod(app))['status']['podIP']}:8081/events"
        try:
            with loopback.open_url(url, 5) as reply:
                found: dict[str, Any] = json.load(reply)
                return found
        except OSError as error:
            raise AssertionError(f"{app} does not tell of its events: {error}") from error

    async def egress(self, pod: str) -> str:
        """`host:port` at which the Pod's app dials out through its sidecar."""
        listener = (await self.get("sidecars", "-n", "shop", pod))["spec"]["egress"][0]
        return f"{listener['bind']}:{listener['port']['number']}"

    def processes(self, program: str, within: str = "") -> list[psutil.Process]:
        """Find the mesh's processes of a program, all or those of the Pod whose uid is given."""
        return list(_processes_in(str(self.home / "pods" / within), program))

    def process_ids(self, program: str = "") -> set[int]:
        """Find the ids of everything that runs in the mesh's folder, or of a program there."""
        return {process.pid for process in _processes_in(str(self.home), program)}


def _is_finished(found: Any) -> bool:  # noqa: ANN401 - JSON
    """Return whether a Pod is not on its way out, or a workload has just the Pods that its specification asks for."""
    if found["kind"] == "Pod":
        return "deletionTimestamp" not in found["metadata"]
    wanted, status = found["spec"]["replicas"], found["status"]
    counts = [status.get(name, 0) for name in ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")]
    return bool(status.get("observedGeneration") == found["metadata"]["generation"] and counts == [wanted] * 4)


def _processes_in(folder: str, program: str) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        with suppress(psutil.Error):  # it ends while it is looked at
            inside = process.cwd() == folder or process.cwd().startswith(f"{folder.rstrip('/')}/")
            called = not program or process.name() == program
            if inside and called and process.status() != psutil.STATUS_ZOMBIE:
                yield process


def listening_addresses(connections: Iterable[Any]) -> set[tuple[str, int]]:
    """Tell from psutil's connections the addresses and ports at which somebody listens."""
    return {(c.laddr.ip, c.laddr.port) for c in connections if c.status == psutil.CONN_LISTEN}


def run_mesh(*words: str) -> subprocess.CompletedProcess[str]:
    """Run `mesh`; both its outputs are in `stdout`."""
    command = [MESH, *words]
    return subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300, check=False
    )


def shell_environment(name: str) -> dict[str, str]:
    """Answer what a shell has after `eval "$(mesh env)"`."""
    script = f'eval "$("{MESH}" env -i {name})" && env -0'
    output = subprocess.run(["/bin/bash", "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout
    return dict(line.split("=", 1) for line in output.split("\0") if line)


def dial(
    target: str, *, token: str = "", authority: str | None = None, user_agent: str | None = None
) -> grpc.aio.Channel:
    """Open a plaintext channel as any client would, perhaps signed in, or under another name, or as a user agent."""
    options: list[tuple[str, str | int]] = [("grpc.enable_http_proxy", 0)]
    options += [("grpc.default_authority", authority)] if authority else []
    options += [("grpc.primary_user_agent", user_agent)] if user_agent else []
    return grpc.aio.insecure_channel(target, options=options, interceptors=token_interceptors(token) if token else [])
