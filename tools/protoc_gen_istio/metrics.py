"""Metrics of calls by method: what makes a proxy count the methods of the contracts, and nothing else.

A caller can put any text into a path. Only the paths of the contracts become values of the label `method`, so no caller
can create series.

istio-proxy has the filter istio.stats; a Telemetry resource adds the label to its metrics. Upstream Envoy, which the
local mesh runs, does not have that filter; there an access logger counts. Both count when a call ends, at the proxy of
its caller: also what never reached a callee, what timed out and what the caller cancelled.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from tools.protoc_gen_istio.contracts import Method
from tools.protoc_gen_istio.gateway_filters import HTTP_MANAGER, SUPPRESSED
from tools.protoc_gen_istio.manifests import Manifest, Noted, OneLine, manifest
from tools.protoc_gen_istio.settings import Settings

UPSTREAM_ENVOY = Noted(
    "Only upstream Envoy, whose node has this metadata. istio-proxy counts by itself.",
    OneLine({"metadata": {"UPSTREAM_ENVOY": "true"}}),
)
TYPES = "type.googleapis.com/envoy.extensions"
OTHER = "other"
SOURCE, DESTINATION = "source", "destination"
"""Values of the label `reporter`, as in Istio's metrics: the proxy of the caller, or of the callee."""


def metrics(methods: Sequence[Method], settings: Settings) -> Iterator[Manifest]:
    """Yield what counts the methods' calls: in the mesh, and at the gateway if there are public methods."""
    yield _telemetry(methods, settings.namespace, None)
    yield _filter(methods, settings.namespace, None, {"SIDECAR_OUTBOUND": SOURCE, "SIDECAR_INBOUND": DESTINATION})
    if public := [method for method in methods if method.public]:
        selector = settings.gateway_selector
        yield _telemetry(public, settings.gateway_namespace, selector)
        yield _filter(public, settings.gateway_namespace, selector, {"GATEWAY": SOURCE})


def _telemetry(methods: Iterable[Method], namespace: str, selector: dict[str, str] | None) -> Manifest:
    paths = ", ".join(f"'{method.path}'" for method in methods)
    tags = {"method": {"value": f"request.url_path in [{paths}] ? request.url_path : '{OTHER}'"}}
    overrides = [
        {"match": OneLine({"metric": metric, "mode": "CLIENT"}), "tagOverrides": tags}
        for metric in ("REQUEST_COUNT", "REQUEST_DURATION")
    ]
    # Without a provider, it changes nothing in a mesh whose proxies have no istio.stats. Istio obeys only one such
    # resource: an installation that wants traces adds them here.
    return {
        **manifest("telemetry.istio.io/v1", "Telemetry", "telemetry", namespace),
        "spec": {
            **({"selector": {"matchLabels": OneLine({**selector})}} if selector else {}),
            "metrics": [{"overrides": overrides}],
        },
    }


def _filter(
    methods: Iterable[Method], namespace: str, selector: dict[str, str] | None, reporters: dict[str, str]
) -> Manifest:
    pattern = _pattern(methods)
    patches = [_patch(context, reporter, pattern) for context, reporter in reporters.items()]
    annotations = {"galley.istio.io/analyze-suppress": SUPPRESSED}
    return {
        **manifest("networking.istio.io/v1alpha3", "EnvoyFilter", "metrics", namespace, annotations=annotations),
        "spec": {
            **({"workloadSelector": {"labels": OneLine({**selector})}} if selector else {}),
            "configPatches": patches,
        },
    }


def _patch(context: str, reporter: str, pattern: str) -> dict[str, Any]:
    logger = {
        "name": "envoy.access_loggers.stats",
        "filter": {
            "and_filter": {
                "filters": [
                    _header(":path", {"safe_regex": {"regex": pattern}}),
                    # By now, JSON is translated to gRPC. What is no call at all does not count as a failed one.
                    _header("content-type", {"prefix": "application/grpc"}),
                ]
            }
        },
        "typed_config": {
            "@type": f"{TYPES}.access_loggers.stats.v3.Config",
            "stat_prefix": "mesh_rpc",
            "counters": [_counter(reporter)],
            **({"histograms": [_histogram(reporter)]} if reporter == SOURCE else {}),
        },
    }
    manager = f"{TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager"
    return {
        "applyTo": "NETWORK_FILTER",
        "match": {
            "context": context,
            "proxy": UPSTREAM_ENVOY,
            "listener": {"filterChain": {"filter": OneLine({"name": HTTP_MANAGER})}},
        },
        "patch": {"operation": "MERGE", "value": {"typed_config": {"@type": manager, "access_log": [logger]}}},
    }


def _header(name: str, match: dict[str, Any]) -> dict[str, Any]:
    return {"header_filter": {"header": {"name": name, "string_match": OneLine(match)}}}


def _counter(reporter: str) -> dict[str, Any]:
    ends = {
        # Not %GRPC_STATUS_NUMBER%, which guesses a status from the HTTP code if there is none.
        "grpc_response_status": "%RESP(GRPC-STATUS)%%TRAILER(GRPC-STATUS)%",
        "response_code": "%RESPONSE_CODE%",
        "response_flags": "%RESPONSE_FLAGS%",
    }
    return {"stat": {"name": "requests_total", "tags": _tags(reporter) + _pairs(ends)}, "value_fixed": 1}


def _histogram(reporter: str) -> dict[str, Any]:
    stat = {"name": "duration_milliseconds", "tags": _tags(reporter)}
    return {"stat": stat, "unit": "Milliseconds", "value_format": "%DURATION%"}


def _tags(reporter: str) -> list[OneLine]:
    return _pairs({"reporter": reporter, "method": "%REQ(:PATH)%", "upstream_cluster": "%UPSTREAM_CLUSTER_RAW%"})


def _pairs(tags: dict[str, str]) -> list[OneLine]:
    return [OneLine({"name": name, "value_format": value}) for name, value in tags.items()]


def _pattern(methods: Iterable[Method]) -> str:
    """Return a regular expression for the paths of methods."""
    services: dict[str, list[str]] = {}
    for method in methods:
        services.setdefault(method.service, []).append(method.short)
    return "|".join(f"/{re.escape(service)}/({'|'.join(names)})" for service, names in services.items())
