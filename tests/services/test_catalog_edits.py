"""The catalogue is edited: by versions, so that nobody's work is overwritten; and nothing that was sold disappears."""

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.type import money_pb2

from shop.catalog.v1 import catalog_pb2 as pb
from shop.catalog.v1 import catalog_pb2_grpc
from tests.services.conftest import Shared, Start
from tests.services.harness import targets
from tests.services.refusals import Refused, refused
from tests.services.shop import CONFIRMED, Shop, cart, new_id

Stub = catalog_pb2_grpc.CatalogServiceStub


@pytest.fixture
async def catalog(shared: Shared) -> AsyncIterator[Stub]:
    async with shared("catalog").channel() as channel:
        yield Stub(channel)


def euros(cents: int) -> money_pb2.Money:
    return money_pb2.Money(currency_code="EUR", units=cents // 100, nanos=cents % 100 * 10_000_000)


def kettle(**fields: object) -> pb.Product:
    """Make a product that the contract allows, but for some fields."""
    usual = {"display_name": "Kettle", "description": "It whistles.", "category": "kettles", "price": euros(4990)}
    return pb.Product(**(usual | fields))  # type: ignore[arg-type]


async def created(catalog: Stub, **fields: object) -> pb.Product:
    request = pb.CreateProductRequest(request_id=new_id(), product_id=new_id(), product=kettle(**fields))
    return (await catalog.CreateProduct(request)).product


def edit(product: pb.Product, *paths: str, **fields: object) -> pb.UpdateProductRequest:
    """Ask for an edit of this version; without paths, of the fields that are given."""
    changed = pb.Product(name=product.name, etag=product.etag, **fields)  # type: ignore[arg-type]
    return pb.UpdateProductRequest(request_id=new_id(), product=changed, update_mask=FieldMask(paths=paths))


async def edited(catalog: Stub, product: pb.Product, *paths: str, **fields: object) -> pb.Product:
    return (await catalog.UpdateProduct(edit(product, *paths, **fields))).product


async def read(catalog: Stub, name: str) -> pb.Product:
    return (await catalog.GetProduct(pb.GetProductRequest(name=name))).product


async def unbuyable(catalog: Stub, *names: str) -> Refused:
    return await refused(catalog.BatchGetProducts(pb.BatchGetProductsRequest(names=names)))


async def test_a_new_product_is_found_as_it_was_made(catalog: Stub) -> None:
    request = pb.CreateProductRequest(request_id=new_id(), product_id=new_id(), product=kettle(name="products/other"))
    made = (await catalog.CreateProduct(request)).product
    assert made == kettle(name=f"products/{request.product_id}", etag=made.etag)
    assert made.etag
    assert await read(catalog, made.name) == made


async def test_an_edit_changes_what_its_mask_names_and_the_etag(catalog: Stub) -> None:
    made = await created(catalog)
    after = await edited(catalog, made, "price", price=euros(3990), description="not named, not changed")
    assert after == kettle(name=made.name, etag=after.etag, price=euros(3990))
    assert after.etag != made.etag
    assert await read(catalog, made.name) == after


async def test_without_a_mask_what_is_given_is_changed(catalog: Stub) -> None:
    made = await created(catalog)
    after = await edited(catalog, made, display_name="Teapot", category="pots")
    assert after == kettle(name=made.name, etag=after.etag, display_name="Teapot", category="pots")


async def test_a_mask_of_everything_empties_what_is_not_given(catalog: Stub) -> None:
    made = await created(catalog, discontinued=True)
    after = await edited(catalog, made, "*", display_name="Pot", category="pots", price=euros(1))
    assert (after.description, after.discontinued) == ("", False)


async def test_an_edit_that_changes_nothing_leaves_the_etag(catalog: Stub) -> None:
    made = await created(catalog)
    assert await edited(catalog, made, "display_name", display_name="Kettle") == made


async def test_an_edit_of_an_older_version_is_refused(catalog: Stub) -> None:
    made = await created(catalog)
    after = await edited(catalog, made, price=euros(3990))
    error = await refused(catalog.UpdateProduct(edit(made, price=euros(2990))))
    assert (error.code, error.reason) == (grpc.StatusCode.ABORTED, "ETAG_MISMATCH")
    assert await read(catalog, made.name) == after


async def test_a_version_does_not_come_back_with_its_contents(catalog: Stub) -> None:
    made = await created(catalog)
    after = await edited(catalog, made, price=euros(1))
    after = await edited(catalog, after, price=made.price)
    assert after == kettle(name=made.name, etag=after.etag)
    assert (await refused(catalog.UpdateProduct(edit(made, price=euros(2))))).reason == "ETAG_MISMATCH"


async def test_of_many_who_edit_one_version_one_succeeds(catalog: Stub) -> None:
    made = await created(catalog)
    requests = [edit(made, price=euros(cents)) for cents in range(1, 21)]
    calls = await asyncio.gather(*map(catalog.UpdateProduct, requests), return_exceptions=True)
    [won] = [reply.product for reply in calls if isinstance(reply, pb.UpdateProductResponse)]
    assert await read(catalog, made.name) == won


async def test_a_product_is_made_once_under_its_id(catalog: Stub) -> None:
    made = await created(catalog, discontinued=True)
    again = made.name.removeprefix("products/")
    request = pb.CreateProductRequest(request_id=new_id(), product_id=again, product=kettle())
    error = await refused(catalog.CreateProduct(request))
    assert (error.code, error.reason) == (grpc.StatusCode.ALREADY_EXISTS, "PRODUCT_EXISTS")
    assert await read(catalog, made.name) == made


async def test_what_is_discontinued_can_be_read_and_not_be_bought(catalog: Stub) -> None:
    made = await edited(catalog, await created(catalog), discontinued=True)
    assert (await read(catalog, made.name)).discontinued
    error = await unbuyable(catalog, "products/p-0001", made.name)
    assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "PRODUCT_DISCONTINUED")
    assert error.metadata == {"products": made.name}
    assert (await unbuyable(catalog, "products/no", made.name)).reason == "PRODUCT_NOT_FOUND"
    await edited(catalog, made, "discontinued", discontinued=False)
    assert (await catalog.BatchGetProducts(pb.BatchGetProductsRequest(names=[made.name]))).products


