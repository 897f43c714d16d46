"""What the proxies of a method's callers do with its calls now: timeout, retries and rate limit."""

from collections.abc import Iterator
from dataclasses import dataclass

from mesh.local.clients.kubectl import NAMESPACE
from mesh.local.matrix.declared import Method
from mesh.local.why.live import PORT, Live
from mesh.local.why.matchers import Json
from mesh.local.why.proxy import Chain, Proxy
from mesh.local.why.request import Request
from mesh.local.why.routes import matching_route

RATE_LIMIT = "LocalRateLimit"
NO_TIMEOUT = "0s"


@dataclass(frozen=True)
class Treatment:
    """What one proxy does with the calls of a method."""

    caller: str
    """The service that calls, or "gateway"."""
    pod: str
    timeout: str
    """ "2s"; empty for none."""
    retries: int
    retry_on: str
    """The conditions, separated by commas."""
    calls_per_minute: float | None
    """The limit for one caller from outside; None for none."""


def treatments(live: Live, method: Method) -> list[Treatment]:
    """Return what the proxy of each caller does that has a route to a method. Raises MeshError."""
    return list(_treatments(live, method))


def _treatments(live: Live, method: Method) -> Iterator[Treatment]:
    if method.is_public:
        proxy = live.gateway()
        if (chain := proxy.outbound()) and (route := _route(proxy, chain, method, f"{chain.address}:{chain.port}")):
            yield _treatment("gateway", proxy, route, _limit(chain, method))
    for caller in sorted(method.callers):
        found = live.caller(f"{NAMESPACE}/{caller}")
        chain = found.outbound(PORT) if found else None
        host = f"{method.service}.{NAMESPACE}.svc.cluster.local"
        if found and chain and (route := _route(found, chain, method, host)):
            yield _treatment(caller, found, route, None)


def _route(proxy: Proxy, chain: Chain, method: Method, authority: str) -> Json | None:
    return matching_route(proxy.route_config(chain), Request(method.path, authority, chain.port))


def _treatment(caller: str, proxy: Proxy, route: Json, limit: float | None) -> Treatment:
    action = route.get("route", {})
    retry = action.get("retry_policy", {})
    timeout = action.get("timeout", "")
    return Treatment(
        caller=caller,
        pod=proxy.name,
        timeout="" if timeout == NO_TIMEOUT else timeout,
        retries=int(retry.get("num_retries", 1)) if retry else 0,
        retry_on=retry.get("retry_on", ""),
        calls_per_minute=limit,
    )


def _limit(chain: Chain, method: Method) -> float | None:
    for kind, config in chain.filters:
        for each in config.get("descriptors", []) if kind == RATE_LIMIT else []:
            if any(entry.get("value") == method.path for entry in each["entries"]):
                bucket = each["token_bucket"]
                seconds = float(bucket["fill_interval"].removesuffix("s"))
                return float(bucket.get("tokens_per_fill", 1)) * 60 / seconds
    return None
