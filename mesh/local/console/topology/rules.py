"""The configuration of the proxies of an edge, and which Pods they see. It is known only for now."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mesh.local.console.topology.proxies import Limit, Pool, Route, limits, pools, routes_of, service_of, unlimited
from mesh.local.console.topology.workloads import Pod
from mesh.local.why.live import PORT
from mesh.local.why.proxy import Proxy


@dataclass(frozen=True)
class Host:
    """A Pod of the service, as the proxy of a Pod of the caller sees it."""

    seen_by: str
    address: str
    pod: str
    ejected: bool
    active: int
    """Calls in progress."""


@dataclass(frozen=True)
class Callee:
    """What the proxies of the service accept."""

    max_requests: int | None
    """Calls in flight of all callers together, for each Pod."""
    accepts_plaintext: bool


@dataclass(frozen=True)
class Rules:
    """The configuration of the proxies of an edge."""

    routes: Mapping[str, Sequence[Route]] = field(default_factory=dict)
    """By method."""
    limits: Mapping[str, Sequence[Limit]] = field(default_factory=dict)
    """By method."""
    pools: tuple[Pool, ...] = ()
    callee: Callee | None = None
    hosts: tuple[Host, ...] = ()


def read(
    methods: Iterable[str], service: str, caller: Proxy | None, callee: Proxy | None, hosts: Iterable[Host]
) -> Rules:
    """Read the rules from the configurations of a proxy of the caller and of one of the service, if they run."""
    outbound = (caller.outbound(PORT) or caller.outbound()) if caller else None
    config = caller.route_config(outbound) if caller and outbound else {}
    inbound = callee.inbound(PORT, is_tls=True) if callee else None
    paths = {method: f"/{method}" for method in methods}
    return Rules(
        routes={method: tuple(routes_of(config, path, service)) for method, path in paths.items()},
        limits={method: (*limits(outbound, path), *limits(inbound, path)) for method, path in paths.items()},
        pools=tuple(pools(caller, service)) if caller else (),
        callee=_callee(callee) if callee else None,
        hosts=tuple(hosts),
    )


def read_hosts(seen_by: str, statuses: Mapping[str, Any], service: str, pods: Iterable[Pod]) -> list[Host]:
    """Read the Pods of a service from what an Envoy returns for /clusters?format=json."""
    names = {pod.address: pod.name for pod in pods}
    found: dict[str, Host] = {}
    for cluster in statuses.get("cluster_statuses", []):
        if service_of(cluster["name"]) == service:
            for each in cluster.get("host_statuses", []):
                address = each["address"].get("socket_address", {}).get("address", "")
                active = {stat["name"]: int(stat.get("value", 0)) for stat in each["stats"]}["rq_active"]
                ejected = each["health_status"].get("failed_outlier_check", False)
                # A cluster for each subset: a Pod is in several, with separate counts.
                before = found.get(address, Host(seen_by, address, names.get(address, ""), ejected=False, active=0))
                found[address] = replace(before, ejected=before.ejected or ejected, active=before.active + active)
    return [found[address] for address in sorted(found)]


def _callee(proxy: Proxy) -> Callee:
    inbound = proxy.clusters.get(f"inbound|{PORT}||", {})
    (threshold, *_) = inbound.get("circuit_breakers", {}).get("thresholds", []) or [{}]
    return Callee(unlimited(threshold.get("max_requests")), proxy.inbound(PORT, is_tls=False) is not None)
