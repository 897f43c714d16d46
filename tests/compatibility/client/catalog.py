"""Checks catalog: list, search, create, edit and discontinue products."""

import grpc
import grpc.aio
from google.protobuf.field_mask_pb2 import FieldMask
from google.type.money_pb2 import Money

from shop.catalog.v1 import catalog_pb2 as pb
from shop.catalog.v1 import catalog_pb2_grpc
from tests.compatibility.client.calls import INVALID, PRECONDITION, new_id, status_of
from tests.support.errors import refused

PRICE = Money(currency_code="EUR", units=20, nanos=500_000_000)
ASSAM = Money(currency_code="EUR", units=9, nanos=800_000_000)


async def check(channel: grpc.aio.Channel) -> None:
    """Call every method, and check the responses."""
    stub = catalog_pb2_grpc.CatalogServiceStub(channel)
    await _find(stub)
    await _edit(stub)


async def _find(stub: "catalog_pb2_grpc.CatalogServiceAsyncStub") -> None:
    first = await stub.ListProducts(pb.ListProductsRequest(page_size=2))
    second = await stub.ListProducts(pb.ListProductsRequest(page_size=2, page_token=first.next_page_token))
    names = [product.name for page in (first, second) for product in page.products]
    assert names == [f"products/p-000{number}" for number in range(1, 5)]
    request = pb.ListProductsRequest(category="tea", search="second flush", order_by="price desc")
    teas = (await stub.ListProducts(request)).products
    assert "products/p-0031" in [tea.name for tea in teas]
    assert {tea.category for tea in teas} == {"tea"}
    assam = (await stub.GetProduct(pb.GetProductRequest(name="products/p-0031"))).product
    assert (assam.display_name, assam.price) == ("Assam Second Flush, 100 g", ASSAM)
    assert assam.description
    batch = pb.BatchGetProductsRequest(names=["products/p-0032", assam.name])
    assert [found.name for found in (await stub.BatchGetProducts(batch)).products] == list(batch.names)
    error = await refused(stub.BatchGetProducts(pb.BatchGetProductsRequest(names=["products/none"])))
    assert status_of(error) == (grpc.StatusCode.NOT_FOUND, "PRODUCT_NOT_FOUND")
    error = await refused(stub.ListProducts(pb.ListProductsRequest(page_size=-1)))
    assert (status_of(error), error.fields) == (INVALID, ["page_size"])


async def _edit(stub: "catalog_pb2_grpc.CatalogServiceAsyncStub") -> None:
    product = pb.Product(display_name="Kettle", category="kettles", price=PRICE)
    creating = pb.CreateProductRequest(request_id=new_id(), product_id=new_id(), product=product)
    kettle = (await stub.CreateProduct(creating)).product
    assert (kettle.name, kettle.price) == (f"products/{creating.product_id}", PRICE)
    assert (await stub.CreateProduct(creating)).product == kettle
    edit = pb.Product(name=kettle.name, etag=kettle.etag, display_name="Pot", discontinued=True)
    mask = FieldMask(paths=["display_name", "discontinued"])
    updating = pb.UpdateProductRequest(request_id=new_id(), product=edit, update_mask=mask)
    pot = (await stub.UpdateProduct(updating)).product
    assert (pot.display_name, pot.category, pot.price, pot.discontinued) == ("Pot", "kettles", PRICE, True)
    updating.request_id = new_id()
    error = await refused(stub.UpdateProduct(updating))
    assert status_of(error) == (grpc.StatusCode.ABORTED, "ETAG_MISMATCH")
    error = await refused(stub.BatchGetProducts(pb.BatchGetProductsRequest(names=[pot.name])))
    assert status_of(error) == (PRECONDITION, "PRODUCT_DISCONTINUED")
    assert error.metadata == {"products": pot.name}
