"""The composition root: `python -m services.payments`."""

from functools import partial
from pathlib import Path

import grpc.aio

from services.payments import messages
from services.payments.handlers import Payments
from services.payments.measurements import measure
from services.payments.servicer import ERRORS, PaymentsServicer
from services.payments.store import find_payment
from services.runtime import Runtime, serve
from services.runtime.storage import IdempotentRequests
from shop.payments.v1 import payments_pb2, payments_pb2_grpc


async def register(server: grpc.aio.Server, runtime: Runtime) -> list[str]:
    """Open the database and register the servicer."""
    database = await runtime.database(Path(__file__).parent / "migrations")
    requests = IdempotentRequests(database, find_payment, messages.write_payment)
    runtime.delete_expired_requests(database)
    runtime.metrics.measure("payments", partial(measure, database))
    servicer = PaymentsServicer(Payments(database, requests))
    payments_pb2_grpc.add_PaymentsServiceServicer_to_server(servicer, server)
    return [payments_pb2.DESCRIPTOR.services_by_name["PaymentsService"].full_name]


if __name__ == "__main__":
    serve("payments", register, ERRORS)
