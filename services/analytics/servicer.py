"""The gRPC methods of analytics, and the status of each error."""

from typing import Any

import grpc.aio
from typing_extensions import override

from services.analytics import messages
from services.analytics.store import Store
from services.runtime.rpc import ErrorTable, read_page
from services.runtime.storage import Database
from shop.analytics.v1 import analytics_pb2 as pb
from shop.analytics.v1 import analytics_pb2_grpc

ERRORS = ErrorTable("analytics.shop.example", {})

Context = grpc.aio.ServicerContext[Any, Any]


class AnalyticsServicer(analytics_pb2_grpc.AnalyticsServiceServicer):
    """Implements shop.analytics.v1.AnalyticsService."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @override
    async def GetSalesSummary(self, request: pb.GetSalesSummaryRequest, context: Context) -> pb.GetSalesSummaryResponse:
        period = messages.read_period(request)
        async with self._database.read() as connection:
            summary = await Store(connection).summary(period)
        return pb.GetSalesSummaryResponse(summary=messages.write_summary(summary))

    @override
    async def ListSales(self, request: pb.ListSalesRequest, context: Context) -> pb.ListSalesResponse:
        page = read_page(request, "sales")
        async with self._database.read() as connection:
            sales = await Store(connection).sales_after(page.after, page.limit)
        page_sales, token = page.cut(sales, key=lambda sale: sale.id)
        return pb.ListSalesResponse(sales=map(messages.write_sale, page_sales), next_page_token=token)
