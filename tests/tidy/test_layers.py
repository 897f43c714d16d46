"""What the law about layers finds."""

import pytest

from tests.tidy.conftest import MakeTree
from tests.tidy.layers import layers

PEERS, STORE, OVER_GRPC = "orders/peers.py", "orders/store.py", "services call each other over gRPC only"
LOAD = "from importlib import import_module as load\nstore = load('services.catalog.store')"
RUN = "import subprocess\nsubprocess.run(['python', '-m', 'services.catalog'])"
RELATIVE = "import importlib as i\nstore = i.import_module('..catalog', 'services.orders')"
FILE = "from pathlib import Path\nup = Path(__file__)"


@pytest.mark.parametrize(
    ("file", "code", "text"),
    [
        ("orders/domain.py", "import grpc", "a domain imports the standard library only"),
        ("orders/domain.py", "from services.runtime import money", "a domain imports the standard library only"),
        ("orders/domain.py", "from . import store", "services.orders.store: a domain imports the standard library"),
        ("orders/errors.py", "import grpc", "a domain imports the standard library only"),
        ("orders/progress.py", "from services.catalog.errors import E", "a domain imports the standard library only"),
        ("orders/handlers.py", "import grpc.aio", "handlers.py may not import it; messages.py converts messages"),
        ("orders/handlers.py", "from google.rpc import status_pb2", "handlers.py may not import it"),
        ("orders/handlers.py", "from shop.orders.v1 import orders_pb2", "handlers.py may not import it"),
        ("orders/handlers.py", "from sqlalchemy import select", "handlers.py may not import it"),
        ("orders/saga.py", "from grpc import StatusCode", "peers.py calls, store.py stores"),
        (STORE, "from shop.orders.v1 import orders_pb2", "messages.py converts rows to messages"),
        ("orders/requests.py", "from sqlalchemy import select", "store.py queries"),
        ("orders/servicer.py", "from services.runtime.rpc.errors import ErrorTable", "import it from the package"),
        ("orders/__main__.py", "from services.runtime.config import Settings", "import it from the package"),
        ("orders/servicer.py", "import sqlalchemy", "store.py queries"),
        (PEERS, "import services.catalog.store", OVER_GRPC),
        ("orders/handlers.py", "from services import catalog", OVER_GRPC),
        ("orders/servicer.py", "from ..catalog import store", OVER_GRPC),
        ("orders/servicer.py", "import services", OVER_GRPC),
        (PEERS, "from .. import catalog", f"services.catalog: {OVER_GRPC}"),
        (PEERS, "from ..catalog.store import Store as S", f"services.catalog.store.Store: {OVER_GRPC}"),
        (PEERS, "def late():\n  from services.catalog import store", f"services.catalog.store: {OVER_GRPC}"),
        (PEERS, "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n  import services.catalog", OVER_GRPC),
        (PEERS, LOAD, f"services.catalog: {OVER_GRPC}"),
        (PEERS, "store = __import__('services.catalog')", f"services.catalog: {OVER_GRPC}"),
        (PEERS, RELATIVE, "..catalog: use `import`"),
        (PEERS, "import runpy\nrunpy.run_module(f'services.{other}')", f"services.: {OVER_GRPC}"),
        (PEERS, RUN, OVER_GRPC),
        (PEERS, "rows = open('services/catalog/products.csv')", f"services/catalog: {OVER_GRPC}"),
        (PEERS, "rows = open('../catalog/products.csv')", "opens files in its own folder only"),
        (STORE, f"{FILE}.parent.parent / 'catalog'", ".parent: a service opens files in its own folder only"),
        (STORE, f"{FILE}.resolve().parents[1]", ".parents: a service opens files in its own folder only"),
        (STORE, "rows = HERE.parent / 'catalog'", ".parent: a service opens files in its own folder only"),
        ("orders/servicer.py", "from shop.catalog.v1 import catalog_pb2", "only peers.py and events.py import the con"),
        ("runtime/server.py", "from services.orders.servicer import ERRORS", OVER_GRPC),
        ("runtime/server.py", "from shop.orders.v1 import orders_pb2", "passes it a `register` function"),
        ("runtime/errors.py", "class StockError(Exception): ...", "stock: the runtime is independent of the business"),
        ("runtime/requests.py", "def once(order_id: str): ...", "order: the runtime is independent of the business"),
        ("runtime/channel.py", 'target = "catalog:50051"', "catalog: the runtime is independent of the business"),
    ],
)  # fmt: skip
def test_an_import_or_reference_beyond_the_layer_is_found(make_tree: MakeTree, file: str, code: str, text: str) -> None:
    violation = next(layers(make_tree({f"services/{file}": f"{code}\n"})))
    assert violation.startswith(f"services/{file}:")
    assert text in violation


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ("orders/domain.py", "from dataclasses import dataclass\nfrom collections.abc import Sequence"),
        ("orders/domain.py", "from services.orders.errors import E\nfrom services.orders.progress import Step"),
        ("orders/handlers.py", "from services.orders import domain\nfrom services.runtime import once"),
        (PEERS, "import grpc\nfrom shop.catalog.v1 import catalog_pb2_grpc"),
        ("analytics/events.py", "from shop.orders.v1 import events_pb2"),
        ("reflection/__main__.py", "import shop"),
        ("orders/__main__.py", "HERE = Path(__file__).parent\nversions = HERE / 'migrations'"),
        ("orders/__main__.py", "topic, path = 'shop.services', 'web-services/x'\nrun('services.orders')"),
        ("orders/handlers.py", '"""As services.catalog does it, ../catalog."""'),
        ("operator/calls.py", "import importlib\nmodule = importlib.import_module(name)"),
        ("runtime/requests.py", "query = select(table).order_by(table.c.time)"),
        ("runtime/channel.py", '"""Open a channel, for example to "catalog"."""'),
    ],
)  # fmt: skip
def test_what_the_layer_allows_is_no_violation(make_tree: MakeTree, file: str, code: str) -> None:
    assert list(layers(make_tree({f"services/{file}": f"{code}\n"}))) == []


@pytest.mark.parametrize(
    ("file", "code", "text"),
    [
        ("commands/up.py", "from mesh.local.commands.down import stop", "a command imports no other command"),
        ("commands/up.py", "from mesh.local.agent import pod", "the node agent is a separate process"),
        ("lifecycle/start.py", "import mesh.local.agent.pod", "the node agent is a separate process"),
    ],
)
def test_a_part_of_the_local_mesh_that_imports_too_much_is_found(
    make_tree: MakeTree, file: str, code: str, text: str
) -> None:
    violation = next(layers(make_tree({f"mesh/local/{file}": f"{code}\n"})))
    assert violation.startswith(f"mesh/local/{file}:1 ")
    assert text in violation


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ("cli.py", "from mesh.local.commands import up"),
        ("agent/pod.py", "from mesh.local.agent import sandbox"),
        ("commands/up.py", "from mesh.local.lifecycle import start"),
    ],
)
def test_what_a_part_of_the_local_mesh_may_import_is_no_violation(make_tree: MakeTree, file: str, code: str) -> None:
    assert list(layers(make_tree({f"mesh/local/{file}": f"{code}\n"}))) == []
