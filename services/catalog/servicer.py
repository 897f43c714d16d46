"""The contract's methods: read the request, hand it to its handler, write the reply. And how errors are told."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import grpc
import grpc.aio
from typing_extensions import override

from services.catalog import domain, handlers, messages
from services.catalog.store import Store
from services.runtime.rpc import ErrorStatus, ErrorTable, request_key, resource_id
from services.runtime.storage import Database
from services.runtime.storage.idempotency import reply_once
from shop.catalog.v1 import catalog_pb2 as pb
from shop.catalog.v1 import catalog_pb2_grpc

ERRORS = ErrorTable(
    "catalog.shop.example",
    {
        domain.ProductsNotFoundError: ErrorStatus(grpc.StatusCode.NOT_FOUND, "PRODUCT_NOT_FOUND"),
        domain.ProductsDiscontinuedError: ErrorStatus(grpc.StatusCode.FAILED_PRECONDITION, "PRODUCT_DISCONTINUED"),
        domain.ProductExistsError: ErrorStatus(grpc.StatusCode.ALREADY_EXISTS, "PRODUCT_EXISTS"),
        domain.EtagMismatchError: ErrorStatus(grpc.StatusCode.ABORTED, "ETAG_MISMATCH"),
    },
)

Context = grpc.aio.ServicerContext[Any, Any]


class CatalogServicer(catalog_pb2_grpc.CatalogServiceServicer):
    """shop.catalog.v1.CatalogService over one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @override
    async def GetProduct(self, request: pb.GetProductRequest, context: Context) -> pb.GetProductResponse:
        async with self._database.read() as connection:
            product = await Store(connection).product(resource_id(request.name))
        return pb.GetProductResponse(product=messages.write_product(product))

    @override
    async def BatchGetProducts(
        self, request: pb.BatchGetProductsRequest, context: Context
    ) -> pb.BatchGetProductsResponse:
        names = [resource_id(name) for name in request.names]
        async with self._database.read() as connection:
            products = await handlers.products_for_sale(Store(connection), names)
        return pb.BatchGetProductsResponse(products=map(messages.write_product, products))

    @override
    async def ListProducts(self, request: pb.ListProductsRequest, context: Context) -> pb.ListProductsResponse:
        wanted, page, after = messages.read_list(request)
        async with self._database.read() as connection:
            found = await Store(connection).products_after(after, wanted, page.limit)
        products, token = page.cut(found, key=partial(messages.write_key, wanted.sort))
        return pb.ListProductsResponse(products=map(messages.write_product, products), next_page_token=token)

    @override
    async def CreateProduct(self, request: pb.CreateProductRequest, context: Context) -> pb.CreateProductResponse:
        new = messages.read_new(request)
        product = await self._once(request, lambda store: handlers.create_product(store, new))
        return pb.CreateProductResponse(product=product)

    @override
    async def UpdateProduct(self, request: pb.UpdateProductRequest, context: Context) -> pb.UpdateProductResponse:
        name, etag, changes = messages.read_edit(request)
        product = await self._once(request, lambda store: handlers.update_product(store, name, etag, changes))
        return pb.UpdateProductResponse(product=product)

    async def _once(
        self,
        request: pb.CreateProductRequest | pb.UpdateProductRequest,
        change: Callable[[Store], Awaitable[domain.Product]],
    ) -> pb.Product:
        # Alone in the database: editors are few, and what they decide by needs no lock of its own then.
        async with self._database.write() as connection:
            store = Store(connection)
            return await reply_once(
                connection, request_key(request), lambda: change(store), store.product, messages.write_product
            )
