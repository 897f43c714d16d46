"""No method without a test that calls it."""

from tests.tidy.conftest import Plant
from tests.tidy.contracts import methods
from tests.tidy.tested import untested, version_of
from tests.tidy.tree import Tree

GET, PLACE = "/shop.catalog.v1.CatalogService/GetProduct", "/shop.orders.v1.OrdersService/PlaceOrder"


def test_every_method_is_called_by_a_test(checkout: Tree) -> None:
    assert list(untested(checkout, methods())) == []


def test_methods_have_names_of_their_own() -> None:
    names = [(version_of(path), path.rpartition("/")[2]) for path in methods()]
    assert sorted(names) == sorted(set(names)), "or the law above would take the one for the other"


def test_a_method_that_no_test_calls_is_named(plant: Plant) -> None:
    told = '"""GetProduct."""\nasync def test_it(stub): await stub.PlaceOrder(PlaceOrderRequest(), "no GetProduct")\n'
    [offence] = untested(
        plant({"tests/services/test_x.py": told, "tests/mesh/t.py": "stub.GetProduct()"}), [GET, PLACE]
    )
    assert offence.startswith(f"{GET} is called in no test of tests/services")


def test_a_test_of_one_version_is_none_of_the_other(plant: Plant) -> None:
    second = PLACE.replace("v1", "v2")
    tree = plant(
        {"tests/services/test_x.py": "from shop.orders.v1 import orders_pb2\nasync def f(s): await s.PlaceOrder()\n"}
    )
    [offence] = untested(tree, [PLACE, second])
    assert offence.startswith(f"{second} is called in no test")
    both = plant(
        {"tests/services/test_y.py": "from shop.orders.v2 import orders_pb2\nasync def f(s): await s.PlaceOrder()\n"}
    )
    assert list(untested(both, [PLACE, second])) == []


def test_a_method_may_be_called_by_its_path(plant: Plant) -> None:
    code = f'CALLS = [f"{{CATALOG}}GetProduct", "{PLACE}"]\n'
    assert list(untested(plant({"tests/services/calls.py": code}), [GET, PLACE])) == []
