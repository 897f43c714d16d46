"""The EnvoyFilter that limits how often a caller may call expensive methods at the gateway.

https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/local_rate_limit_filter
"""

import base64
from collections.abc import Sequence

from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.rpc.code_pb2 import RESOURCE_EXHAUSTED
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from tools.protoc_gen_istio import gateway_filters
from tools.protoc_gen_istio.contracts import Audience, Method
from tools.protoc_gen_istio.manifests import Manifest, Noted, OneLine
from tools.protoc_gen_istio.settings import Settings

FILTER = "envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit"
MESSAGE = "local_rate_limited"
"""Envoy's message for a call above a limit."""
METHOD = OneLine({"request_headers": {"header_name": ":path", "descriptor_key": "method"}})
ADDRESS = {"masked_remote_address": {"v4_prefix_mask_len": 32, "v6_prefix_mask_len": 64}}
MINUTE_SECONDS = 60


def rate_limits(methods: Sequence[Method], settings: Settings) -> Manifest:
    """Return the EnvoyFilter for methods that have a limit."""
    patch = {
        "operation": Noted(
            "Runs last: by then, JSON is translated to the gRPC path, and the token is verified.", "INSERT_BEFORE"
        ),
        "value": {"name": "method-limits", "typed_config": _filter(methods, settings)},
    }
    # Applied after transcoding.
    return gateway_filters.gateway_filter(
        "method-limits", patch, settings, priority=20, before="envoy.filters.http.router"
    )


def _filter(methods: Sequence[Method], settings: Settings) -> Manifest:
    # When the slowest bucket has its next token.
    retry = -(-MINUTE_SECONDS // min(method.calls_per_minute for method in methods))
    callers = dict(_caller(method, settings) for method in methods)
    always = OneLine({"default_value": {"numerator": 100}})
    return {
        "@type": f"type.googleapis.com/{FILTER}",
        "stat_prefix": "method",
        "filter_enabled": always,
        "filter_enforced": always,
        "rate_limited_as_resource_exhausted": Noted("Instead of UNAVAILABLE, which callers would retry.", value=True),
        "response_headers_to_add": [
            {"header": OneLine({"key": "retry-after", "value": str(retry)})},
            Noted(
                "The same for gRPC callers: a google.rpc.Status with RetryInfo.",
                {"header": {"key": "grpc-status-details-bin", "value": _details(retry)}},
            ),
        ],
        "rate_limits": [{"actions": [METHOD, OneLine(action)]} for action in callers.values()],
        "descriptors": Noted(
            "A caller's entry has no value: each value gets a separate bucket.",
            [_descriptor(method, _caller(method, settings)[0]) for method in methods],
        ),
        "max_dynamic_descriptors": Noted(
            "The maximum number of buckets of a method. Above it, the least recently used one is dropped.", 10000
        ),
        "token_bucket": Noted(
            "For all other methods. Envoy requires this bucket; it is large enough to never be empty.",
            _bucket(1_000_000, 1),
        ),
        "always_consume_default_token_bucket": False,
    }


def _descriptor(method: Method, key: str) -> Manifest:
    entries = [OneLine({"key": "method", "value": method.path}), OneLine({"key": key})]
    return {"entries": entries, "token_bucket": _bucket(method.calls_per_minute, MINUTE_SECONDS)}


def _bucket(calls: int, seconds: int) -> OneLine:
    return OneLine({"max_tokens": calls, "tokens_per_fill": calls, "fill_interval": f"{seconds}s"})


def _caller(method: Method, settings: Settings) -> tuple[str, Manifest]:
    """Return the key that identifies a method's caller, and Envoy's action that finds its value."""
    if method.audience is Audience.SIGNED_IN and settings.user_header:
        return "user", {"request_headers": {"header_name": settings.user_header, "descriptor_key": "user"}}
    return "masked_remote_address", ADDRESS


def _details(retry_seconds: int) -> str:
    details = Any()
    details.Pack(RetryInfo(retry_delay=Duration(seconds=retry_seconds)))
    status = Status(code=RESOURCE_EXHAUSTED, message=MESSAGE, details=[details])
    return base64.b64encode(status.SerializeToString(deterministic=True)).decode()
