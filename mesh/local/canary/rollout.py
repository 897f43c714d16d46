"""Shifts the traffic of a service to a new version, step by step while its proxy metrics stay healthy.

It changes the weights of a route and reads the metrics of the new version's proxies. At the end one version and no
route remain. On a cluster Argo Rollouts does this (mesh/kubernetes/overlays/argo-rollouts).
"""

import json
import time
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from mesh.local import interrupts
from mesh.local.canary.metrics import CallMetrics
from mesh.local.clients.envoy import query_pod
from mesh.local.clients.kubectl import NAMESPACE, Kubectl
from mesh.local.errors import MeshError
from mesh.local.instance import Instance

STATS_ANNOTATION = "sidecar.istio.io/statsInclusionPrefixes"
WEIGHTS = (5, 10, 25, 50, 100)
"""Percent of the calls, one step after the other."""
POLL_INTERVAL_SECONDS = 1.0
ROLLOUT_TIMEOUT_SECONDS = 90
PROPAGATION_SECONDS = 1.0
"""Until every proxy has received a change. A subset is created before the route that names it, and deleted after."""


@dataclass(frozen=True)
class Limits:
    """When a step ends, and what the new version must achieve."""

    step_seconds: float
    """Shortest duration of each step."""
    calls: int
    """Number of calls that a decision needs."""
    timeout_seconds: float
    """Longest time to wait for that number of calls."""
    success: float
    """Smallest percentage of calls without a server error."""
    p99: float
    """Largest 99th percentile of the latency, in milliseconds."""

    def violation(self, metrics: CallMetrics) -> str:
        """Return how a version violates the limits; an empty string if it does not."""
        if metrics.success * 100 < self.success:
            return f"{metrics.success:.1%} of {metrics.calls} calls succeed, less than {self.success:g} %"
        if metrics.quantile(0.99) > self.p99:
            return f"p99 is {metrics.quantile(0.99):.0f} ms, more than {self.p99:g} ms"
        return ""


