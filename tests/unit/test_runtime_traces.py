"""The trace of a call, which traces are sampled, and how spans are encoded."""

import contextvars
from collections.abc import Mapping

import pytest
from opentelemetry import trace
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as EncodedSpan
from opentelemetry.proto.trace.v1.trace_pb2 import Status
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from services.runtime.config import ConfigError
from services.runtime.telemetry import Operation, Span, Tracing, processed_event, sent_call, served_call
from services.runtime.telemetry.encoding import Encoder
from services.runtime.telemetry.operations import EndedSpan
from services.runtime.telemetry.resource import describe_process
from services.runtime.telemetry.spans import Parent

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = ("traceparent", f"00-{TRACE}-{PARENT}-00")
METHOD = "/shop.catalog.v1.CatalogService/GetProduct"


def start_call(*metadata: tuple[str, str], environ: Mapping[str, str] | None = None) -> tuple[Span, dict[str, str]]:
    """Return the span of a call with this metadata, and what OpenTelemetry's propagator would send during the call."""

    def run() -> tuple[Span, dict[str, str]]:
        span = Tracing("catalog", "1", environ or {}).start_call(metadata)
        assert trace.get_current_span() is span
        carrier: dict[str, str] = {}
        TraceContextTextMapPropagator().inject(carrier)
        return span, carrier

    return contextvars.copy_context().run(run)


def test_a_call_continues_the_trace_of_its_caller() -> None:
    span, carrier = start_call(("user-agent", "x"), TRACEPARENT)
    assert carrier == {"traceparent": f"00-{TRACE}-{span.span_id}-00"}
    assert dict(span.headers()) == carrier
    assert (span.trace_id, span.parent_id, span.span_id != PARENT) == (TRACE, PARENT, True)


def test_a_call_passes_the_state_of_the_trace_on() -> None:
    span, carrier = start_call(TRACEPARENT, ("tracestate", "vendor=1,other=2"))
    assert carrier == {"traceparent": f"00-{TRACE}-{span.span_id}-00", "tracestate": "vendor=1,other=2"}
    assert dict(span.headers()) == carrier


def test_a_call_reads_later_versions_of_the_header() -> None:
    span, _ = start_call(("traceparent", f"01-{TRACE}-{PARENT}-01-more"))
    assert (span.trace_id, span.parent_id) == (TRACE, PARENT)


@pytest.mark.parametrize(
    "traceparent",
    [
        None,
        "",
        "4bf92f3577b34da6",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-01-more",
        f"ff-{TRACE}-{PARENT}-01",
    ],
)
def test_a_call_without_a_valid_trace_starts_one(traceparent: str | None) -> None:
    metadata = [] if traceparent is None else [("traceparent", traceparent)]
    (first, carrier), (second, _) = start_call(*metadata), start_call(*metadata)
    assert carrier == {"traceparent": f"00-{first.trace_id}-{first.span_id}-01"}
    assert first.parent_id == ""
    assert len({first.trace_id, second.trace_id, TRACE, "0" * 32}) == 4


@pytest.mark.parametrize(
    ("sampler", "argument", "first", "below_sampled", "below_not_sampled"),
    [
        ("", "", 1, True, False),
        ("parentbased_always_on", "", 1, True, False),
        ("parentbased_always_off", "", 0, True, False),
        ("parentbased_traceidratio", "0.25", 0.25, True, False),
        ("always_on", "", 1, True, True),
        ("always_off", "", 0, False, False),
        # The trace id of the parent is above a quarter of all ids, and below three quarters.
        ("traceidratio", "0.25", 0.25, False, False),
        ("traceidratio", "0.75", 0.75, True, True),
    ],
)
def test_a_sampler_decides_about_the_traces_that_are_its_own(
    sampler: str, argument: str, first: float, *, below_sampled: bool, below_not_sampled: bool
) -> None:
    environ = {"OTEL_TRACES_SAMPLER": sampler, "OTEL_TRACES_SAMPLER_ARG": argument}
    sampled = [start_call(environ=environ)[0].is_sampled for _ in range(2000)]
    assert sum(sampled) / len(sampled) == pytest.approx(first, abs=0.06 if 0 < first < 1 else 0)
    for flags, expected in (("01", below_sampled), ("00", below_not_sampled)):
        span, _ = start_call(("traceparent", f"00-{TRACE}-{PARENT}-{flags}"), environ=environ)
        assert span.is_sampled == expected


@pytest.mark.parametrize(
    "environ",
    [
        {"OTEL_TRACES_SAMPLER": "xray"},
        {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "half"},
        {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "1.5"},
    ],
)
def test_a_sampler_that_does_not_exist_is_an_invalid_setting(environ: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="OTEL_TRACES_SAMPLER"):
        Tracing("catalog", "1", environ)


def encode(*spans: EndedSpan) -> list[EncodedSpan]:
    """Encode spans of one process, and return what a collector reads."""
    request = ExportTraceServiceRequest.FromString(Encoder({"service.name": "catalog"}).encode(spans))
    (process,) = request.resource_spans
    (scope,) = process.scope_spans
    assert [(each.key, each.value.string_value) for each in process.resource.attributes] == [
        ("service.name", "catalog")
    ]
    assert process.schema_url == scope.schema_url == "https://opentelemetry.io/schemas/1.44.0"
    return list(scope.spans)


