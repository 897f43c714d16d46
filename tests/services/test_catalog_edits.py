"""Products are edited by version, so that no edit is overwritten; a discontinued product can still be read."""

import asyncio
from collections.abc import AsyncIterator
from typing import TypeAlias

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.type import money_pb2

from shop.catalog.v1 import catalog_pb2 as pb
from shop.catalog.v1 import catalog_pb2_grpc
from tests.support.errors import Refused, refused
from tests.support.processes import targets
from tests.support.shop import CONFIRMED, Shop, cart, new_id
from tests.support.starters import Shared, Start

Stub = catalog_pb2_grpc.CatalogServiceStub
AsyncStub: TypeAlias = "catalog_pb2_grpc.CatalogServiceAsyncStub"


@pytest.fixture
async def catalog(shared: Shared) -> AsyncIterator[AsyncStub]:
    async with shared("catalog").channel() as channel:
        yield Stub(channel)


def euros(cents: int) -> money_pb2.Money:
    return money_pb2.Money(currency_code="EUR", units=cents // 100, nanos=cents % 100 * 10_000_000)


def kettle(**fields: object) -> pb.Product:
    """Build a product that the contract allows, then override some fields."""
    defaults = {"display_name": "Kettle", "description": "It whistles.", "category": "kettles", "price": euros(4990)}
    return pb.Product(**(defaults | fields))  # type: ignore[arg-type]


async def create(catalog: AsyncStub, **fields: object) -> pb.Product:
    request = pb.CreateProductRequest(request_id=new_id(), product_id=new_id(), product=kettle(**fields))
    return (await catalog.CreateProduct(request)).product


def edit_request(product: pb.Product, *paths: str, **fields: object) -> pb.UpdateProductRequest:
    """Build the request to edit this version of a product; without paths it edits the fields that are set."""
    changed = pb.Product(name=product.name, etag=product.etag, **fields)  # type: ignore[arg-type]
    return pb.UpdateProductRequest(request_id=new_id(), product=changed, update_mask=FieldMask(paths=paths))


async def update(catalog: AsyncStub, product: pb.Product, *paths: str, **fields: object) -> pb.Product:
    return (await catalog.UpdateProduct(edit_request(product, *paths, **fields))).product


async def read(catalog: AsyncStub, name: str) -> pb.Product:
    return (await catalog.GetProduct(pb.GetProductRequest(name=name))).product


async def reject_batch(catalog: AsyncStub, *names: str) -> Refused:
    return await refused(catalog.BatchGetProducts(pb.BatchGetProductsRequest(names=names)))


async def test_a_created_product_can_be_read(catalog: AsyncStub) -> None:
    request = pb.CreateProductRequest(request_id=new_id(), product_id=new_id(), product=kettle(name="products/other"))
    product = (await catalog.CreateProduct(request)).product
    assert product == kettle(name=f"products/{request.product_id}", etag=product.etag)
    assert product.etag
    assert await read(catalog, product.name) == product


async def test_an_edit_changes_the_fields_of_its_mask_and_the_etag(catalog: AsyncStub) -> None:
    product = await create(catalog)
    after = await update(catalog, product, "price", price=euros(3990), description="not in the mask, not changed")
    assert after == kettle(name=product.name, etag=after.etag, price=euros(3990))
    assert after.etag != product.etag
    assert await read(catalog, product.name) == after


async def test_an_edit_without_a_mask_changes_the_fields_that_are_set(catalog: AsyncStub) -> None:
    product = await create(catalog)
    after = await update(catalog, product, display_name="Teapot", category="pots")
    assert after == kettle(name=product.name, etag=after.etag, display_name="Teapot", category="pots")


async def test_a_mask_of_all_fields_clears_the_fields_that_are_not_set(catalog: AsyncStub) -> None:
    product = await create(catalog, discontinued=True)
    after = await update(catalog, product, "*", display_name="Pot", category="pots", price=euros(1))
    assert (after.description, after.discontinued) == ("", False)


async def test_an_edit_without_a_change_keeps_the_etag(catalog: AsyncStub) -> None:
    product = await create(catalog)
    assert await update(catalog, product, "display_name", display_name="Kettle") == product


async def test_an_edit_of_an_old_version_is_aborted(catalog: AsyncStub) -> None:
    product = await create(catalog)
    after = await update(catalog, product, price=euros(3990))
    error = await refused(catalog.UpdateProduct(edit_request(product, price=euros(2990))))
    assert (error.code, error.reason) == (grpc.StatusCode.ABORTED, "ETAG_MISMATCH")
    assert await read(catalog, product.name) == after


async def test_an_old_etag_stays_invalid_when_the_contents_are_restored(catalog: AsyncStub) -> None:
    product = await create(catalog)
    after = await update(catalog, product, price=euros(1))
    after = await update(catalog, after, price=product.price)
    assert after == kettle(name=product.name, etag=after.etag)
    assert (await refused(catalog.UpdateProduct(edit_request(product, price=euros(2))))).reason == "ETAG_MISMATCH"


async def test_only_one_of_many_concurrent_edits_of_one_version_succeeds(catalog: AsyncStub) -> None:
    product = await create(catalog)
    requests = [edit_request(product, price=euros(cents)) for cents in range(1, 21)]
    calls = await asyncio.gather(*map(catalog.UpdateProduct, requests), return_exceptions=True)
    [winner] = [reply.product for reply in calls if isinstance(reply, pb.UpdateProductResponse)]
    assert await read(catalog, product.name) == winner


async def test_a_product_id_cannot_be_used_twice(catalog: AsyncStub) -> None:
    product = await create(catalog, discontinued=True)
    same_id = product.name.removeprefix("products/")
    request = pb.CreateProductRequest(request_id=new_id(), product_id=same_id, product=kettle())
    error = await refused(catalog.CreateProduct(request))
    assert (error.code, error.reason) == (grpc.StatusCode.ALREADY_EXISTS, "PRODUCT_EXISTS")
    assert await read(catalog, product.name) == product


async def test_a_discontinued_product_can_be_read_but_not_ordered(catalog: AsyncStub) -> None:
    product = await update(catalog, await create(catalog), discontinued=True)
    assert (await read(catalog, product.name)).discontinued
    error = await reject_batch(catalog, "products/p-0001", product.name)
    assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "PRODUCT_DISCONTINUED")
    assert error.metadata == {"products": product.name}
    assert (await reject_batch(catalog, "products/no", product.name)).reason == "PRODUCT_NOT_FOUND"
    await update(catalog, product, "discontinued", discontinued=False)
    assert (await catalog.BatchGetProducts(pb.BatchGetProductsRequest(names=[product.name]))).products


