"""The cluster as it is now: its Pods, their proxies, and the objects that decide access."""

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property

from mesh.local.clients.kubectl import NAMESPACE, Kubectl, namespace_of
from mesh.local.errors import MeshError
from mesh.local.why.matchers import Json
from mesh.local.why.proxy import DUMP, Proxy

KINDS = (
    "pods,services,serviceaccounts,authorizationpolicies,requestauthentications,peerauthentications,"
    "sidecars,virtualservices"
)
GATEWAY = "shop-gateway"
PORT = 50051
"""The port of gRPC services (mesh/kubernetes/base)."""
IDENTITY, ISSUER, AUDIENCE = "identity", "https://identity.shop.example", "https://shop.example"
"""The service that issues tokens, and what it writes into them unless its environment says otherwise."""
MAX_CONCURRENT_READS = 4
PROXY = "istio-proxy"
"""The container of a proxy."""
ROOT_NAMESPACE = "istio-system"
"""Istio's root namespace: a policy in it applies to the whole mesh."""


@dataclass(frozen=True)
class Live:
    """Reads objects once, and the configuration of each proxy when it is needed."""

    kubectl: Kubectl
    _proxies: dict[str, Proxy] = field(default_factory=dict, repr=False)
    """By the uid of the Pod."""

    @cached_property
    def _objects(self) -> list[Json]:
        items: list[Json] = self.kubectl.get(KINDS, "-A")["items"]
        return items

    def objects(self, kind: str) -> list[Json]:
        """Return all objects of a kind."""
        return [each for each in self._objects if each["kind"] == kind]

    def selecting(self, kind: str, pod: Json) -> list[Json]:
        """Return the policies that apply to a Pod: those of its workload, of its namespace, then of the whole mesh."""
        found: dict[tuple[bool, bool], list[Json]] = {}
        for each in self.objects(kind):
            selector = each["spec"].get("selector", {}).get("matchLabels", {})
            is_own = each["metadata"]["namespace"] == pod["metadata"]["namespace"]
            in_scope = is_own or each["metadata"]["namespace"] == ROOT_NAMESPACE
            if in_scope and selector.items() <= pod["metadata"].get("labels", {}).items():
                found.setdefault((bool(selector), is_own), []).append(each)
        return [each for scope in sorted(found, reverse=True) for each in found[scope]]

    def pods(self, namespace: str, labels: Mapping[str, str]) -> list[Json]:
        """Return the ready Pods that have these labels."""
        return [
            pod
            for pod in self.objects("Pod")
            if pod["metadata"]["namespace"] == namespace
            and labels.items() <= pod["metadata"].get("labels", {}).items()
            and _is_ready(pod)
        ]

    def proxies_of_host(self, host: str) -> list[Proxy]:
        """Return the proxies of all ready Pods behind a host, "<service>.<namespace>.svc.cluster.local".

        Raises:
            MeshError: there is none.
        """
        name, namespace, *_ = host.split(".")
        for service in self.objects("Service"):
            if (service["metadata"]["name"], service["metadata"]["namespace"]) == (name, namespace):
                return self.proxies(self._some(name, self.pods(namespace, service["spec"].get("selector", {}))))
        raise MeshError(f"there is no Service {namespace}/{name}, so no proxy decides")

    def gateway(self) -> Proxy:
        """Return the proxy of the gateway. Raises MeshError if it does not run."""
        pods = self.pods(namespace_of(GATEWAY), {"app": GATEWAY})
        return self.proxies(self._some(GATEWAY, pods)[:1])[0]

    def caller(self, account: str, pod_name: str = "") -> Proxy | None:
        """Return the proxy of a Pod of a ServiceAccount ("<namespace>/<name>"), or None if no such Pod has one."""
        pods = [pod for pod in self._pods_of(account, pod_name) if _has_proxy(pod)]
        return next(iter(self.proxies(pods[:1])), None)

    def is_without_proxy(self, account: str, pod_name: str = "") -> bool:
        """Return whether Pods of a ServiceAccount run, and none of them has a proxy."""
        pods = self._pods_of(account, pod_name)
        return bool(pods) and not any(map(_has_proxy, pods))

    def _pods_of(self, account: str, pod_name: str) -> list[Json]:
        namespace, _, name = account.partition("/")
        pods = [pod for pod in self.pods(namespace, {}) if pod["spec"].get("serviceAccountName") == name]
        # Other Pods with this identity, such as those of `mesh matrix`, have their own labels.
        pods.sort(key=lambda pod: pod["metadata"].get("labels", {}).get("app") != name)
        return [pod for pod in pods if not pod_name or pod["metadata"]["name"] == pod_name]

    def proxies(self, pods: list[Json]) -> list[Proxy]:
        """Return the proxies of Pods. Raises MeshError if one does not respond."""
        missing = [pod for pod in pods if pod["metadata"]["uid"] not in self._proxies]
        with ThreadPoolExecutor(MAX_CONCURRENT_READS) as pool:
            for proxy in pool.map(self._read, missing):
                self._proxies[proxy.pod["metadata"]["uid"]] = proxy
        return [self._proxies[pod["metadata"]["uid"]] for pod in pods]

    def _read(self, pod: Json) -> Proxy:
        name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
        command = ("-c", PROXY, "--", "pilot-agent", "request", "GET", DUMP)
        return Proxy(pod, json.loads(self.kubectl.run("exec", "-n", namespace, name, *command)))

    def token_claims(self, role: str, customer: str) -> dict[str, Json]:
        """Return the claims of a token that identity issues now."""
        settings: dict[str, str] = {}
        for pod in self.pods(NAMESPACE, {"app": IDENTITY}):
            for container in pod["spec"]["containers"]:
                settings |= {each["name"]: each["value"] for each in container.get("env", []) if "value" in each}
        return {
            "iss": settings.get("ISSUER", ISSUER),
            "aud": settings.get("AUDIENCE", AUDIENCE),
            "sub": "users/someone",
            "roles": sorted({customer, role} - {""}),
        }

    @staticmethod
    def _some(name: str, pods: list[Json]) -> list[Json]:
        if not pods:
            raise MeshError(f"no Pod of {name} is ready, so no proxy decides", fix="`mesh status` shows its state")
        return pods


def _has_proxy(pod: Json) -> bool:
    containers = [*pod["spec"]["containers"], *pod["spec"].get("initContainers", [])]
    return any(container["name"] == PROXY for container in containers)


def full_name(each: Json) -> str:
    """Return "<namespace>/<name>" of an object."""
    return f"{each['metadata']['namespace']}/{each['metadata']['name']}"


def _is_ready(pod: Json) -> bool:
    conditions = pod.get("status", {}).get("conditions", [])
    ready = any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
    return ready and "deletionTimestamp" not in pod["metadata"]
