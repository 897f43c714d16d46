"""No method without a test that calls it."""

from tests.tidy.conftest import Plant
from tests.tidy.contracts import methods
from tests.tidy.tested import untested
from tests.tidy.tree import Tree

GET, PLACE = "/shop.catalog.v1.CatalogService/GetProduct", "/shop.orders.v1.OrdersService/PlaceOrder"


def test_every_method_is_called_by_a_test(checkout: Tree) -> None:
    assert list(untested(checkout, methods())) == []


def test_methods_have_names_of_their_own() -> None:
    names = [path.rpartition("/")[2] for path in methods()]
    assert sorted(names) == sorted(set(names)), "or the law above would take the one for the other"


def test_a_method_that_no_test_calls_is_named(plant: Plant) -> None:
    told = '"""GetProduct."""\nasync def test_it(stub): await stub.PlaceOrder(PlaceOrderRequest(), "no GetProduct")\n'
    [offence] = untested(
        plant({"tests/services/test_x.py": told, "tests/mesh/t.py": "stub.GetProduct()"}), [GET, PLACE]
    )
    assert offence.startswith(f"{GET} is called in no test of tests/services")


def test_a_method_may_be_called_by_its_path(plant: Plant) -> None:
    code = f'CALLS = [f"{{CATALOG}}GetProduct", "{PLACE}"]\n'
    assert list(untested(plant({"tests/services/calls.py": code}), [GET, PLACE])) == []