async def test_an_order_with_a_discontinued_product_fails_and_the_error_names_the_item(
    start: Start, shared: Shared
) -> None:
    catalog, callees = start("catalog"), [shared(name) for name in ("inventory", "payments", "shipping")]
    shop = Shop(start("orders", targets(catalog, *callees)), *callees)
    async with catalog.channel() as channel:
        await update(Stub(channel), await read(Stub(channel), "products/p-0003"), discontinued=True)
    error = await refused(shop.place(cart(p_0001=1, p_0003=1)))
    assert (error.reason, error.fields) == ("INVALID_FIELDS", ["items[1].product"])
    assert (await shop.place(cart(p_0001=1))).state == CONFIRMED
    await shop.close()


async def test_a_missing_product_cannot_be_edited(catalog: AsyncStub) -> None:
    error = await refused(catalog.UpdateProduct(edit_request(pb.Product(name="products/no", etag="x"), price=euros(1))))
    assert (error.code, error.reason) == (grpc.StatusCode.NOT_FOUND, "PRODUCT_NOT_FOUND")


@pytest.mark.parametrize(
    ("fields", "invalid"),
    [
        ({"display_name": ""}, ["product.display_name"]),
        ({"display_name": "x" * 101}, ["product.display_name"]),
        ({"description": "x" * 1001}, ["product.description"]),
        ({"description": "\0"}, ["product.description"]),
        ({"category": ""}, ["product.category"]),
        ({"category": "No Capitals"}, ["product.category"]),
        ({"price": euros(0)}, ["product.price.units"]),
        ({"price": money_pb2.Money(currency_code="JPY", units=1)}, ["product.price.currency_code"]),
        ({"price": money_pb2.Money(currency_code="EUR", nanos=1)}, ["product.price.nanos"]),
    ],
    ids=",".join,
)
async def test_every_invalid_field_is_named_and_nothing_is_stored(
    catalog: AsyncStub, fields: dict[str, object], invalid: list[str]
) -> None:
    request = pb.CreateProductRequest(request_id=new_id(), product_id="bad", product=kettle(**fields))
    error = await refused(catalog.CreateProduct(request))
    assert (error.code, error.fields) == (grpc.StatusCode.INVALID_ARGUMENT, invalid)
    assert (await refused(catalog.GetProduct(pb.GetProductRequest(name="products/bad")))).reason == "PRODUCT_NOT_FOUND"
    product = await create(catalog)
    error = await refused(catalog.UpdateProduct(edit_request(product, *fields, **fields)))
    # An empty field counts as not set, so the mask is invalid.
    expected = invalid if all(fields.values()) else ["update_mask"]
    assert (error.code, error.fields) == (grpc.StatusCode.INVALID_ARGUMENT, expected)
    assert await read(catalog, product.name) == product


@pytest.mark.parametrize(
    ("request_", "invalid"),
    [
        (pb.UpdateProductRequest(), ["request_id", "product"]),
        (edit_request(pb.Product(name="products/p-0001"), price=euros(1)), ["product.etag"]),
        (edit_request(pb.Product(name="p-0001", etag="x"), price=euros(1)), ["product.name"]),
        (edit_request(pb.Product(name="products/p-0001", etag="x"), "price.units"), ["update_mask"]),
    ],
    ids=["nothing", "no etag", "no name", "not editable"],
)
async def test_a_malformed_edit_is_rejected(
    catalog: AsyncStub, request_: pb.UpdateProductRequest, invalid: list[str]
) -> None:
    before = await read(catalog, "products/p-0001")
    error = await refused(catalog.UpdateProduct(request_))
    assert (error.code, error.fields) == (grpc.StatusCode.INVALID_ARGUMENT, invalid)
    assert await read(catalog, "products/p-0001") == before