async def test_an_order_of_what_is_discontinued_is_told_which_item(start: Start, shared: Shared) -> None:
    catalog, callees = start("catalog"), [shared(name) for name in ("inventory", "payments", "shipping")]
    shop = Shop(start("orders", targets(catalog, *callees)), *callees)
    async with catalog.channel() as channel:
        await edited(Stub(channel), await read(Stub(channel), "products/p-0003"), discontinued=True)
    error = await refused(shop.place(cart(p_0001=1, p_0003=1)))
    assert (error.reason, error.fields) == ("INVALID_FIELDS", ["items[1].product"])
    assert (await shop.place(cart(p_0001=1))).state == CONFIRMED
    await shop.close()


async def test_what_does_not_exist_is_not_edited(catalog: Stub) -> None:
    error = await refused(catalog.UpdateProduct(edit(pb.Product(name="products/no", etag="x"), price=euros(1))))
    assert (error.code, error.reason) == (grpc.StatusCode.NOT_FOUND, "PRODUCT_NOT_FOUND")


@pytest.mark.parametrize(
    ("fields", "offending"),
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
async def test_a_field_that_offends_is_named_and_nothing_is_kept(
    catalog: Stub, fields: dict[str, object], offending: list[str]
) -> None:
    request = pb.CreateProductRequest(request_id=new_id(), product_id="bad", product=kettle(**fields))
    error = await refused(catalog.CreateProduct(request))
    assert (error.code, error.fields) == (grpc.StatusCode.INVALID_ARGUMENT, offending)
    assert (await refused(catalog.GetProduct(pb.GetProductRequest(name="products/bad")))).reason == "PRODUCT_NOT_FOUND"
    made = await created(catalog)
    error = await refused(catalog.UpdateProduct(edit(made, *fields, **fields)))
    # What is empty has not been given: it is the mask that asks for it.
    expected = offending if all(fields.values()) else ["update_mask"]
    assert (error.code, error.fields) == (grpc.StatusCode.INVALID_ARGUMENT, expected)
    assert await read(catalog, made.name) == made


@pytest.mark.parametrize(
    ("request_", "offending"),
    [
        (pb.UpdateProductRequest(), ["request_id", "product"]),
        (edit(pb.Product(name="products/p-0001"), price=euros(1)), ["product.etag"]),
        (edit(pb.Product(name="p-0001", etag="x"), price=euros(1)), ["product.name"]),
        (edit(pb.Product(name="products/p-0001", etag="x"), "price.units"), ["update_mask"]),
    ],
    ids=["nothing", "no etag", "no name", "not to be changed"],
)
async def test_an_edit_that_is_malformed_is_refused(
    catalog: Stub, request_: pb.UpdateProductRequest, offending: list[str]
) -> None:
    before = await read(catalog, "products/p-0001")
    error = await refused(catalog.UpdateProduct(request_))
    assert (error.code, error.fields) == (grpc.StatusCode.INVALID_ARGUMENT, offending)
    assert await read(catalog, "products/p-0001") == before
