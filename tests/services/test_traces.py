"""One trace shows an order with all that followed from it, through Kafka, and nothing else is exported."""

import uuid
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from threading import Event
from typing import Any

import pytest
from google.protobuf.wrappers_pb2 import StringValue
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from shop.orders.v1 import orders_pb2 as pb
from tests.services.collector import Collector, attributes_of, collect_spans
from tests.services.probe import ask
from tests.support.clock import eventually
from tests.support.databases import Databases
from tests.support.kafka import Broker
from tests.support.processes import Process, free_port, records, targets
from tests.support.shop import CONFIRMED, Shop, cart
from tests.support.starters import Start, starter

CALLEES = ("catalog", "inventory", "payments", "shipping")
# Each receives both events of an order: that it was placed, and how it ended.
CONSUMERS = ("analytics", "inventory", "notifications")
TOPIC = "shop.orders.v1.events"
CALLER = "1" * 16
SERVER, CLIENT = Span.SPAN_KIND_SERVER, Span.SPAN_KIND_CLIENT
PRODUCER, CONSUMER = Span.SPAN_KIND_PRODUCER, Span.SPAN_KIND_CONSUMER
HEALTH, REFLECTION = (
    "/grpc.health.v1.Health/Check",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
)


@dataclass(frozen=True)
class TracedShop:
    """The processes of a shop that export spans, and the collector."""

    processes: dict[str, Process]
    collector: Collector

    async def place(self, client: Shop, trace: str, flags: str, request: pb.PlaceOrderRequest) -> pb.Order:
        """Place an order as a caller that has this trace."""
        metadata = [("traceparent", f"00-{trace}-{CALLER}-{flags}")]
        return (await client.stub.PlaceOrder(request, metadata=metadata)).order


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory, storage: Databases, broker: Broker) -> Iterator[TracedShop]:
    with collect_spans() as collector:
        starters = starter(tmp_path_factory.mktemp("traced"), storage)
        start = next(starters)
        env = {**collector.environment, **broker.environment, "POD_NAMESPACE": "shop"}
        processes = {name: start(name, env, wait=False) for name in {*CALLEES, *CONSUMERS}}
        callees = targets(*(processes[name].wait_ready() for name in CALLEES))
        processes["orders"] = start("orders", {**env, **callees, "POD_NAME": "orders-1"})
        yield TracedShop(processes, collector)
        next(starters, None)


@pytest.fixture
async def client(traced: TracedShop) -> AsyncIterator[Shop]:
    opened = Shop(*(traced.processes[name] for name in ("orders", "inventory", "payments", "shipping")))
    yield opened
    await opened.close()


def orphans(spans: list[Span]) -> set[str]:
    """Return the parents that are not among the spans."""
    return {span.parent_span_id.hex() for span in spans} - {span.span_id.hex() for span in spans}


async def wait_for_order(traced: TracedShop, trace: str) -> list[Span]:
    """Wait until the trace of an order is complete, and return its spans."""
    async for attempt in eventually():
        with attempt:
            spans = traced.collector.trace(trace)
            kinds = Counter(span.kind for span in spans)
            assert (kinds[PRODUCER], kinds[CONSUMER]) == (2, 2 * len(CONSUMERS))
            assert kinds[SERVER] == kinds[CLIENT] + 1
            assert orphans(spans) == {CALLER}
    return spans


async def test_the_trace_of_an_order_goes_through_kafka_to_its_consumers(traced: TracedShop, client: Shop) -> None:
    trace, customer = uuid.uuid4().hex, f"customers/{uuid.uuid4()}"
    order = await traced.place(client, trace, "01", cart(customer=customer, p_0001=1))
    assert order.state == CONFIRMED
    spans = await wait_for_order(traced, trace)
    by_id = {span.span_id.hex(): span for span in spans}

    [root] = [span for span in spans if span.parent_span_id.hex() == CALLER]
    assert (root.name, root.kind) == ("shop.orders.v1.OrdersService/PlaceOrder", SERVER)
    for span in spans:
        parent = by_id.get(span.parent_span_id.hex())
        assert span.start_time_unix_nano <= span.end_time_unix_nano
        if span.kind == SERVER and parent:
            assert (parent.kind, parent.name) == (CLIENT, span.name)
        elif span.kind in {CLIENT, PRODUCER}:
            assert parent is root
        elif span.kind == CONSUMER:
            assert parent is not None
            assert (span.name, parent.name) == (f"process {TOPIC}", f"send {TOPIC}")
            assert attributes_of(span)["cloudevents.event_subject"] == order.name
            same = ("messaging.message.id", "messaging.kafka.offset", "cloudevents.event_type")
            assert [attributes_of(span)[key] for key in same] == [attributes_of(parent)[key] for key in same]
    groups = Counter(attributes_of(span).get("messaging.consumer.group.name") for span in spans)
    assert {group: groups[group] for group in CONSUMERS} == dict.fromkeys(CONSUMERS, 2)

    (line,) = await records(traced.processes["orders"], trace_id=trace, logger="access")
    assert line["span_id"] == root.span_id.hex()
    exported = str(traced.collector.received)
    for private in (customer.removeprefix("customers/"), "tok_visa"):
        assert private not in exported


