"""What Sidecars and VirtualServices define for outgoing calls.

The proxy of a caller has the result, so this names the object behind a route that is missing. Only for a caller that
has no Pod now, such as a Job of the operator, it also decides whether there would be a route.
"""

from collections.abc import Mapping
from fnmatch import fnmatchcase

from mesh.local.why.live import ROOT_NAMESPACE, Live, full_name
from mesh.local.why.matchers import STRINGS, Json, match_string
from mesh.local.why.routes import Route

EVERYTHING = "*/*"
POD_LABEL = "mesh.local/pod"
"""The label of the Sidecars that the node agent derives for single Pods from those of the cluster."""


def find_route(live: Live, account: str, cluster: str, path: str) -> Route | None:
    """Return the route that a Pod of a ServiceAccount ("<namespace>/<name>") would have to a method, or None.

    The Pod is assumed to have the label `app` with the name of the account, as all Pods of the shop have.
    """
    namespace, _, name = account.partition("/")
    host = cluster.rpartition("|")[2]
    if not _is_included(_sidecar(live, namespace, {"app": name}), namespace, host):
        return None
    if not (service := _virtual_service(live, host)):
        return Route((cluster,), "")
    found = any(_matches(route, path) for route in service["spec"].get("http", []))
    return Route((cluster,), full_name(service)) if found else None


def withholds(live: Live, namespace: str, labels: Mapping[str, str], host: str) -> str:
    """Return the kind and name of the object because of which a Pod has no route to a method of a host."""
    labels = {name: value for name, value in labels.items() if name != POD_LABEL}
    sidecar = _sidecar(live, namespace, labels)
    if sidecar and not _is_included(sidecar, namespace, host):
        return f"Sidecar {full_name(sidecar)}"
    service = _virtual_service(live, host)
    return f"VirtualService {full_name(service)}" if service else ""


def _sidecar(live: Live, namespace: str, labels: Mapping[str, str]) -> Json | None:
    """Return the Sidecar of a Pod: the one that selects it, its namespace's default, or the mesh's default."""
    default: dict[str, Json] = {}
    for sidecar in live.objects("Sidecar"):
        selector = sidecar["spec"].get("workloadSelector", {}).get("labels")
        if not selector:
            default[sidecar["metadata"]["namespace"]] = sidecar
        elif sidecar["metadata"]["namespace"] == namespace and selector.items() <= labels.items():
            return sidecar
    return default.get(namespace) or default.get(ROOT_NAMESPACE)


def _is_included(sidecar: Json | None, namespace: str, host: str) -> bool:
    """Return whether a Sidecar includes a host. Without a Sidecar, every host is included."""
    egress = sidecar["spec"].get("egress", []) if sidecar else []
    patterns = [pattern for each in egress for pattern in each["hosts"]] or [EVERYTHING]
    return any(_includes(pattern, namespace, host) for pattern in patterns)


def _includes(pattern: str, namespace: str, host: str) -> bool:
    """Return whether "<namespace>/<name>" of a Sidecar's egress includes a host."""
    where, _, name = pattern.partition("/")
    where = namespace if where == "." else where
    return where in {"*", host.split(".")[1]} and fnmatchcase(host, name)


def _virtual_service(live: Live, host: str) -> Json | None:
    for service in live.objects("VirtualService"):
        spec = service["spec"]
        if host in spec.get("hosts", []) and "mesh" in spec.get("gateways", ["mesh"]):
            return service
    return None


def _matches(route: Json, path: str) -> bool:
    uris = [each.get("uri", {}) for each in route.get("match", [{}])]
    return any(not uri or _matches_uri(uri, path) for uri in uris)


def _matches_uri(uri: Json, path: str) -> bool:
    [(kind, pattern)] = uri.items()
    return STRINGS[kind](pattern, path) if kind in STRINGS else match_string({"safe_regex": {"regex": pattern}}, path)
