"""Each layer knows what lies below it, and each service itself alone."""

import pytest

from tests.tidy.conftest import Plant
from tests.tidy.layers import layers
from tests.tidy.tree import Tree

ENVIRONMENT_TOLD = "`serve`, called in __main__.py, reads it"


def test_every_layer_keeps_to_itself(checkout: Tree) -> None:
    assert layers(checkout) == []


@pytest.mark.parametrize(
    ("file", "code", "told"),
    [
        ("orders/domain.py", "import grpc", "a domain imports the standard library alone"),
        ("orders/domain.py", "from services.runtime import money", "a domain imports the standard library alone"),
        ("orders/domain.py", "from . import store", "services.orders.store: a domain imports the standard library"),
        ("orders/errors.py", "import grpc", "a domain imports the standard library alone"),
        ("orders/progress.py", "from services.catalog.errors import E", "a domain imports the standard library alone"),
        ("orders/requests.py", "from sqlalchemy import select", "store.py queries"),
        ("orders/handlers.py", "import grpc.aio", "handlers.py knows nothing of it; messages.py speaks the wire's"),
        ("orders/handlers.py", "from google.rpc import status_pb2", "handlers.py knows nothing of it"),
        ("orders/handlers.py", "from shop.orders.v1 import orders_pb2", "handlers.py knows nothing of it"),
        ("orders/handlers.py", "from sqlalchemy import select", "handlers.py knows nothing of it"),
        ("orders/saga.py", "from grpc import StatusCode", "peers.py calls, store.py keeps"),
        ("orders/store.py", "from shop.orders.v1 import orders_pb2", "messages.py turns what it stores into messages"),
        ("orders/servicer.py", "import sqlalchemy", "store.py queries"),
        ("orders/peers.py", "import services.catalog.store", "services meet over gRPC alone, in peers.py"),
        ("orders/handlers.py", "from services import catalog", "services meet over gRPC alone, in peers.py"),
        ("orders/servicer.py", "from ..catalog import store", "services meet over gRPC alone, in peers.py"),
        ("orders/servicer.py", "import services", "services meet over gRPC alone, in peers.py"),
        ("orders/peers.py", "from .. import catalog", "services.catalog: services meet over gRPC alone"),
        ("orders/peers.py", "from ..catalog.store import Store as S", "services.catalog.store.Store: services meet"),
        (
            "orders/peers.py",
            "def late():\n  from services.catalog import store",
            "services.catalog.store: services meet",
        ),
        ("orders/peers.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n  import services.catalog", "meet"),
        (
            "orders/peers.py",
            "from importlib import import_module as load\nstore = load('services.catalog.store')",
            "services.catalog: services meet over gRPC alone, in peers.py",
        ),
        ("orders/peers.py", "store = __import__('services.catalog')", "services.catalog: services meet over gRPC"),
        (
            "orders/peers.py",
            "import importlib as i\nstore = i.import_module('..catalog', 'services.orders')",
            "..catalog",
        ),
        ("orders/peers.py", "import runpy\nrunpy.run_module(f'services.{other}')", "services.: services meet"),
        ("orders/peers.py", "import subprocess\nsubprocess.run(['python', '-m', 'services.catalog'])", "services meet"),
        (
            "orders/peers.py",
            "rows = open('services/catalog/products.csv')",
            "services/catalog: services meet over gRPC",
        ),
        ("orders/peers.py", "rows = open('../catalog/products.csv')", "opens what lies in its own folder"),
        (
            "orders/store.py",
            "from pathlib import Path\nup = Path(__file__).parent.parent / 'catalog'",
            ".parent: a service",
        ),
        (
            "orders/store.py",
            "from pathlib import Path\nup = Path(__file__).resolve().parents[1]",
            ".parents: a service",
        ),
        ("orders/store.py", "rows = HERE.parent / 'catalog'", ".parent: a service opens what lies in its own folder"),
        ("orders/servicer.py", "from shop.catalog.v1 import catalog_pb2", "is known to peers.py and events.py alone"),
        ("orders/__main__.py", "from mesh.local import tools", "a service runs without the mesh's tools and tests"),
        ("orders/__main__.py", "import os\nurl = os.environ['DATABASE_URL']", f"os.environ: {ENVIRONMENT_TOLD}"),
        ("orders/store.py", "import os\nurl = os.environ.get('URL', '')", f"os.environ: {ENVIRONMENT_TOLD}"),
        ("orders/store.py", "from os import getenv as ask", f"os.getenv: {ENVIRONMENT_TOLD}"),
        ("runtime/config.py", "import os\nlevel = os.getenv('LOG_LEVEL')", f"os.getenv: {ENVIRONMENT_TOLD}"),
        ("runtime/server.py", "from services.orders.servicer import ERRORS", "services meet over gRPC alone"),
        ("runtime/server.py", "from shop.orders.v1 import orders_pb2", "it is given a `register`"),
        ("runtime/errors.py", "class StockError(Exception): ...", "stock: the runtime knows no business"),
        ("runtime/requests.py", "def once(order_id: str): ...", "order: the runtime knows no business"),
        ("runtime/channel.py", 'target = "catalog:50051"', "catalog: the runtime knows no business"),
    ],
)
def test_a_layer_that_knows_too_much_is_found(plant: Plant, file: str, code: str, told: str) -> None:
    offence = layers(plant({f"services/{file}": f"{code}\n"}))[0]
    assert offence.startswith(f"services/{file}:")
    assert told in offence


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ("orders/domain.py", "from dataclasses import dataclass\nfrom collections.abc import Sequence"),
        ("orders/domain.py", "from services.orders.errors import E\nfrom services.orders.progress import Step"),
        ("orders/handlers.py", "from services.orders import domain\nfrom services.runtime import once"),
        ("orders/peers.py", "import grpc\nfrom shop.catalog.v1 import catalog_pb2_grpc"),
        ("analytics/events.py", "from shop.orders.v1 import events_pb2"),
        ("reflection/__main__.py", "import shop"),
        (
            "orders/__main__.py",
            "from pathlib import Path\nHERE = Path(__file__).parent\nversions = HERE / 'migrations'",
        ),
        ("orders/__main__.py", "topic, path = 'shop.services', 'web-services/x'\nrun('services.orders')"),
        ("orders/handlers.py", '"""As services.catalog does it, ../catalog."""'),
        ("operator/calls.py", "import importlib\nmodule = importlib.import_module(name)"),
        ("runtime/process.py", "import os\nsettings = read(os.environ)"),
        ("runtime/requests.py", "query = select(table).order_by(table.c.time)"),
        ("runtime/channel.py", '"""Open a channel, for example to "catalog"."""'),
    ],
)
def test_what_a_layer_may_know_is_no_offence(plant: Plant, file: str, code: str) -> None:
    assert layers(plant({f"services/{file}": f"{code}\n"})) == []
