"""The contract's methods: read the request, ask the store, write the reply. And how errors are told."""

from typing import Any

import grpc
import grpc.aio
from typing_extensions import override

from services.catalog import messages
from services.catalog.store import ProductsNotFoundError, Store
from services.runtime import Database, ErrorTable, Refusal
from services.runtime.names import resource_id
from shop.catalog.v1 import catalog_pb2 as pb
from shop.catalog.v1 import catalog_pb2_grpc

ERRORS = ErrorTable(
    "catalog.shop.example", {ProductsNotFoundError: Refusal(grpc.StatusCode.NOT_FOUND, "PRODUCT_NOT_FOUND")}
)

Context = grpc.aio.ServicerContext[Any, Any]


class CatalogServicer(catalog_pb2_grpc.CatalogServiceServicer):
    """shop.catalog.v1.CatalogService over one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @override
    async def GetProduct(self, request: pb.GetProductRequest, context: Context) -> pb.GetProductResponse:
        async with self._database.read() as connection:
            (product,) = await Store(connection).products([resource_id(request.name)])
        return pb.GetProductResponse(product=messages.write_product(product))

    @override
    async def BatchGetProducts(
        self, request: pb.BatchGetProductsRequest, context: Context
    ) -> pb.BatchGetProductsResponse:
        names = [resource_id(name) for name in request.names]
        async with self._database.read() as connection:
            products = await Store(connection).products(names)
        return pb.BatchGetProductsResponse(products=map(messages.write_product, products))

    @override
    async def ListProducts(self, request: pb.ListProductsRequest, context: Context) -> pb.ListProductsResponse:
        category, page = messages.read_list(request)
        async with self._database.read() as connection:
            found = await Store(connection).products_after(page.after, category, page.limit)
        products, token = page.cut(found, key=lambda product: product.id)
        return pb.ListProductsResponse(products=map(messages.write_product, products), next_page_token=token)