def attributes_of(span: EncodedSpan) -> dict[str, str | int]:
    return {each.key: each.value.string_value or each.value.int_value for each in span.attributes}


def test_a_span_is_encoded_with_its_ids_times_and_attributes() -> None:
    first, second = Span(Parent(TRACE, PARENT, "01")), Span(Parent(TRACE, "", "01"))
    state = trace.TraceState([("vendor", "1")])
    third = Span(Parent(TRACE, PARENT, "01", state))
    event = processed_event("shop.orders.v1.events", "analytics")
    served, sent, processed = encode(
        EndedSpan(first, served_call(METHOD), "OK", 1, 2),
        EndedSpan(second, sent_call(METHOD, "catalog.shop.svc.cluster.local:50051"), "NOT_FOUND", 3, 4),
        EndedSpan(
            third,
            event,
            "ValueError",
            2**63,
            2**63 + 1,
            {"messaging.kafka.offset": 300},
        ),
    )
    assert served == EncodedSpan(
        trace_id=bytes.fromhex(TRACE),
        span_id=bytes.fromhex(first.span_id),
        parent_span_id=bytes.fromhex(PARENT),
        name="shop.catalog.v1.CatalogService/GetProduct",
        kind=EncodedSpan.SPAN_KIND_SERVER,
        start_time_unix_nano=1,
        end_time_unix_nano=2,
        attributes=served.attributes,
    )
    call = {"rpc.system.name": "grpc", "rpc.method": "shop.catalog.v1.CatalogService/GetProduct"}
    assert attributes_of(served) == {**call, "rpc.response.status_code": "OK"}
    assert (sent.kind, sent.parent_span_id, sent.status.code) == (
        EncodedSpan.SPAN_KIND_CLIENT,
        b"",
        Status.STATUS_CODE_ERROR,
    )
    assert attributes_of(sent) == {
        **call,
        "server.address": "catalog.shop.svc.cluster.local",
        "server.port": 50051,
        "rpc.response.status_code": "NOT_FOUND",
        "error.type": "NOT_FOUND",
    }
    assert (processed.name, processed.kind) == ("process shop.orders.v1.events", EncodedSpan.SPAN_KIND_CONSUMER)
    assert (processed.trace_state, processed.start_time_unix_nano) == ("vendor=1", 2**63)
    assert attributes_of(processed) == {
        "messaging.kafka.offset": 300,
        "messaging.system": "kafka",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": "shop.orders.v1.events",
        "messaging.consumer.group.name": "analytics",
        "error.type": "ValueError",
    }


def test_a_span_of_any_size_is_encoded() -> None:
    names = ["x" * size for size in (0, 1, 60, 127, 128, 200, 16_383, 16_384, 100_000)]
    spans = [
        EndedSpan(Span(Parent(TRACE, "", "01")), Operation(trace.SpanKind.INTERNAL, name), "", 1, 2) for name in names
    ]
    assert [span.name for span in encode(*spans)] == names


@pytest.mark.parametrize(
    ("code", "server", "client"),
    [("OK", False, False), ("NOT_FOUND", False, True), ("CANCELLED", False, True), ("UNAVAILABLE", True, True)],
)
def test_a_server_is_to_blame_for_some_codes_only(code: str, *, server: bool, client: bool) -> None:
    for operation, failed in ((served_call(METHOD), server), (sent_call(METHOD, "unix:run/app.sock"), client)):
        (span,) = encode(EndedSpan(Span(Parent(TRACE, "", "01")), operation, code, 1, 2))
        assert span.status.code == (Status.STATUS_CODE_ERROR if failed else Status.STATUS_CODE_UNSET)
        assert attributes_of(span).get("error.type") == (code if failed else None)


@pytest.mark.parametrize(
    ("address", "server"),
    [
        ("unix:run/app.sock", {"server.address": "run/app.sock"}),
        ("unix:///run/app.sock", {"server.address": "/run/app.sock"}),
        ("[::1]:50051", {"server.address": "::1", "server.port": 50051}),
        ("dns:///catalog", {"server.address": "dns:///catalog"}),
    ],
)
def test_a_call_names_the_server_that_its_channel_dials(address: str, server: dict[str, str | int]) -> None:
    attributes = sent_call(METHOD, address).attributes
    assert {key: value for key, value in attributes.items() if key.startswith("server.")} == server


def test_the_resource_names_the_process_and_its_pod() -> None:
    environ = {
        "POD_NAME": "catalog-1",
        "POD_NAMESPACE": "shop",
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=a%20b,service.version=2",
    }
    assert describe_process("catalog", "1", environ) == {
        "service.name": "catalog",
        "service.version": "2",
        "service.namespace": "shop",
        "service.instance.id": "catalog-1",
        "k8s.namespace.name": "shop",
        "k8s.pod.name": "catalog-1",
        "deployment.environment.name": "a b",
        "telemetry.sdk.language": "python",
        "telemetry.sdk.name": "services.runtime.telemetry",
        "telemetry.sdk.version": "1",
    }
    ids = {describe_process("catalog", "1", {})["service.instance.id"] for _ in range(2)}
    assert len(ids) == 2
