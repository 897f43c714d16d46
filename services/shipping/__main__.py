"""The composition root: `python -m services.shipping`."""

from functools import partial
from pathlib import Path

import grpc.aio

from services.runtime import Runtime, serve
from services.runtime.storage import IdempotentRequests
from services.shipping import messages
from services.shipping.handlers import Shipping
from services.shipping.measurements import measure
from services.shipping.servicer import ERRORS, ShippingServicer
from services.shipping.store import find_shipment
from shop.shipping.v1 import shipping_pb2, shipping_pb2_grpc


async def register(server: grpc.aio.Server, runtime: Runtime) -> list[str]:
    """Open the database and register the servicer."""
    database = await runtime.database(Path(__file__).parent / "migrations")
    requests = IdempotentRequests(database, find_shipment, messages.write_shipment)
    runtime.delete_expired_requests(database)
    runtime.metrics.measure("shipping", partial(measure, database))
    servicer = ShippingServicer(Shipping(database, requests))
    shipping_pb2_grpc.add_ShippingServiceServicer_to_server(servicer, server)
    return [shipping_pb2.DESCRIPTOR.services_by_name["ShippingService"].full_name]


if __name__ == "__main__":
    serve("shipping", register, ERRORS)
