"""What the law about declarations finds."""

from collections.abc import Mapping

import pytest

from tests.tidy.conftest import MakeTree
from tests.tidy.declared import declared

MAIN = """\
from shop.orders.v1 import orders_pb2_grpc

async def register(server, runtime):
    orders_pb2_grpc.add_OrdersServiceServicer_to_server(servicer, server)
"""
PEERS = """\
from shop.catalog.v1 import catalog_pb2_grpc
from shop.payments.v1 import payments_pb2_grpc as grpc

class Catalog:
    def __init__(self, channel):
        self._stub = catalog_pb2_grpc.CatalogServiceStub(channel)

    async def products(self):
        return await self._stub.BatchGetProducts(request)

class Payments:
    def __init__(self, channel):
        self._stub = grpc.PaymentsServiceStub(channel)

    async def refund(self):
        return await self._stub.RefundPayment(request)
"""
EVENTS = """\
from shop.orders.v1 import events_pb2 as pb
from shop.payments.v1.events_pb2 import PaymentFailed

EVENTS = {State.PENDING: pb.OrderPlaced}
HANDLERS = {PaymentFailed: handle}
"""
DECLARED = """\
service: orders
serves: [shop.orders.v1.OrdersService]
calls:
  - to: shop.catalog.v1.CatalogService
    methods: [BatchGetProducts]
  - to: shop.payments.v1.PaymentsService
    methods: [RefundPayment]
emits: [shop.orders.v1.OrderPlaced]
consumes: [shop.payments.v1.PaymentFailed]
owns: [orders.shop.example/Order]
"""
SERVICE: Mapping[str, str] = {
    "services/orders/__main__.py": MAIN,
    "services/orders/peers.py": PEERS,
    "services/orders/events.py": EVENTS,
    "services/orders/service.yaml": DECLARED,
}
CATALOG, INVENTORY = "shop.catalog.v1.CatalogService", "shop.inventory.v1.InventoryService"
IMPORT = "from shop.inventory.v1 import inventory_pb2_grpc as g"
CALL = "  - to: shop.payments.v1.PaymentsService\n"
GET = "shop.inventory.v1.InventoryService/GetStock"


def test_a_correct_declaration_is_no_violation(make_tree: MakeTree) -> None:
    assert list(declared(make_tree(SERVICE))) == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("serves: [shop.orders.v1.OrdersService]\n", "", "serves: add shop.orders.v1.OrdersService, which services/"),
        ("[shop.orders.v1.OrdersService]", f"[shop.orders.v1.OrdersService, {CATALOG}]",
         f"serves: remove {CATALOG}, which"),
        ("[BatchGetProducts]", "[]", f"calls: add {CATALOG}/BatchGetProducts, which services/orders/peers.py:9 uses"),
        ("[BatchGetProducts]", "[BatchGetProducts, GetProduct]", f"calls: remove {CATALOG}/GetProduct, which the code"),
        ("[BatchGetProducts]\n", "[BatchGetProducts]\n    on_demand: true\n",
         "peers.py:9 calls it: remove `on_demand`"),
        ("emits: [shop.orders.v1.OrderPlaced]\n", "", "emits: add shop.orders.v1.OrderPlaced, which services/"),
        ("shop.orders.v1.OrderPlaced]", "shop.orders.v1.OrderPlaced, shop.orders.v1.OrderLost]",
         "remove shop.orders.v1.OrderL"),
        ("consumes: [shop.payments.v1.PaymentFailed]\n", "", "consumes: add shop.payments.v1.PaymentFailed, which"),
        ("shop.payments.v1.PaymentFailed]", "shop.payments.v1.PaymentFailed, shop.x.v1.X]",
         "consumes: remove shop.x.v1.X"),
        ("owns: [orders.shop.example/Order]\n", "", "owns: add orders.shop.example/Order, which proto/shop/"),
        ("example/Order]", "example/Order, catalog.shop.example/Product]", "owns: remove catalog.shop.example/Product"),
        ("service: orders", "service: sales", "service: is sales: rename it to orders, like its folder"),
        ("service: orders", "servcie: orders", "unknown key 'servcie'"),
    ],
)  # fmt: skip
def test_a_wrong_declaration_is_found(make_tree: MakeTree, old: str, new: str, message: str) -> None:
    assert DECLARED.count(old) == 1
    tree = make_tree({**SERVICE, "services/orders/service.yaml": DECLARED.replace(old, new)})
    assert any(message in violation for violation in declared(tree)), list(declared(tree))


