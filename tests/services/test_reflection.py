"""reflection shows the public services, and no others."""

from collections.abc import Callable

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.rpc import error_details_pb2
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest, ServerReflectionResponse

from tests.support.processes import Process


@pytest.fixture
def process(shared: Callable[[str], Process]) -> Process:
    return shared("reflection")


DETAILS = [f"google.rpc.{name}" for name in sorted(error_details_pb2.DESCRIPTOR.message_types_by_name)]


async def reflect(process: Process, request: ServerReflectionRequest, version: str = "v1") -> ServerReflectionResponse:
    """Send one request and return its reply."""
    async with process.channel() as channel:
        call = channel.stream_stream(
            f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
            ServerReflectionRequest.SerializeToString,
            ServerReflectionResponse.FromString,
        )(iter([request]))
        (reply,) = [reply async for reply in call]
        return reply


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
async def test_the_public_services_are_listed(process: Process, version: str) -> None:
    reply = await reflect(process, ServerReflectionRequest(list_services=""), version)
    assert [service.name for service in reply.list_services_response.service] == [
        "grpc.reflection.v1alpha.ServerReflection",
        "shop.catalog.v1.CatalogService",
        "shop.identity.v1.IdentityService",
        "shop.inventory.v1.InventoryService",
        "shop.orders.v1.OrdersService",
        "shop.orders.v2.OrdersService",
        "shop.shipping.v1.ShippingService",
    ]


@pytest.mark.parametrize(
    "symbol", ["shop.catalog.v1.CatalogService", "shop.orders.v2.Order", "shop.inventory.v1.InventoryService.GetStock"]
)
async def test_a_contract_is_returned_with_all_its_imports(process: Process, symbol: str) -> None:
    reply = await reflect(process, ServerReflectionRequest(file_containing_symbol=symbol))
    files = [FileDescriptorProto.FromString(data) for data in reply.file_descriptor_response.file_descriptor_proto]
    assert symbol.startswith(f"{files[0].package}.")
    assert {imported for file in files for imported in file.dependency} < {file.name for file in files}


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
@pytest.mark.parametrize("symbol", DETAILS)
@pytest.mark.parametrize("service", ["reflection", "catalog"])
async def test_the_details_of_errors_are_described(
    shared: Callable[[str], Process], service: str, symbol: str, version: str
) -> None:
    reply = await reflect(shared(service), ServerReflectionRequest(file_containing_symbol=symbol), version)
    [file, *_] = [FileDescriptorProto.FromString(data) for data in reply.file_descriptor_response.file_descriptor_proto]
    assert symbol.removeprefix("google.rpc.") in {message.name for message in file.message_type}


@pytest.mark.parametrize(
    "symbol",
    [
        "google.rpc.Status",
        "shop.payments.v1.PaymentsService",
        "shop.payments.v1.Payment",
        "shop.nothing.v1.Nobody",
        "grpc.health.v1.Health",
    ],
)
async def test_a_symbol_that_is_not_public_is_not_found(process: Process, symbol: str) -> None:
    reply = await reflect(process, ServerReflectionRequest(file_containing_symbol=symbol))
    assert reply.error_response.error_code == 5
