"""The configuration of the Envoys for calls: routes, timeouts, retries, faults, limits (envoy.config.*.v3)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mesh.local.why.matchers import match_header
from mesh.local.why.proxy import Chain, Proxy
from mesh.local.why.request import Request

UNLIMITED = 2**32 - 1
"""How istiod writes that there is no limit."""
LIMITED_BY = {"masked_remote_address": "address", "remote_address": "address"}
"""Key of a descriptor → what has a separate limit."""
FAULT = "envoy.filters.http.fault"

Json = Any


@dataclass(frozen=True)
class Route:
    """What a proxy does with a method."""

    condition: str
    """Headers that a call must have; empty if it needs none."""
    timeout: str
    """For example "2s"; empty without one."""
    attempts: int
    retry_on: str
    fault: str
    """What the proxy injects, or empty."""
    destinations: dict[str, int]
    """The subset, or the host for all Pods → its share of the calls."""
    mirror: str
    """Where copies of the calls go, or empty."""
    source: str
    """ "virtual-service shop/payments": the object that defines the route, or empty."""


@dataclass(frozen=True)
class Pool:
    """The limits of a proxy for the calls to a service. None: unlimited."""

    subset: str
    max_requests: int | None
    max_connections: int | None
    retry_budget_percent: float | None
    consecutive_errors: int | None
    """After so many UNAVAILABLE and DEADLINE_EXCEEDED in a row, a Pod gets no calls for a time."""
    ejection_time: str
    max_ejected_percent: int | None
    connect_timeout: str
    source: str
    """The DestinationRule, as in Route."""


@dataclass(frozen=True)
class Limit:
    """A rate limit of a proxy."""

    filter: str
    calls: int
    interval: str
    per: tuple[str, ...]
    """What has a separate limit: address, user."""


def service_of(cluster: str) -> str:
    """Return the service of a cluster "outbound|<port>|<subset>|<service>.<…>"; empty if it is another one."""
    direction, _, rest = cluster.partition("|")
    return rest.rpartition("|")[2].partition(".")[0] if direction == "outbound" else ""


def routes_of(config: Json, path: str, service: str) -> Iterator[Route]:
    """Yield the routes that gRPC calls of a path can take to a service, in the order in which a proxy tries them."""
    usual = Request(path, authority="", port=0).headers
    for host in config.get("virtual_hosts", []):
        is_own = any(domain == "*" or domain.partition(".")[0] == service for domain in host["domains"])
        for each in host.get("routes", []):
            match, headers = each["match"], each["match"].get("headers", [])
            has_path = match.get("path") == path or ("prefix" in match and path.startswith(match["prefix"]))
            known = all(match_header(header, usual) for header in headers if header["name"] in usual)
            if "route" not in each or not has_path or not known:
                continue
            conditions = [_header(header) for header in headers if header["name"] not in usual]
            yield _route(each, ", ".join([*conditions, *([] if is_own else [f"host: {host['domains'][0]}"])]))
            if not conditions:
                break


def pools(proxy: Proxy, service: str) -> list[Pool]:
    """Return the limits of a proxy for a service: one for all Pods, and one for each subset."""
    return [_pool(name, cluster) for name, cluster in sorted(proxy.clusters.items()) if service_of(name) == service]


def limits(chain: Chain | None, path: str) -> list[Limit]:
    """Return the rate limits that count calls of a path in a chain."""
    found = []
    for kind, config in chain.filters if chain else []:
        if kind.endswith("LocalRateLimit"):
            for descriptor in config.get("descriptors", []):
                values = {each.get("value", "") for each in descriptor["entries"]} - {""}
                if values <= {path}:
                    found.append(_limit(config, descriptor))
    return found


def unlimited(limit: int | None) -> int | None:
    """Return a limit, or None if it is the number that stands for none."""
    return None if limit == UNLIMITED else limit


def _route(route: Json, condition: str) -> Route:
    action = route["route"]
    weighted = action.get("weighted_clusters", {}).get("clusters", [])
    clusters = {each["name"]: each.get("weight", 0) for each in weighted} or {action.get("cluster", ""): 100}
    retries = action.get("retry_policy", {})
    mirrors = [each.get("cluster", "") for each in action.get("request_mirror_policies", [])]
    timeout = action.get("timeout", "")
    return Route(
        condition=condition,
        timeout="" if timeout == "0s" else timeout,
        attempts=1 + retries.get("num_retries", 1 if retries else 0),
        retry_on=retries.get("retry_on", ""),
        fault=_fault(route.get("typed_per_filter_config", {}).get(FAULT, {})),
        destinations={_destination(name): weight for name, weight in clusters.items()},
        mirror=", ".join(map(_destination, mirrors)),
        source=_source(route),
    )


def _pool(name: str, cluster: Json) -> Pool:
    (threshold, *_) = cluster.get("circuit_breakers", {}).get("thresholds", []) or [{}]
    outliers = cluster.get("outlier_detection", {})
    return Pool(
        subset=name.split("|")[2],
        max_requests=unlimited(threshold.get("max_requests")),
        max_connections=unlimited(threshold.get("max_connections")),
        retry_budget_percent=threshold.get("retry_budget", {}).get("budget_percent", {}).get("value"),
        consecutive_errors=outliers.get("consecutive_gateway_failure") or outliers.get("consecutive_5xx"),
        ejection_time=outliers.get("base_ejection_time", ""),
        max_ejected_percent=outliers.get("max_ejection_percent"),
        connect_timeout=cluster.get("connect_timeout", ""),
        source=_source(cluster),
    )


def _limit(config: Json, descriptor: Json) -> Limit:
    bucket = descriptor["token_bucket"]
    per = (LIMITED_BY.get(each["key"], each["key"]) for each in descriptor["entries"] if not each.get("value"))
    calls = bucket.get("tokens_per_fill", bucket["max_tokens"])
    return Limit(config["stat_prefix"], calls, bucket["fill_interval"], tuple(per))


def _destination(cluster: str) -> str:
    parts = cluster.split("|")
    return cluster if len(parts) < 4 else parts[2] or parts[3].partition(".")[0]


def _header(matcher: Json) -> str:
    value = next(iter(matcher.get("string_match", {}).values()), "")
    pattern = value.get("regex", "") if isinstance(value, dict) else value
    sign = "≠" if matcher.get("invert_match") else ":"
    return f"{matcher['name']}{sign} {pattern}".rstrip(" :") if pattern else f"{matcher['name']} is present"


def _fault(fault: Json) -> str:
    parts = []
    if abort := fault.get("abort", {}):
        code = f"gRPC status {abort['grpc_status']}" if "grpc_status" in abort else f"HTTP {abort.get('http_status')}"
        parts.append(f"abort {_percent(abort)} with {code}")
    if delay := fault.get("delay", {}):
        parts.append(f"delay {_percent(delay)} by {delay.get('fixed_delay', '?')}")
    return ", ".join(parts)


def _percent(fault: Json) -> str:
    share = fault.get("percentage", {})
    scale = {"HUNDRED": 1, "TEN_THOUSAND": 100, "MILLION": 10_000}[share.get("denominator", "HUNDRED")]
    return f"{share.get('numerator', 0) / scale:g} %"


def _source(each: Json) -> str:
    path = each.get("metadata", {}).get("filter_metadata", {}).get("istio", {}).get("config", "")
    _, _, rest = path.partition("/namespaces/")
    namespace, _, rest = rest.partition("/")
    kind, _, name = rest.partition("/")
    return f"{kind} {namespace}/{name}" if name else ""
