"""What services declare is what their code does."""

from collections.abc import Mapping

import pytest

from tests.tidy.conftest import Plant
from tests.tidy.declared import faithful
from tests.tidy.tree import Tree

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
IDLE = "nothing has it, take it out"
GET = "shop.inventory.v1.InventoryService/GetStock"


def test_every_declaration_is_true(checkout: Tree) -> None:
    assert list(faithful(checkout)) == []


def test_a_true_declaration_is_no_offence(plant: Plant) -> None:
    assert list(faithful(plant(SERVICE))) == []


@pytest.mark.parametrize(
    ("declared", "instead", "told"),
    [
        ("serves: [shop.orders.v1.OrdersService]\n", "", "serves: lacks shop.orders.v1.OrdersService, as services/"),
        ("[shop.orders.v1.OrdersService]", f"[shop.orders.v1.OrdersService, {CATALOG}]", f"{CATALOG} is idle: {IDLE}"),
        ("[BatchGetProducts]", "[]", f"calls: lacks {CATALOG}/BatchGetProducts, as services/orders/peers.py:9 has it"),
        ("[BatchGetProducts]", "[BatchGetProducts, GetProduct]", f"calls: {CATALOG}/GetProduct is idle: {IDLE}"),
        ("[BatchGetProducts]\n", "[BatchGetProducts]\n    on_demand: true\n", "peers.py:9 calls it: leave it out"),
        ("emits: [shop.orders.v1.OrderPlaced]\n", "", "emits: lacks shop.orders.v1.OrderPlaced, as services/"),
        ("shop.orders.v1.OrderPlaced]", "shop.orders.v1.OrderPlaced, shop.orders.v1.OrderLost]", "OrderLost is idle: "),
        ("consumes: [shop.payments.v1.PaymentFailed]\n", "", "consumes: lacks shop.payments.v1.PaymentFailed, as"),
        ("shop.payments.v1.PaymentFailed]", "shop.payments.v1.PaymentFailed, shop.x.v1.X]", "consumes: shop.x.v1.X is"),
        ("owns: [orders.shop.example/Order]\n", "", "owns: lacks orders.shop.example/Order, as proto/shop/"),
        ("example/Order]", "example/Order, catalog.shop.example/Product]", "catalog.shop.example/Product is idle"),
        ("service: orders", "service: sales", "service: is sales: call it orders, as its folder is called"),
        ("service: orders", "servcie: orders", "unknown key `servcie`"),
    ],
)  # fmt: skip
def test_a_declaration_that_strays_is_found(plant: Plant, declared: str, instead: str, told: str) -> None:
    assert DECLARED.count(declared) == 1
    tree = plant({**SERVICE, "services/orders/service.yaml": DECLARED.replace(declared, instead)})
    assert any(told in offence for offence in faithful(tree)), list(faithful(tree))


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
def test_a_call_is_seen_however_it_is_made(plant: Plant, code: str) -> None:
    [offence] = faithful(plant({**SERVICE, "services/orders/more.py": f"{IMPORT}\n{code}\n"}))
    assert offence.startswith(f"services/orders/service.yaml: calls: lacks {GET}, as services/orders/more.py:")


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (f"{IMPORT}\nstubs = [g.InventoryServiceStub(c)]\nstubs[0].GetStock(r)", f"no call of the stub of {INVENTORY}"),
        (f'GET = "/{GET}"', f"calls: lacks {GET}, which services/orders/more.py:1 names"),
        ("get = channel.unary_unary(path)", "unary_unary calls by a path: call the stub, or declare calls `on_demand`"),
        ("from shop.payments.v1 import events_pb2 as e\nTYPES = (e.PaymentLost,)", "consumes: lacks shop.payments.v"),
        ("from shop.orders.v1 import events_pb2 as e\ntold = e.OrderConfirmed(order=o)", "emits: lacks shop.orders.v1"),
    ],
)  # fmt: skip
def test_what_is_not_declared_is_found(plant: Plant, code: str, told: str) -> None:
    [offence] = faithful(plant({**SERVICE, "services/orders/more.py": f"{code}\n"}))
    assert told in offence


@pytest.mark.parametrize(
    "code",
    [
        "from shop.payments.v1 import events_pb2 as e\nTold = e.PaymentLost | e.PaymentFailed",
        "from shop.payments.v1 import events_pb2 as e\ndef f(event: Event[e.PaymentLost]) -> e.PaymentLost: ...",
        "state = pb.Order.State.Value(name)\nreply = self._stub_of.Anything()",
    ],
)
def test_a_type_is_neither_a_call_nor_an_event(plant: Plant, code: str) -> None:
    assert list(faithful(plant({**SERVICE, "services/orders/more.py": f"{code}\n"}))) == []


def test_what_a_person_asks_for_is_called_by_its_path(plant: Plant) -> None:
    on_demand = f"{CALL}    methods: [GetPayment]\n    on_demand: true\n"
    files = {
        "services/orders/service.yaml": DECLARED.replace("emits:", f"{on_demand}emits:"),
        "services/orders/more.py": 'GET = "shop.payments.v1.PaymentsService/GetPayment"\nchannel.unary_unary(GET)\n',
    }
    assert list(faithful(plant({**SERVICE, **files}))) == []


def test_a_service_without_a_declaration_does_nothing_that_needs_one(plant: Plant) -> None:
    del (files := dict(SERVICE))["services/orders/service.yaml"]
    assert "services/orders/service.yaml: serves: lacks shop.orders.v1.OrdersService, as services/orders/" in "\n".join(
        faithful(plant(files))
    )
