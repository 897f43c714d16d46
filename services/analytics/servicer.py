"""The gRPC methods of analytics, and the status of each error."""

from typing import Any

import grpc.aio
from typing_extensions import override

from services.analytics import messages
from services.analytics.handlers import Analytics
from services.runtime.rpc import ErrorTable, read_page
from shop.analytics.v1 import analytics_pb2 as pb
from shop.analytics.v1 import analytics_pb2_grpc

ERRORS = ErrorTable("analytics.shop.example", {})

Context = grpc.aio.ServicerContext[Any, Any]


class AnalyticsServicer(analytics_pb2_grpc.AnalyticsServiceServicer):
    """Implements shop.analytics.v1.AnalyticsService."""

    def __init__(self, analytics: Analytics) -> None:
        self._analytics = analytics

    @override
    async def GetSalesSummary(self, request: pb.GetSalesSummaryRequest, context: Context) -> pb.GetSalesSummaryResponse:
        summary = await self._analytics.summary(messages.read_period(request))
        return pb.GetSalesSummaryResponse(summary=messages.write_summary(summary))

    @override
    async def ListSales(self, request: pb.ListSalesRequest, context: Context) -> pb.ListSalesResponse:
        page = read_page(request, "sales")
        sales = await self._analytics.list(page.after, page.limit)
        return messages.write_list(sales, page)
