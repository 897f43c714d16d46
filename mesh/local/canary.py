"""`mesh canary`: more and more calls for a new version while it does well, and none when it does not.

It moves a route's weight, looks at what the new version's own proxies have measured, and at the end leaves one version
and no route. On a cluster Argo Rollouts does this (mesh/kubernetes/overlays/argo-rollouts).
"""

import json
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from mesh.local import ctrl_c, kubectl
from mesh.local.errors import MeshError
from mesh.local.figures import Figures
from mesh.local.instance import Instance
from mesh.local.status import ask_pod

NAMESPACE = "shop"
STATS = "sidecar.istio.io/statsInclusionPrefixes"
WEIGHTS = (5, 10, 25, 50, 100)
"""Percents of the calls, one after the other."""
LOOK = 1.0
"""Seconds between two looks at the figures."""
ROLLOUT = 90
"""Seconds that Pods may take to come or to go."""
IN_FORCE = 1.0
"""Seconds until every proxy has heard of a change: a subset comes before the route that names it, and goes after it."""


@dataclass(frozen=True)
class Plan:
    """How a canary goes on, and what it has to keep to."""

    seconds: float
    """How long each weight lasts at least."""
    calls: int
    """Calls that a judgement needs."""
    patience: float
    """Seconds to wait for them."""
    success: float
    """The least share of calls that do not fail, in percent."""
    p99: float
    """The most milliseconds within which 99 of 100 calls end."""

    def offence(self, seen: Figures) -> str:
        """Tell what is wrong with a version of which this was seen; nothing is ""."""
        if seen.success * 100 < self.success:
            return f"{seen.success:.1%} of {seen.calls} calls succeed, less than {self.success:g} %"
        if seen.quantile(0.99) > self.p99:
            return f"p99 is {seen.quantile(0.99):.0f} ms, more than {self.p99:g} ms"
        return ""


