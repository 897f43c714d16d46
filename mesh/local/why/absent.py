"""Whether a caller that has no Pod now would have a route: from Sidecars and VirtualServices, as no proxy can be asked.

Jobs such as those of the operator have a Pod only while they run.
"""

from collections.abc import Iterator
from fnmatch import fnmatchcase

from mesh.local.why.live import Live
from mesh.local.why.matchers import STRINGS, Json, match_string
from mesh.local.why.routes import Route

ROOT_NAMESPACE = "istio-system"


def find_route(live: Live, account: str, cluster: str, path: str) -> Route | None:
    """Return the route that a Pod of a ServiceAccount ("<namespace>/<name>") would have to a method, or None.

    The Pod is assumed to have the label `app` with the name of the account, as all Pods of the shop have.
    """
    host = cluster.rpartition("|")[2]
    namespace, _, name = account.partition("/")
    sidecar = _sidecar(live, namespace, {"app": name})
    if sidecar and not any(_includes(pattern, namespace, host) for pattern in _hosts(sidecar)):
        return None
    for service in live.objects("VirtualService"):
        spec = service["spec"]
        if host in spec.get("hosts", []) and "mesh" in spec.get("gateways", ["mesh"]):
            metadata = service["metadata"]
            found = any(_matches(route, path) for route in spec.get("http", []))
            return Route((cluster,), f"{metadata['namespace']}/{metadata['name']}") if found else None
    return Route((cluster,), "")


def _sidecar(live: Live, namespace: str, labels: dict[str, str]) -> Json | None:
    """Return the Sidecar of a Pod: the one that selects it, its namespace's default, or the mesh's default."""
    default: dict[str, Json] = {}
    for sidecar in live.objects("Sidecar"):
        selector = sidecar["spec"].get("workloadSelector", {}).get("labels")
        if not selector:
            default[sidecar["metadata"]["namespace"]] = sidecar
        elif sidecar["metadata"]["namespace"] == namespace and selector.items() <= labels.items():
            return sidecar
    return default.get(namespace) or default.get(ROOT_NAMESPACE)


def _hosts(sidecar: Json) -> Iterator[str]:
    for egress in sidecar["spec"].get("egress", [{"hosts": ["*/*"]}]):
        yield from egress["hosts"]


def _includes(pattern: str, namespace: str, host: str) -> bool:
    """Return whether a host of a Sidecar's egress, "<namespace>/<name>", includes a host."""
    where, _, name = pattern.partition("/")
    where = namespace if where == "." else where
    return where in {"*", host.split(".")[1]} and fnmatchcase(host, name)


def _matches(route: Json, path: str) -> bool:
    uris = [each.get("uri", {}) for each in route.get("match", [{}])]
    return any(not uri or _matches_uri(uri, path) for uri in uris)


def _matches_uri(uri: Json, path: str) -> bool:
    [(kind, pattern)] = uri.items()
    return STRINGS[kind](pattern, path) if kind in STRINGS else match_string({"safe_regex": {"regex": pattern}}, path)
