"""Envoy's routes: where a proxy sends a call (envoy.config.route.v3)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mesh.local.why.matchers import Json, match_header, match_string, unsupported
from mesh.local.why.request import Request

IGNORED = {"case_sensitive", "headers", "runtime_fraction", "grpc"}
"""Parts of a match that choose no path."""
PATHS: Mapping[str, Callable[[Json, str], bool]] = {
    "prefix": lambda pattern, path: path.startswith(pattern),
    "path": lambda pattern, path: path == pattern,
    "path_separated_prefix": lambda pattern, path: path == pattern or path.startswith(f"{pattern}/"),
    "safe_regex": lambda pattern, path: match_string({"safe_regex": pattern}, path),
    "query_parameters": lambda _, __: False,  # a gRPC call has none
}
CONFIG = "/virtual-service/"


@dataclass(frozen=True)
class Route:
    """Where a call goes."""

    clusters: tuple[str, ...]
    """ "outbound|<port>|<subset>|<host>"; several if the calls are split."""
    virtual_service: str
    """ "<namespace>/<name>" of the VirtualService that defines it, or empty."""

    @property
    def hosts(self) -> tuple[str, ...]:
        """The hosts that the calls go to, each once."""
        return tuple(dict.fromkeys(cluster.rpartition("|")[2] for cluster in self.clusters))


def find_route(config: Json, request: Request) -> Route | None:
    """Return the first route that matches; None if there is none, or if it leads to no host."""
    found = matching_route(config, request)
    return _route(found) if found else None


def matching_route(config: Json, request: Request) -> Json | None:
    """Return the route of a call as Envoy has it, with its timeout and retries; None if there is none."""
    routes = _virtual_host(config, request.authority).get("routes", [])
    return next((route for route in routes if _match(route["match"], request)), None)


def _virtual_host(config: Json, authority: str) -> Json:
    """Return the virtual host of an authority: by its name, then by the longest wildcard, then the one for all."""
    host = authority.lower()
    if config.get("ignore_port_in_host_matching") and not host.endswith("]"):
        host = host.rpartition(":")[0] if ":" in host else host
    found: dict[tuple[int, int], Json] = {}
    for virtual_host in config.get("virtual_hosts", []):
        for domain in virtual_host["domains"]:
            if domain.lower() == host:
                return virtual_host
            if domain == "*":
                found[0, 0] = virtual_host
            elif domain.startswith("*") and host.endswith(domain[1:].lower()):
                found[2, len(domain)] = virtual_host
            elif domain.endswith("*") and host.startswith(domain[:-1].lower()):
                found[1, len(domain)] = virtual_host
    return found[max(found)] if found else {}


def _match(match: Json, request: Request) -> bool:
    if not all(match_header(each, request.headers) for each in match.get("headers", [])):
        return False
    kinds = match.keys() - IGNORED
    if unknown := kinds - PATHS.keys():
        raise unsupported("a route", unknown)
    ignore_case = not match.get("case_sensitive", True) and "safe_regex" not in kinds
    path = request.path.lower() if ignore_case else request.path
    return all(PATHS[kind](match[kind].lower() if ignore_case else match[kind], path) for kind in kinds)


def _route(route: Json) -> Route | None:
    action = route.get("route", {})
    weighted = action.get("weighted_clusters", {}).get("clusters", [])
    clusters = tuple(each["name"] for each in weighted if each.get("weight", 0)) or (action.get("cluster", ""),)
    if not all(cluster.startswith("outbound|") for cluster in clusters):
        return None
    config = route.get("metadata", {}).get("filter_metadata", {}).get("istio", {}).get("config", "")
    namespace, _, name = config.partition("/namespaces/")[2].partition(CONFIG)
    return Route(clusters, f"{namespace}/{name}" if name else "")
