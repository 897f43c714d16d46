"""How the page of the contracts reads calls that were tried, metrics, and what proxies do."""

import json

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from mesh.local.clients.metrics import Sample
from mesh.local.console.contracts.attempt import InvalidRequestError, grpcurl_json, parse_request
from mesh.local.console.contracts.live import treatments
from mesh.local.console.contracts.recent import Recent, gather
from mesh.local.console.contracts.transcript import Violation, of_grpcurl, of_operator
from mesh.local.matrix.declared import methods
from shop.catalog.v1.catalog_pb2 import GetProductRequest, UpdateProductRequest
from tests.support.checkout import ROOT
from tests.unit.why_world import METHOD, Json, dump, route, typed, world

TOKEN = "secret-token"  # noqa: S105  # made up
GRPCURL = f"""
Resolved method descriptor:
rpc GetProduct ( .shop.catalog.v1.GetProductRequest ) returns ( .shop.catalog.v1.GetProductResponse );

Request metadata to send:
authorization: Bearer {TOKEN}

Response headers received:
content-type: application/grpc
server: istio-envoy

Estimated response size: 211 bytes

Response contents:
{{
  "product": {{
    "name": "products/p-0001"
  }}
}}

Response trailers received:
(empty)
Sent 1 request and received 1 response
Timing Data: 44.17766ms
  Dial: 1.744051ms
    BlockingDial: 1.728378ms
  InvokeRPC: 13.639678ms
"""
"""What `grpcurl -vv` prints."""
FAILED = """
Request metadata to send:
(empty)

Response headers received:
(empty)

Response trailers received:
content-type: application/grpc
grpc-status-details-bin: CAMSPm5hbWUg
Sent 1 request and received 0 responses
"""
BAD_REQUEST = {
    "@type": "type.googleapis.com/google.rpc.BadRequest",
    "fieldViolations": [{"field": "name", "description": "does not match"}],
}
GET_PRODUCT = METHOD.lstrip("/")


def test_a_response_is_read_and_the_token_is_not() -> None:
    outcome = of_grpcurl(GRPCURL, "", 1.0, "")
    assert (outcome.status, outcome.messages) == ("OK", [{"product": {"name": "products/p-0001"}}])
    assert outcome.headers == {"content-type": "application/grpc", "server": "istio-envoy"}
    assert outcome.seconds == pytest.approx(0.013639678)
    assert TOKEN not in str(outcome)


def test_the_status_of_a_failed_call_is_read_with_its_violations() -> None:
    status = json.dumps({"code": 3, "message": "name does not match", "details": [BAD_REQUEST]}, indent=2)
    outcome = of_grpcurl(FAILED, status, 1.0, "")
    assert (outcome.status, outcome.message, outcome.seconds) == ("INVALID_ARGUMENT", "name does not match", 1.0)
    assert outcome.violations == [Violation("name", "does not match")]
    assert outcome.trailers == {"content-type": "application/grpc"}


def test_a_call_that_could_not_be_made_has_no_status() -> None:
    outcome = of_grpcurl("", "Failed to dial target host", 1.0, "")
    assert (outcome.status, outcome.message) == ("", "Failed to dial target host")


def test_a_stream_that_was_stopped_has_the_complete_messages() -> None:
    printed = 'Response contents:\n{"number": 1}\n\nResponse contents:\n{"number": 2}\n\nResponse contents:\n{"numb'
    outcome = of_grpcurl(printed, "", 10.0, "it was stopped after 10 s")
    assert (outcome.status, outcome.messages) == ("", [{"number": 1}, {"number": 2}])


@pytest.mark.parametrize(
    ("exit_code", "output", "status", "message", "violations"),
    [
        (0, '{"payments": []}\n', "OK", "", []),
        (1, "PERMISSION_DENIED: RBAC: access denied\n", "PERMISSION_DENIED", "RBAC: access denied", []),
        (
            1,
            "INVALID_ARGUMENT INVALID_FIELDS: name is wrong [name is wrong; size must be 1]\n",
            "INVALID_ARGUMENT",
            "name is wrong",
            [Violation("name", "is wrong"), Violation("size", "must be 1")],
        ),
        (2, "operator: no contract has a method\n", "", "no contract has a method", []),
    ],
)
def test_the_output_of_the_operator_is_read(
    exit_code: int, output: str, status: str, message: str, violations: list[Violation]
) -> None:
    outcome = of_operator(exit_code, output, 2.0)
    assert (outcome.status, outcome.message, outcome.violations) == (status, message, violations)


@pytest.mark.parametrize("text", ['{"name": }', "[]", '{"nam": "x"}', '{"name": 1}', ""])
def test_a_text_that_is_no_request_is_an_error(text: str) -> None:
    with pytest.raises(InvalidRequestError):
        parse_request(GetProductRequest(), text)


def test_a_mask_is_written_as_grpcurl_reads_it() -> None:
    request = UpdateProductRequest(update_mask=FieldMask(paths=["display_name", "price"]))
    request.product.name = "products/p-0001"
    assert grpcurl_json(request) == {
        "product": {"name": "products/p-0001"},
        "updateMask": {"paths": ["display_name", "price"]},
    }


def sample(value: float, **labels: str) -> Sample:
    return Sample({"method": GET_PRODUCT, **labels}, value)


def test_the_used_share_of_the_budgets_follows_from_the_calls() -> None:
    found = gather(
        [sample(990, caller="orders", grpc_status="0"), sample(10, caller="gateway", grpc_status="14")],
        p99=[sample(25)],
        fast=[sample(980)],
        measured=[sample(1000)],
        error_budgets=[sample(0.005)],
        slow_budgets=[sample(0.01, le="500")],
    )
    recent = found[GET_PRODUCT]
    assert (recent.calls, recent.failed, recent.slow, recent.p99_ms) == (1000, 10, 20, 25)
    assert recent.error_budget_used == pytest.approx(2)
    assert recent.slow_budget_used == pytest.approx(2)
    assert [(count.caller, count.status) for count in recent.counts] == [("gateway", "UNAVAILABLE"), ("orders", "OK")]
    assert Recent(error_budget=0.001).error_budget_used is None


def limit(path: str, tokens: int) -> Json:
    bucket = {"max_tokens": tokens, "tokens_per_fill": tokens, "fill_interval": "30s"}
    entries = [{"key": "method", "value": path}, {"key": "masked_remote_address"}]
    return typed(
        "extensions.filters.http.local_ratelimit.v3.LocalRateLimit",
        descriptors=[{"entries": entries, "token_bucket": bucket}],
    )


def test_what_the_proxies_do_is_read_from_their_configuration() -> None:
    retried = route()
    retried["route"] |= {"timeout": "2s", "retry_policy": {"num_retries": 2, "retry_on": "unavailable"}}
    endless = route()
    endless["route"] |= {"timeout": "0s"}
    live = world(
        gateway=dump("OUTBOUND", limit(METHOD, 5), routes=[retried]), orders=dump("OUTBOUND", routes=[endless])
    )
    declared = next(method for method in methods(ROOT) if method.name == GET_PRODUCT)
    [gateway] = treatments(live, declared)
    assert (gateway.timeout, gateway.retries, gateway.retry_on, gateway.calls_per_minute) == (
        "2s",
        2,
        "unavailable",
        10,
    )
