"""Applies manifests, and waits until the Kubernetes API and the workloads are ready."""

import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from rich.console import Console

from mesh.local.clients.api_server import ApiServer
from mesh.local.clients.kubectl import Kubectl
from mesh.local.errors import MeshError
from mesh.local.instance import Instance
from mesh.local.processes import agent_of

STEP_TIMEOUT_SECONDS = 180
TEMPORARY_ERRORS = ("no matches for kind", "There can be a delay", "failed calling webhook", "connection refused")
"""kubectl's messages while the API server does not serve new CRDs yet, or istiod's webhook is starting."""


@dataclass(frozen=True)
class Rollout:
    """One mesh that starts, with the console that shows its progress."""

    mesh: Instance
    console: Console

    def wait_for_api(self) -> None:
        """Wait until the Kubernetes API is ready. Raises MeshError."""
        self._wait("Kubernetes API", self._missing_api)

    def apply(self, label: str, *words: str, stdin: str | None = None) -> None:
        """Apply manifests, and retry while an error is temporary. Raises MeshError."""
        started = time.monotonic()
        while True:
            try:
                with self.console.status(f"applying {label}"):
                    self._kubectl.run("apply", "--server-side", "--force-conflicts", *words, stdin=stdin)
                break
            except MeshError as error:
                temporary = any(text in error.why for text in TEMPORARY_ERRORS)
                if not temporary or time.monotonic() > started + STEP_TIMEOUT_SECONDS:
                    raise
                time.sleep(0.3)
        self._print(f"{label} applied", started)

    def wait_for_namespace(self, label: str, namespace: str) -> None:
        """Wait until every Deployment and StatefulSet in a namespace is ready. Raises MeshError."""
        self._wait(label, lambda: self._missing_workloads(namespace))

    def _wait(self, label: str, find_missing: Callable[[], str | None]) -> None:
        """Wait until `find_missing` returns None. Until then it names what is missing, or returns an empty string."""
        started = time.monotonic()
        with self.console.status(label) as status:
            while (missing := find_missing()) is not None:
                status.update(f"{label} {missing} … {time.monotonic() - started:.0f} s")
                self._check_agent()
                if time.monotonic() - started > STEP_TIMEOUT_SECONDS:
                    raise MeshError(
                        f"{label} is not ready after {STEP_TIMEOUT_SECONDS} s",
                        why=missing,
                        fix="`mesh status` and `kubectl describe pod` show more; `mesh up` continues to wait",
                    )
                time.sleep(0.2)
        self._print(f"{label} ready", started)

    def _check_agent(self) -> None:
        if not agent_of(self.mesh):
            raise MeshError(
                "the node agent ended while the mesh was starting",
                why=agent_log_tail(self.mesh),
                fix="`mesh up` starts it again",
            )

    def _missing_api(self) -> str | None:
        with suppress(OSError):
            return None if self._api.get("/readyz") == b"ok" else ""
        return ""

    def _missing_workloads(self, namespace: str) -> str | None:
        paths = (f"/apis/apps/v1/namespaces/{namespace}/{kind}" for kind in ("deployments", "statefulsets"))
        try:
            items: list[dict[str, Any]] = [item for path in paths for item in json.loads(self._api.get(path))["items"]]
        except OSError:
            items = []
        waiting = [item["metadata"]["name"] for item in items if not _is_complete(item)]
        return None if items and not waiting else f"({', '.join(waiting)})"

    @cached_property
    def _api(self) -> ApiServer:
        return ApiServer(self.mesh)

    @property
    def _kubectl(self) -> Kubectl:
        return Kubectl.of(self.mesh)

    def _print(self, text: str, started: float) -> None:
        self.console.print(f"[green]✓[/] {text} [dim]{time.monotonic() - started:.1f} s[/]")


def _is_complete(workload: dict[str, Any]) -> bool:
    """Return whether a workload is rolled out, by the rules of `kubectl rollout status`."""
    status, replicas = workload.get("status", {}), workload["spec"]["replicas"]
    counts = [status.get(key, 0) for key in ("replicas", "updatedReplicas", "availableReplicas")]
    return status.get("observedGeneration", 0) >= workload["metadata"]["generation"] and counts == [replicas] * 3


def agent_log_tail(mesh: Instance) -> str:
    """Return the last lines of the node agent's log."""
    log = mesh.agent_log
    return "\n".join(log.read_text(errors="replace").splitlines()[-5:]) if log.exists() else ""
