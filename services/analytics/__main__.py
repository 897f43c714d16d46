"""The composition root: `python -m services.analytics`."""

from pathlib import Path

import grpc.aio

from services.analytics.events import HANDLERS
from services.analytics.handlers import Analytics
from services.analytics.servicer import ERRORS, AnalyticsServicer
from services.runtime import Runtime, serve
from shop.analytics.v1 import analytics_pb2, analytics_pb2_grpc


async def register(server: grpc.aio.Server, runtime: Runtime) -> list[str]:
    """Open the database, start to consume events, and register the servicer."""
    database = await runtime.database(Path(__file__).parent / "migrations")
    runtime.consume(database, HANDLERS)
    servicer = AnalyticsServicer(Analytics(database))
    analytics_pb2_grpc.add_AnalyticsServiceServicer_to_server(servicer, server)
    return [analytics_pb2.DESCRIPTOR.services_by_name["AnalyticsService"].full_name]


if __name__ == "__main__":
    serve("analytics", register, ERRORS)
