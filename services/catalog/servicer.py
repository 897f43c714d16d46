"""The gRPC methods of catalog, and the status of each error."""

from typing import Any

import grpc
import grpc.aio
from typing_extensions import override

from services.catalog import domain, messages
from services.catalog.handlers import Catalog
from services.runtime.rpc import ErrorStatus, ErrorTable, request_key, resource_id
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
    """Implements shop.catalog.v1.CatalogService."""

    def __init__(self, catalog: Catalog[pb.Product]) -> None:
        self._catalog = catalog

    @override
    async def GetProduct(self, request: pb.GetProductRequest, context: Context) -> pb.GetProductResponse:
        product = await self._catalog.get(resource_id(request.name))
        return pb.GetProductResponse(product=messages.write_product(product))

    @override
    async def BatchGetProducts(
        self, request: pb.BatchGetProductsRequest, context: Context
    ) -> pb.BatchGetProductsResponse:
        products = await self._catalog.get_for_sale([resource_id(name) for name in request.names])
        return messages.write_batch(products)

    @override
    async def ListProducts(self, request: pb.ListProductsRequest, context: Context) -> pb.ListProductsResponse:
        query, page = messages.read_list(request)
        products = await self._catalog.list(query, page.limit)
        return messages.write_list(products, query, page)

    @override
    async def CreateProduct(self, request: pb.CreateProductRequest, context: Context) -> pb.CreateProductResponse:
        product = await self._catalog.create(request_key(request), messages.read_new_product(request))
        return pb.CreateProductResponse(product=product)

    @override
    async def UpdateProduct(self, request: pb.UpdateProductRequest, context: Context) -> pb.UpdateProductResponse:
        product = await self._catalog.update(request_key(request), messages.read_edit(request))
        return pb.UpdateProductResponse(product=product)