@pytest.mark.parametrize(
    "code",
    [
        "async def f(c):\n  stub = g.InventoryServiceStub(c)\n  await stub.GetStock(request)",
        "async def f(c):\n  stub = g.InventoryServiceStub(c)\n  await pages(stub.GetStock, request)",
        "async def f(c): await g.InventoryServiceStub(c).GetStock(request)",
        "async def f(stub: g.InventoryServiceStub): await stub.GetStock(request)",
        "async def f(stub: 'int', other: g.InventoryServiceAsyncStub | None): await other.GetStock(request)",
        "class C:\n  stub: g.InventoryServiceStub\n  async def f(self): await self.stub.GetStock(request)",
        "class C:\n  def __init__(self, c): self.b = g.InventoryServiceStub(c)\n  def f(self): self.b.GetStock()",
        "async def f(c):\n  if stub := g.InventoryServiceStub(c):\n    await stub.GetStock(request)",
        "from shop.inventory.v1.inventory_pb2_grpc import InventoryServiceStub as S\nstub = S(c)\nstub.GetStock()",
    ],
)  # fmt: skip
def test_a_call_is_found_in_all_forms(make_tree: MakeTree, code: str) -> None:
    [violation] = declared(make_tree({**SERVICE, "services/orders/more.py": f"{IMPORT}\n{code}\n"}))
    assert violation.startswith(f"services/orders/service.yaml: calls: add {GET}, which services/orders/more.py:")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (f"{IMPORT}\nstubs = [g.InventoryServiceStub(c)]\nstubs[0].GetStock(r)", f"no call of the stub of {INVENTORY}"),
        (f'GET = "/{GET}"', f"calls: add {GET}, which services/orders/more.py:1 names"),
        ("get = channel.unary_unary(path)", "unary_unary calls by path: call a stub, or declare calls `on_demand`"),
        ("from shop.payments.v1 import events_pb2 as e\nTYPES = (e.PaymentLost,)", "consumes: add shop.payments.v1"),
        ("from shop.orders.v1 import events_pb2 as e\nevent = e.OrderConfirmed(order=o)", "emits: add shop.orders.v1"),
    ],
)  # fmt: skip
def test_undeclared_code_is_found(make_tree: MakeTree, code: str, message: str) -> None:
    [violation] = declared(make_tree({**SERVICE, "services/orders/more.py": f"{code}\n"}))
    assert message in violation


@pytest.mark.parametrize(
    "code",
    [
        "from shop.payments.v1 import events_pb2 as e\nEvent = e.PaymentLost | e.PaymentFailed",
        "from shop.payments.v1 import events_pb2 as e\ndef f(event: Event[e.PaymentLost]) -> e.PaymentLost: ...",
        "state = pb.Order.State.Value(name)\nreply = self._stub_of.Anything()",
    ],
)
def test_a_type_is_neither_a_call_nor_an_event(make_tree: MakeTree, code: str) -> None:
    assert list(declared(make_tree({**SERVICE, "services/orders/more.py": f"{code}\n"}))) == []


def test_calls_on_demand_are_made_by_path(make_tree: MakeTree) -> None:
    on_demand = f"{CALL}    methods: [GetPayment]\n    on_demand: true\n"
    files = {
        "services/orders/service.yaml": DECLARED.replace("emits:", f"{on_demand}emits:"),
        "services/orders/more.py": 'GET = "shop.payments.v1.PaymentsService/GetPayment"\nchannel.unary_unary(GET)\n',
    }
    assert list(declared(make_tree({**SERVICE, **files}))) == []


def test_a_service_without_a_declaration_is_found(make_tree: MakeTree) -> None:
    del (files := dict(SERVICE))["services/orders/service.yaml"]
    assert (
        "services/orders/service.yaml: serves: add shop.orders.v1.OrdersService, which services/orders/"
        in "\n".join(declared(make_tree(files)))
    )
