"""What the law about tests of methods finds."""

import pytest

from tests.tidy.conftest import MakeTree
from tests.tidy.untested import untested_methods

GET, PLACE = "/shop.catalog.v1.CatalogService/GetProduct", "/shop.orders.v1.OrdersService/PlaceOrder"


def test_a_method_that_no_test_calls_is_found(make_tree: MakeTree) -> None:
    head = '"""GetProduct, of shop.catalog.v1."""\nfrom shop.orders.v1 import orders_pb2\n'
    call = 'async def test_it(stub): await stub.PlaceOrder(request, "no GetProduct")\n'
    tree = make_tree({"tests/services/test_x.py": f"{head}{call}", "tests/mesh/t.py": "stub.GetProduct()"})
    [violation] = untested_methods(tree, [GET, PLACE])
    assert violation.startswith(f"{GET} is called by no test in tests/services")


@pytest.mark.parametrize(
    "code",
    [
        f'CALLS = [f"{{CATALOG}}GetProduct", "{GET}"]',
        "from shop.catalog.v1 import catalog_pb2_grpc\nasync def test_it(stub): await stub.GetProduct(request)",
        'CATALOG = "/shop.catalog.v1.CatalogService/"\nCALLS = {f"{CATALOG}GetProduct": reading}',
    ],
)
def test_a_call_by_stub_or_path_counts(make_tree: MakeTree, code: str) -> None:
    assert list(untested_methods(make_tree({"tests/services/calls.py": f"{code}\n"}), [GET])) == []


def test_a_call_counts_for_one_version_of_the_contract(make_tree: MakeTree) -> None:
    later = GET.replace("v1", "v2")
    [violation] = untested_methods(make_tree({"tests/services/calls.py": f'CALLS = ["{GET}"]\n'}), [GET, later])
    assert violation.startswith(f"{later} is called by no test")
