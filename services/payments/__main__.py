"""The composition root: `python -m services.payments`."""

from pathlib import Path

import grpc.aio

from services.payments.servicer import ERRORS, PaymentsServicer
from services.runtime import Runtime, serve
from shop.payments.v1 import payments_pb2, payments_pb2_grpc


async def register(server: grpc.aio.Server, runtime: Runtime) -> list[str]:
    """Open the database and register the servicer."""
    database = await runtime.database(Path(__file__).parent / "migrations")
    runtime.delete_expired_requests(database)
    payments_pb2_grpc.add_PaymentsServiceServicer_to_server(PaymentsServicer(database), server)
    return [payments_pb2.DESCRIPTOR.services_by_name["PaymentsService"].full_name]


if __name__ == "__main__":
    serve("payments", register, ERRORS)