@dataclass(frozen=True)
class Canary:
    """A Deployment `<service>-<version>` beside the Deployment `<service>`."""

    mesh: Instance
    console: Console
    service: str
    version: str

    @property
    def name(self) -> str:
        """The new version's Deployment."""
        return f"{self.service}-{self.version}"

    def run(self, limits: Limits) -> bool:
        """Roll the version out. Return False if it was rolled back.

        Raises:
            MeshError: the rollout cannot start, or kubectl failed; what was changed is rolled back.
            KeyboardInterrupt: Ctrl-C; what was changed is rolled back.
        """
        primary, canary = self._deployment(self.service), self._deployment(self.name)
        stable, label = _version(primary), _version(canary)
        if label != self.version:
            raise MeshError(
                f"the Pods of {self.name} have {f'the label version: {label}' if label else 'no label version'}",
                fix=f"set it to {self.version}",
            )
        if not stable:
            raise MeshError(
                f"the Pods of {self.service} have no label version",
                why="without it a route cannot select the old version",
                fix="set it, for example to v1",
            )
        if stable == self.version:
            self._clean_up()
            self._print(f"{self.service} is {self.version} already")
            return True
        try:
            self._route(stable, 0)
            self._scale(primary["spec"].get("replicas", 1))
            for weight in WEIGHTS:
                if violation := self._step(stable, weight, limits):
                    self._roll_back(stable, violation)
                    return False
            self._promote(primary["spec"]["template"], canary["spec"]["template"])
        except (KeyboardInterrupt, MeshError) as error:
            self._roll_back(stable, error.what if isinstance(error, MeshError) else "interrupted")
            raise
        # From here on there is no stable version to roll back to.
        interrupts.ignore()
        self._clean_up()
        self._print(f"promoted: {self.service} is {self.version}")
        return True

    def _step(self, stable: str, weight: int, limits: Limits) -> str:
        """Send a percentage of the calls to the new version. Return its violation of the limits, or an empty string."""
        before = self._metrics()
        self._route(stable, weight)
        started = time.monotonic()
        with self.console.status(f"{weight} %"):
            while True:
                time.sleep(POLL_INTERVAL_SECONDS)
                metrics, seconds = self._metrics() - before, time.monotonic() - started
                enough = metrics.calls >= limits.calls
                violation = limits.violation(metrics) if enough else ""
                if violation or (enough and seconds >= limits.step_seconds):
                    break
                if not enough and seconds >= max(limits.timeout_seconds, limits.step_seconds):
                    violation = f"no traffic: {metrics.calls} of {limits.calls} calls came within {seconds:.0f} s"
                    break
        self._print(
            f"{weight:3} %  {metrics.calls:6} calls in {seconds:5.1f} s  {metrics.success:6.1%} succeed"
            f"  p99 {metrics.quantile(0.99):5.0f} ms  {violation or 'good'}"
        )
        return violation

    def _promote(self, old: dict[str, Any], new: dict[str, Any]) -> None:
        """Replace the Pods of the service's own Deployment, while all calls go to those of the canary."""
        with self.console.status(f"{self.service} becomes {self.version}"):
            try:
                self._replace_template(new)
            except (KeyboardInterrupt, MeshError):
                interrupts.ignore()
                self._replace_template(old)
                raise

    def _replace_template(self, template: dict[str, Any]) -> None:
        patch = json.dumps([{"op": "replace", "path": "/spec/template", "value": template}])
        self._kubectl("patch", "deployment", self.service, "--type=json", "-p", patch)
        self._wait_for_rollout(self.service)

    def _roll_back(self, stable: str, why: str) -> None:
        interrupts.ignore()
        with self.console.status(f"rolling back to {stable}"):
            self._route(stable, 0)
            self._print(f"rolled back to {stable}: {why}")
            self._clean_up()

    def _clean_up(self) -> None:
        """Remove the canary's Pods, then the route. Without the route the Pods would get calls of the service."""
        self._scale(0)
        for resource, name in (("virtualservice", "traffic"), ("destinationrule", "versions")):
            time.sleep(PROPAGATION_SECONDS)
            self._kubectl("delete", resource, f"{self.service}-{name}", "--ignore-not-found")

    def _scale(self, replicas: int) -> None:
        self._kubectl("scale", "deployment", self.name, f"--replicas={replicas}")
        self._wait_for_rollout(self.name)

    def _route(self, stable: str, weight: int) -> None:
        """Send a percentage of the calls to the new version, and the rest to the stable version."""
        host = f"{self.service}.{NAMESPACE}.svc.cluster.local"
        shares = {stable: 100 - weight, self.version: weight}
        subsets = [{"name": version, "labels": {"version": version}} for version in shares]
        routes = [
            {"destination": {"host": host, "port": {"number": 50051}, "subset": version}, "weight": share}
            for version, share in shares.items()
            if share
        ]
        # Calls fail in a proxy that has the route but not yet its subset.
        if self._apply("DestinationRule", "versions", {"host": host, "subsets": subsets}):
            time.sleep(PROPAGATION_SECONDS)
        self._apply("VirtualService", "traffic", {"http": [{"name": "canary", "route": routes}]})

    def _apply(self, kind: str, name: str, spec: dict[str, Any]) -> bool:
        """Apply an Istio object, and return whether it changed."""
        metadata = {"name": f"{self.service}-{name}", "namespace": NAMESPACE}
        manifest = {"apiVersion": "networking.istio.io/v1", "kind": kind, "metadata": metadata, "spec": spec}
        return not self._kubectl("apply", "-f", "-", stdin=json.dumps(manifest)).endswith("unchanged\n")

    def _metrics(self) -> CallMetrics:
        """Return the sum of the metrics of the new version's proxies."""
        labels = f"app={self.service},version={self.version}"
        pods = json.loads(self._kubectl("get", "pods", "-l", labels, "-o", "json"))["items"]
        staying = [pod for pod in pods if not pod["metadata"].get("deletionTimestamp")]
        texts = [query_pod(self.mesh, pod, "stats/prometheus") for pod in staying]
        if not all("_inbound_" in text for text in texts):
            raise MeshError(
                f"the proxies of {self.name} do not report metrics of inbound calls",
                fix=f"annotate its Pods {STATS_ANNOTATION}: http.inbound,cluster.inbound",
            )
        return sum(map(CallMetrics.parse, texts), CallMetrics.empty())

    def _deployment(self, name: str) -> dict[str, Any]:
        deployments: list[dict[str, Any]] = json.loads(self._kubectl("get", "deployments", "-o", "json"))["items"]
        by_name = {each["metadata"]["name"]: each for each in deployments}
        if name not in by_name:
            raise MeshError(
                f"there is no Deployment {name} in {NAMESPACE}",
                why=f"there are {', '.join(sorted(by_name))}",
                fix="apply it first: mesh/istio/scenarios/dark-launch shows how",
            )
        return by_name[name]

    def _wait_for_rollout(self, deployment: str) -> None:
        self._kubectl("rollout", "status", f"deployment/{deployment}", f"--timeout={ROLLOUT_TIMEOUT_SECONDS}s")

    def _kubectl(self, *words: str, stdin: str | None = None) -> str:
        # A Ctrl-C during the rollback must not end the kubectl that rolls back.
        return Kubectl.of(self.mesh).run(*words, "-n", NAMESPACE, stdin=stdin, ignore_ctrl_c=True)

    def _print(self, text: str) -> None:
        self.console.print(text, highlight=False, soft_wrap=True)


def _version(deployment: dict[str, Any]) -> str:
    """Return the label `version` of a Deployment's Pods; an empty string if they have none."""
    return str(deployment["spec"]["template"]["metadata"].get("labels", {}).get("version", ""))