async def test_a_trace_that_is_not_sampled_is_not_exported(traced: TracedShop, client: Shop) -> None:
    not_sampled, sampled = uuid.uuid4().hex, uuid.uuid4().hex
    await traced.place(client, not_sampled, "00", cart(p_0001=1))
    # Each process exports its spans in order, so those of the first order would arrive before those of the second.
    await traced.place(client, sampled, "01", cart(p_0001=1))
    await wait_for_order(traced, sampled)
    assert traced.collector.trace(not_sampled) == []
    # The log has it all the same.
    await records(traced.processes["inventory"], trace_id=not_sampled)


async def test_health_checks_and_reflection_have_no_spans(traced: TracedShop, client: Shop) -> None:
    probes, sampled = uuid.uuid4().hex, uuid.uuid4().hex
    metadata = [("traceparent", f"00-{probes}-{CALLER}-01")]
    async with traced.processes["orders"].channel() as channel:
        check: Any = channel.unary_unary(HEALTH, health_pb2.HealthCheckRequest.SerializeToString)
        await check(health_pb2.HealthCheckRequest(), metadata=metadata)
        reflect: Any = channel.stream_stream(REFLECTION, reflection_pb2.ServerReflectionRequest.SerializeToString)
        call = reflect(metadata=metadata)
        await call.write(reflection_pb2.ServerReflectionRequest(list_services=""))
        await call.done_writing()
        assert [reply async for reply in call]
    await traced.place(client, sampled, "01", cart(p_0001=1))
    await wait_for_order(traced, sampled)
    assert traced.collector.trace(probes) == []


async def test_the_spans_of_a_process_name_its_pod(traced: TracedShop, client: Shop) -> None:
    trace = uuid.uuid4().hex
    await traced.place(client, trace, "01", cart(p_0001=1))
    await wait_for_order(traced, trace)
    resources = [
        {each.key: each.value.string_value for each in process.resource.attributes}
        for process in traced.collector.received
    ]
    assert {each["service.namespace"] for each in resources} == {"shop"}
    pods = {each["service.name"]: each.get("k8s.pod.name") for each in resources}
    assert (pods["orders"], pods["catalog"]) == ("orders-1", None)
    instances = {(each["service.name"], each["service.instance.id"]) for each in resources}
    assert len(instances) == len(pods)


@pytest.mark.parametrize("collector", ["refuses", "hangs"])
async def test_a_collector_that_is_away_fails_no_call(start: Start, collector: str) -> None:
    free = Event()

    def wait_until_free() -> ExportTraceServiceResponse:
        free.wait()
        return ExportTraceServiceResponse()

    with collect_spans(wait_until_free) as hanging:
        endpoint = hanging.endpoint if collector == "hangs" else f"http://127.0.0.1:{free_port()}"
        env = {**hanging.environment, "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_TIMEOUT": "100"}
        process = start("probe", env)
        async with process.channel() as channel:
            for _ in range(20):
                assert (await ask(channel)(StringValue(value="x"))).value == "x"
            (lost,) = await records(process, logger="services.runtime.telemetry.exporter")
            assert "trace_id" not in lost
            assert lost["reason"].startswith("DEADLINE_EXCEEDED" if collector == "hangs" else "UNAVAILABLE")
            assert (await ask(channel)(StringValue(value="x"))).value == "x"
        assert process.stop() == 0
        free.set()