@dataclass(frozen=True)
class Canary:
    """A Deployment `<service>-<version>` beside the Deployment `<service>`."""

    instance: Instance
    console: Console
    service: str
    version: str

    @property
    def name(self) -> str:
        """The new version's Deployment."""
        return f"{self.service}-{self.version}"

    def run(self, plan: Plan) -> bool:
        """Carry it to its end; False when it was rolled back.

        Raises:
            MeshError: there is nothing to carry on with; what was begun is rolled back.
            KeyboardInterrupt: the same, by Ctrl-C.
        """
        primary, canary = self._deployment(self.service), self._deployment(self.name)
        label = canary["spec"]["template"]["metadata"]["labels"].get("version")
        if label != self.version:
            raise MeshError(f"the Pods of {self.name} have the label version: {label}", fix=f"name it {self.version}")
        stable = primary["spec"]["template"]["metadata"]["labels"]["version"]
        if stable == self.version:
            self._end()
            self._say(f"{self.service} is {self.version} already")
            return True
        try:
            self._route(stable, 0)
            self._scale(primary["spec"].get("replicas", 1))
            for weight in WEIGHTS:
                if offence := self._step(stable, weight, plan):
                    self._roll_back(stable, offence)
                    return False
            self._promote(primary["spec"]["template"], canary["spec"]["template"])
        except (KeyboardInterrupt, MeshError) as error:
            self._roll_back(stable, error.what if isinstance(error, MeshError) else "interrupted")
            raise
        # From here on there is no stable version to go back to.
        ctrl_c.ignore()
        self._end()
        self._say(f"promoted: {self.service} is {self.version}")
        return True

    def _step(self, stable: str, weight: int, plan: Plan) -> str:
        """Send a share of the calls there for a while; the offence, if there was one."""
        before = self._figures()
        self._route(stable, weight)
        began = time.monotonic()
        with self.console.status(f"{weight} %"):
            while True:
                time.sleep(LOOK)
                seen, waited = self._figures() - before, time.monotonic() - began
                enough = seen.calls >= plan.calls
                offence = plan.offence(seen) if enough else ""
                if offence or (enough and waited >= plan.seconds):
                    break
                if not enough and waited >= max(plan.patience, plan.seconds):
                    offence = f"no traffic: {seen.calls} of {plan.calls} calls came within {waited:.0f} s"
                    break
        self._say(
            f"{weight:3} %  {seen.calls:6} calls in {waited:5.1f} s  {seen.success:6.1%} succeed"
            f"  p99 {seen.quantile(0.99):5.0f} ms  {offence or 'good'}"
        )
        return offence

    def _promote(self, old: dict[str, Any], new: dict[str, Any]) -> None:
        """Make the service's own Pods the new version's, while all calls go to the canary's."""
        with self.console.status(f"{self.service} becomes {self.version}"):
            try:
                self._replace(new)
            except (KeyboardInterrupt, MeshError):
                ctrl_c.ignore()
                self._replace(old)
                raise

    def _replace(self, template: dict[str, Any]) -> None:
        patch = json.dumps([{"op": "replace", "path": "/spec/template", "value": template}])
        self._kubectl("patch", "deployment", self.service, "--type=json", "-p", patch)
        self._rolled_out(self.service)

    def _roll_back(self, stable: str, why: str) -> None:
        ctrl_c.ignore()
        with self.console.status(f"back to {stable}"):
            self._route(stable, 0)
            self._say(f"rolled back to {stable}: {why}")
            self._end()

    def _end(self) -> None:
        """Leave one version and no route: the Pods first, for without the route they would be the service's."""
        self._scale(0)
        for kind, name in (("virtualservice", "traffic"), ("destinationrule", "versions")):
            time.sleep(IN_FORCE)
            self._kubectl("delete", kind, f"{self.service}-{name}", "--ignore-not-found")

    def _scale(self, replicas: int) -> None:
        self._kubectl("scale", "deployment", self.name, f"--replicas={replicas}")
        self._rolled_out(self.name)

    def _route(self, stable: str, weight: int) -> None:
        """Send a share of the calls to the new version, in percent, and the rest to the stable one."""
        host = f"{self.service}.{NAMESPACE}.svc.cluster.local"
        shares = {stable: 100 - weight, self.version: weight}
        subsets = [{"name": version, "labels": {"version": version}} for version in shares]
        routes = [
            {"destination": {"host": host, "port": {"number": 50051}, "subset": version}, "weight": share}
            for version, share in shares.items()
            if share
        ]
        # A route whose subset a proxy does not know yet fails the calls in between.
        if self._apply("DestinationRule", "versions", {"host": host, "subsets": subsets}):
            time.sleep(IN_FORCE)
        self._apply("VirtualService", "traffic", {"http": [{"name": "canary", "route": routes}]})

    def _apply(self, kind: str, name: str, spec: dict[str, Any]) -> bool:
        """Apply an object of Istio; answer whether that changed anything."""
        metadata = {"name": f"{self.service}-{name}", "namespace": NAMESPACE}
        manifest = {"apiVersion": "networking.istio.io/v1", "kind": kind, "metadata": metadata, "spec": spec}
        return not self._kubectl("apply", "-f", "-", stdin=json.dumps(manifest)).endswith("unchanged\n")

    def _figures(self) -> Figures:
        """Add up what the new version's proxies have measured so far."""
        labels = f"app={self.service},version={self.version}"
        pods = json.loads(self._kubectl("get", "pods", "-l", labels, "-o", "json"))["items"]
        staying = [pod for pod in pods if not pod["metadata"].get("deletionTimestamp")]
        texts = [ask_pod(self.instance, pod, "stats/prometheus") for pod in staying]
        if not all("_inbound_" in text for text in texts):
            raise MeshError(
                f"the proxies of {self.name} do not tell of the calls that come in",
                fix=f"annotate its Pods {STATS}: http.inbound,cluster.inbound",
            )
        return sum(map(Figures.read, texts), Figures(Counter(), Counter()))

    def _deployment(self, name: str) -> dict[str, Any]:
        found: list[dict[str, Any]] = json.loads(self._kubectl("get", "deployments", "-o", "json"))["items"]
        names = {each["metadata"]["name"]: each for each in found}
        if name not in names:
            raise MeshError(
                f"there is no Deployment {name} in {NAMESPACE}",
                why=f"there are {', '.join(sorted(names))}",
                fix="apply it first: mesh/istio/scenarios/dark-launch shows how",
            )
        return names[name]

    def _rolled_out(self, deployment: str) -> None:
        self._kubectl("rollout", "status", f"deployment/{deployment}", f"--timeout={ROLLOUT}s")

    def _kubectl(self, *words: str, stdin: str | None = None) -> str:
        # Alone: kubectl would end at a Ctrl-C that is pressed while it takes something back.
        return kubectl.run(self.instance, "kubectl", *words, "-n", NAMESPACE, stdin=stdin, alone=True)

    def _say(self, text: str) -> None:
        self.console.print(text, highlight=False, soft_wrap=True)
