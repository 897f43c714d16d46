"""The effect of generated policies: what a call may do, in which time, and how many of them.

Two sets of policies are compared by effect, not by text, so that another generator may write them in another way.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

Path = str
"""The path of a gRPC call, "/<package>.<Service>/<Method>", or of a page at the gateway."""
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
RATE_LIMITS, TRANSCODING = "method-limits", "transcoding"
"""The names of the EnvoyFilters that are compared."""
UNITS_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000}
NOT_OPTIONS = {"@type", "services", "proto_descriptor_bin"}
"""Settings of the transcoder that follow from the contracts."""


@dataclass(frozen=True)
class Route:
    """How calls of a method are sent. Without a limit, the timeout is infinite."""

    timeout_ms: float
    attempts: int
    retry_on: frozenset[str]
    ports: frozenset[int]


@dataclass(frozen=True)
class Grant:
    """Callers that may call a path. None means any."""

    principals: frozenset[str] | None
    """Workloads."""
    users: frozenset[str] | None
    """Issuers and subjects of tokens."""
    conditions: frozenset[tuple[str, frozenset[str]]]

    def covers(self, other: "Grant") -> bool:
        """Return whether it admits every caller of another grant."""
        stricter = (
            (key, values)
            for key, values in self.conditions
            if not any(key == name and _within(given, values) for name, given in other.conditions)
        )
        return (
            _within(other.principals, self.principals)
            and _within(other.users, self.users)
            and not any(True for _ in stricter)
        )


@dataclass
class Effects:
    """The effect of a set of policies. At the gateway means: for callers from outside."""

    routes: dict[tuple[bool, Path], Route] = field(default_factory=dict)
    """By whether the route is at the gateway, and the path."""
    grants: defaultdict[tuple[bool, Path], list[Grant]] = field(default_factory=lambda: defaultdict(list))
    limits: dict[str, int] = field(default_factory=dict)
    """How many connections or calls may be in flight, by a description of the limit."""
    rates: dict[tuple[Path, str], float] = field(default_factory=dict)
    """Calls per minute at the gateway, by path and what identifies the caller."""
    transcoding: dict[str, object] = field(default_factory=dict)
    """The options of JSON over HTTP."""


def parse(files: Iterable[str]) -> Effects:
    """Return the effect of manifests, each file with one or more documents. Raise yaml.YAMLError."""
    return read([each for text in files for each in yaml.load_all(text, LOADER) if isinstance(each, dict)])


def read(manifests: list[Any]) -> Effects:
    """Return the effect of manifests."""
    effects = Effects()
    gateways = {
        name.partition("/")[0]
        for each in _of_kind(manifests, "VirtualService")
        for name in each["spec"].get("gateways", [])
        if "/" in name
    }
    for each in _of_kind(manifests, "VirtualService"):
        _routes(each["spec"], effects)
    for each in _of_kind(manifests, "AuthorizationPolicy"):
        if each["spec"].get("action", "ALLOW") == "ALLOW":
            _grants(each["spec"], effects, at_gateway=each["metadata"]["namespace"] in gateways)
    for each in _of_kind(manifests, "DestinationRule"):
        _limits(each, effects)
    for each in _of_kind(manifests, "Sidecar"):
        pool = each["spec"].get("inboundConnectionPool", {})
        effects.limits |= _pool(f"of an instance of {each['metadata']['name']}", pool)
    for each in _of_kind(manifests, "EnvoyFilter"):
        _filter(each, effects)
    return effects


def milliseconds(duration: str) -> float:
    """Return a duration of Istio, "2500ms" or "1m30s", in milliseconds. "0s" means that there is no limit."""
    parts = re.findall(r"([\d.]+)(ms|s|m|h)", duration)
    return sum(float(number) * UNITS_MS[unit] for number, unit in parts) or float("inf")


def _of_kind(manifests: list[Any], kind: str) -> list[Any]:
    return [each for each in manifests if each.get("kind") == kind]


def _routes(spec: Any, effects: Effects) -> None:  # noqa: ANN401  # YAML
    at_gateway = any("/" in name for name in spec.get("gateways", []))
    for rule in spec.get("http", []):
        retries = rule.get("retries", {})
        route = Route(
            milliseconds(str(rule.get("timeout", "0s"))),
            int(retries.get("attempts", 0)),
            frozenset(filter(None, str(retries.get("retryOn", "")).split(",")))
            if retries.get("attempts")
            else frozenset(),
            frozenset(each["destination"].get("port", {}).get("number", 0) for each in rule.get("route", [])),
        )
        for match in rule.get("match", []):
            path = match.get("uri", {}).get("exact", "")
            key = at_gateway, path
            # The rule that delegates to an operator's policy has the same timeout. The stricter one counts.
            other = effects.routes.get(key, route)
            effects.routes[key] = Route(
                min(route.timeout_ms, other.timeout_ms),
                min(route.attempts, other.attempts),
                route.retry_on & other.retry_on,
                route.ports | other.ports,
            )


def _grants(spec: Any, effects: Effects, *, at_gateway: bool) -> None:  # noqa: ANN401  # YAML
    for rule in spec.get("rules", []):
        sources = [each.get("source", {}) for each in rule.get("from", [{}])]
        conditions = frozenset((each["key"], frozenset(map(str, each["values"]))) for each in rule.get("when", []))
        for operation in (each.get("operation", {}) for each in rule.get("to", [])):
            for path in operation.get("paths", []):
                effects.grants[at_gateway, path] += [
                    Grant(_names(source, "principals"), _names(source, "requestPrincipals"), conditions)
                    for source in sources
                ]


def _names(source: Any, key: str) -> frozenset[str] | None:  # noqa: ANN401  # YAML
    return frozenset(source[key]) if key in source else None


def _within(inner: frozenset[str] | None, outer: frozenset[str] | None) -> bool:
    """Return whether every name of `inner` matches a name of `outer`, which may end with "*"."""
    if outer is None or inner is None:
        return outer is None
    return all(any(_matches(name, pattern) for pattern in outer) for name in inner)


def _matches(name: str, pattern: str) -> bool:
    return name == pattern or (pattern.endswith("*") and name.startswith(pattern[:-1]))


def _limits(rule: Any, effects: Effects) -> None:  # noqa: ANN401  # YAML
    name, policy = rule["metadata"]["name"], rule["spec"].get("trafficPolicy", {})
    effects.limits |= _pool(f"from a caller to {name}", policy.get("connectionPool", {}))
    for subset in rule["spec"].get("subsets", []):
        pool = subset.get("trafficPolicy", {}).get("connectionPool", {})
        effects.limits |= _pool(f"from a caller to the {subset['name']} of {name}", pool)


def _pool(where: str, pool: Any) -> dict[str, int]:  # noqa: ANN401  # YAML
    words = {"maxConnections": "connections", "http2MaxRequests": "calls in flight"}
    settings = {**pool.get("tcp", {}), **pool.get("http", {})}
    return {f"{word} {where}": int(settings[key]) for key, word in words.items() if key in settings}


def _filter(manifest: Any, effects: Effects) -> None:  # noqa: ANN401  # YAML
    for patch in manifest["spec"].get("configPatches", []):
        config = patch.get("patch", {}).get("value", {}).get("typed_config", {})
        if manifest["metadata"]["name"] == RATE_LIMITS:
            effects.rates |= dict(_rates(config))
        elif manifest["metadata"]["name"] == TRANSCODING:
            effects.transcoding |= {key: value for key, value in config.items() if key not in NOT_OPTIONS}


def _rates(config: Any) -> Iterator[tuple[tuple[Path, str], float]]:  # noqa: ANN401  # YAML
    for each in config.get("descriptors", []):
        method, caller = each["entries"]
        bucket = each["token_bucket"]
        per_minute = bucket["tokens_per_fill"] * 60_000 / milliseconds(bucket["fill_interval"])
        yield (method["value"], caller["key"]), min(per_minute, bucket["max_tokens"])
