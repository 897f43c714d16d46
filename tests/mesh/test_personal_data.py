"""No personal data and no token is in logs, traces or metrics: marked values are sent, and looked for everywhere."""

import uuid
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress

import grpc
import grpc.aio
import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from mesh.local import loopback
from mesh.local.clients import signals
from mesh.local.instance import Instance, existing
from mesh.local.pages import Page, base_url
from shop.identity.v1 import identity_pb2, identity_pb2_grpc
from shop.orders.v1 import orders_pb2
from tests.mesh.calls import Shop
from tests.mesh.harness import Mesh, dial
from tests.mesh.raw_http import http_request
from tests.support.clock import eventually
from tests.support.contracts import methods

MARK = f"zq{uuid.uuid4().hex[:10]}"
"""Part of every marked value. No other text contains it."""
PASSWORD = f"{MARK}-password"
MAX_SPANS = 10_000


@pytest.fixture
async def token(mesh: Mesh) -> AsyncIterator[str]:
    """Sign up a user with marked values, also in vain, and yield the user's token."""
    channel = dial(mesh.gateway, user_agent=f"{MARK}-agent")
    identity = identity_pb2_grpc.IdentityServiceStub(channel)
    email = f"{MARK}-{uuid.uuid4().hex[:6]}@shop.example"
    user = identity_pb2.User(email=email, display_name=f"{MARK} name")
    await identity.CreateUser(
        identity_pb2.CreateUserRequest(request_id=str(uuid.uuid4()), user=user, password=PASSWORD)
    )
    with pytest.raises(grpc.aio.AioRpcError):
        await identity.IssueToken(identity_pb2.IssueTokenRequest(email=email, password=f"{PASSWORD}-wrong"))
    response = await identity.IssueToken(identity_pb2.IssueTokenRequest(email=email, password=PASSWORD))
    yield response.access_token
    await channel.close()


def marked(message: Message, depth: int = 4) -> Message:
    """Fill every text of a message with a marked value."""
    for field in message.DESCRIPTOR.fields:
        if field.type == FieldDescriptor.TYPE_STRING:
            value = f"{MARK}-{field.name}"
            if field.is_repeated:
                getattr(message, field.name).append(value)
            else:
                setattr(message, field.name, value)
        elif field.type == FieldDescriptor.TYPE_MESSAGE and depth:
            inner = getattr(message, field.name)
            marked(inner.add() if field.is_repeated else inner, depth - 1)
    return message


async def call_all(mesh: Mesh, token: str) -> None:
    """Call every method of every contract through the gateway. Most calls are invalid, and some are not public."""
    channel = dial(mesh.gateway, token=token, user_agent=f"{MARK}-agent")
    for method in methods().values():
        request = marked(GetMessageClass(method.input_type)())
        parse = GetMessageClass(method.output_type).FromString
        path = f"/{method.containing_service.full_name}/{method.name}"
        with suppress(grpc.aio.AioRpcError):
            if method.server_streaming:
                stream = channel.unary_stream(path, type(request).SerializeToString, parse)(request, timeout=20)
                await stream.read()
                stream.cancel()
            else:
                await channel.unary_unary(path, type(request).SerializeToString, parse)(request, timeout=20)
    await channel.close()


async def place(mesh: Mesh, token: str) -> list[orders_pb2.Order]:
    """Place orders with a marked address: one is confirmed, one is declined."""
    channel = dial(mesh.gateway, token=token, user_agent=f"{MARK}-agent")
    shop, orders = Shop(channel), []
    for payment in ("tok_visa", "tok_declined"):
        request = shop.order_request()
        request.payment_token = payment
        address = request.shipping_address
        address.recipient, address.lines[0], address.locality = f"{MARK} recipient", f"{MARK} street", f"{MARK} town"
        address.postal_code = "10117"
        orders.append(await shop.place(request))
    await channel.close()
    return orders


def stored(instance: Instance, trace_ids: Iterable[str]) -> dict[str, str]:
    """Return all that the stores have: log lines, spans, and the series of metrics."""
    spans = [span for trace in trace_ids for span in signals.find_trace(instance, trace)]
    with loopback.open_url(f"{base_url(instance, Page.TRACES)}/api/v2/traces?limit={MAX_SPANS}", 30) as reply:
        traces = reply.read().decode()
    # /api/v1/series has a limit, which the series of all Pods of a long test run exceed.
    recent = "/api/v1/export?match[]={job!=''}&start=-2m&reduce_mem_usage=1"
    with loopback.open_url(f"{base_url(instance, Page.METRICS)}{recent}", 60) as reply:
        series = reply.read().decode()
    with loopback.open_url(f"{base_url(instance, Page.LOGS)}/select/logsql/query?query=_time:15m", 60) as reply:
        lines = reply.read().decode()
    assert spans
    assert "order CONFIRMED" in lines
    return {"logs": lines, "traces": traces + repr(spans), "metrics": series}


async def test_marked_values_are_in_no_log_no_trace_and_no_metric(mesh: Mesh, token: str) -> None:
    await mesh.wait_for_rollout("observability")
    instance = existing(mesh.name)
    assert instance
    await call_all(mesh, token)
    headers = {"authorization": f"Bearer {token}", "user-agent": f"{MARK}-agent", "x-forwarded-for": f"{MARK}-address"}
    for path in (f"/v1/products/{MARK}", f"/v1/products/p-0001?email={MARK}-query", f"/v1/orders?token={MARK}-query"):
        await http_request(mesh.gateway, path.replace(f"/{MARK}", "/p-0001"), headers)
    orders = await place(mesh, token)
    # All that was sent before the last order is in the stores when that order is.
    async for attempt in eventually(40):
        with attempt:
            traces = signals.traces_of_order(instance, orders[-1].name)
            assert any(
                span.service == "notifications" for trace in traces for span in signals.find_trace(instance, trace)
            )
    found = stored(instance, traces)
    signature = token.rpartition(".")[2]
    assert {where: text.count(MARK) for where, text in found.items()} == dict.fromkeys(found, 0)
    assert {where: text.count(signature) for where, text in found.items()} == dict.fromkeys(found, 0)


async def test_the_log_files_of_the_node_have_neither_what_users_wrote_nor_tokens(mesh: Mesh, token: str) -> None:
    """Who called is there: addresses and user agents, which an operator needs during an attack."""
    await call_all(mesh, token)
    await place(mesh, token)
    texts = [path.read_text(errors="replace") for path in (mesh.home / "node/var/log/pods").glob("*/*/*.log")]
    lines = [line for text in texts for line in text.splitlines()]
    assert any(f"{MARK}-agent" in line for line in lines), "the calls are in the access log"
    others = [line.replace(f"{MARK}-agent", "").replace(f"{MARK}-address", "") for line in lines]
    assert [line for line in others if MARK in line] == []
    assert [line for line in others if token.rpartition(".")[2] in line] == []
