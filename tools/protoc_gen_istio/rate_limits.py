"""The EnvoyFilter that limits how often a caller may call expensive methods at the gateway.

https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/local_rate_limit_filter
"""

import base64
from collections.abc import Iterator, Sequence

from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.rpc.code_pb2 import RESOURCE_EXHAUSTED
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from tools.protoc_gen_istio import gateway_filters
from tools.protoc_gen_istio.contracts import Audience, Method
from tools.protoc_gen_istio.settings import Settings

FILTER = "envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit"
MESSAGE = "local_rate_limited"
"""Envoy's message for a call above a limit."""
METHOD = '{request_headers: {header_name: ":path", descriptor_key: method}}'
ADDRESS = "{masked_remote_address: {v4_prefix_mask_len: 32, v6_prefix_mask_len: 64}}"
MINUTE_SECONDS = 60


def rate_limits(methods: Sequence[Method], settings: Settings) -> Iterator[str]:
    """Yield the lines of the EnvoyFilter for methods that have a limit."""
    # Applied after transcoding.
    yield from gateway_filters.head("method-limits", settings, priority=20)
    yield "              subFilter: {name: envoy.filters.http.router}"
    yield "      patch:"
    yield "        # Runs last: by then, JSON is translated to the gRPC path, and the token is verified."
    yield "        operation: INSERT_BEFORE"
    yield "        value:"
    yield "          name: method-limits"
    yield "          typed_config:"
    yield from _filter(methods, settings)


def _filter(methods: Sequence[Method], settings: Settings) -> Iterator[str]:
    # When the slowest bucket has its next token.
    retry = -(-MINUTE_SECONDS // min(method.calls_per_minute for method in methods))
    callers = dict.fromkeys(_caller(method, settings) for method in methods)
    yield f'            "@type": type.googleapis.com/{FILTER}'
    yield "            stat_prefix: method"
    yield "            filter_enabled: {default_value: {numerator: 100}}"
    yield "            filter_enforced: {default_value: {numerator: 100}}"
    yield "            # Instead of UNAVAILABLE, which callers would retry."
    yield "            rate_limited_as_resource_exhausted: true"
    yield "            response_headers_to_add:"
    yield f'              - header: {{key: retry-after, value: "{retry}"}}'
    yield "              # The same for gRPC callers: a google.rpc.Status with RetryInfo."
    yield "              - header:"
    yield "                  key: grpc-status-details-bin"
    yield f"                  value: {_details(retry)}"
    yield "            rate_limits:"
    for _, action in callers:
        yield "              - actions:"
        yield f"                  - {METHOD}"
        yield f"                  - {action}"
    yield "            descriptors:"
    for method in methods:
        key, _ = _caller(method, settings)
        limit = method.calls_per_minute
        yield "              - entries:"
        yield f"                  - {{key: method, value: {method.path}}}"
        yield f"                  - {{key: {key}}}  # without a value: a separate bucket for each value"
        yield "                token_bucket:"
        yield f"                  {{max_tokens: {limit}, tokens_per_fill: {limit}, fill_interval: {MINUTE_SECONDS}s}}"
    yield "            # The maximum number of buckets of a method. Above it, the least recently used one is dropped."
    yield "            max_dynamic_descriptors: 10000"
    yield "            # For all other methods. Envoy requires this bucket; it is large enough to never be empty."
    yield "            token_bucket: {max_tokens: 1000000, tokens_per_fill: 1000000, fill_interval: 1s}"
    yield "            always_consume_default_token_bucket: false"


def _caller(method: Method, settings: Settings) -> tuple[str, str]:
    """Return the key that identifies a method's caller, and Envoy's action that finds its value."""
    if method.audience is Audience.SIGNED_IN and settings.user_header:
        return "user", f"{{request_headers: {{header_name: {settings.user_header}, descriptor_key: user}}}}"
    return "masked_remote_address", ADDRESS


def _details(retry_seconds: int) -> str:
    details = Any()
    details.Pack(RetryInfo(retry_delay=Duration(seconds=retry_seconds)))
    status = Status(code=RESOURCE_EXHAUSTED, message=MESSAGE, details=[details])
    return base64.b64encode(status.SerializeToString(deterministic=True)).decode()
