"""No method without a test that calls it."""

import pytest

from tests.tidy.conftest import Plant
from tests.tidy.contracts import methods
from tests.tidy.tested import untested
from tests.tidy.tree import Tree

GET, PLACE = "/shop.catalog.v1.CatalogService/GetProduct", "/shop.orders.v1.OrdersService/PlaceOrder"


def test_every_method_is_called_by_a_test(checkout: Tree) -> None:
    assert list(untested(checkout, methods())) == []


def test_a_method_that_no_test_calls_is_named(plant: Plant) -> None:
    told = '"""GetProduct, of shop.catalog.v1."""\nfrom shop.orders.v1 import orders_pb2\n'
    call = 'async def test_it(stub): await stub.PlaceOrder(request, "no GetProduct")\n'
    tree = plant({"tests/services/test_x.py": f"{told}{call}", "tests/mesh/t.py": "stub.GetProduct()"})
    [offence] = untested(tree, [GET, PLACE])
    assert offence.startswith(f"{GET} is called in no test of tests/services")


@pytest.mark.parametrize(
    "code",
    [
        f'CALLS = [f"{{CATALOG}}GetProduct", "{GET}"]',
        "from shop.catalog.v1 import catalog_pb2_grpc\nasync def test_it(stub): await stub.GetProduct(request)",
        'CATALOG = "/shop.catalog.v1.CatalogService/"\nCALLS = {f"{CATALOG}GetProduct": reading}',
    ],
)
def test_a_method_may_be_called_by_a_stub_or_a_path(plant: Plant, code: str) -> None:
    assert list(untested(plant({"tests/services/calls.py": f"{code}\n"}), [GET])) == []


def test_a_call_of_one_version_is_none_of_the_other(plant: Plant) -> None:
    later = GET.replace("v1", "v2")
    [offence] = untested(plant({"tests/services/calls.py": f'CALLS = ["{GET}"]\n'}), [GET, later])
    assert offence.startswith(f"{later} is called in no test")
