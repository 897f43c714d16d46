"""orders over a temporary database, with fake callees. No test here starts a process or uses a socket."""

import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from services.orders import store as orders_store
from services.orders.events import SOURCE, EventPublisher
from services.orders.handlers import Orders
from services.orders.recovery import Recovery
from services.orders.saga import Saga
from services.orders.store import SagaLog
from services.orders.updates import OrderUpdates
from services.runtime import Background
from services.runtime.events import Outbox
from services.runtime.storage import Database
from services.runtime.storage.database import open_database
from tests.unit.orders_callees import Callees

PUBLISHER = EventPublisher(Outbox(SOURCE))
FORBIDDEN = ("subprocess.Popen", "os.fork", "os.posix_spawn", "os.exec", "os.system", "socket.bind", "socket.connect")
"""Audit events of Python that no test in this folder may cause."""
forbidden_now: list[tuple[str, ...]] = []
"""FORBIDDEN during a test of this folder, else empty: an audit hook cannot be removed."""
MIGRATIONS = Path(orders_store.__file__).parent / "migrations"


def refuse_forbidden(event: str, _: tuple[object, ...]) -> None:
    if any(event in events for events in forbidden_now):
        raise AssertionError(f"{event}: a unit test starts no process and uses no socket; move it to another suite")


sys.addaudithook(refuse_forbidden)


@pytest.fixture(autouse=True)
def no_processes_and_sockets() -> Iterator[None]:
    """Fail the test that starts a process, or binds or connects a socket."""
    forbidden_now.append(FORBIDDEN)
    yield
    forbidden_now.clear()


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = await open_database(f"sqlite:///{tmp_path}/orders.db", MIGRATIONS)
    yield opened
    await opened.close()


@pytest.fixture
def callees() -> Callees:
    return Callees()


@pytest.fixture
def updates(database: Database) -> OrderUpdates:
    return OrderUpdates(database)


@pytest.fixture
def saga(database: Database, callees: Callees, updates: OrderUpdates) -> Saga:
    return Saga(
        SagaLog(database, PUBLISHER.publish, updates.publish), callees.stock, callees.payments, callees.shipping
    )


@pytest.fixture
def orders(database: Database, callees: Callees, saga: Saga, updates: OrderUpdates) -> Orders:
    return Orders(database, callees.catalog, callees.shipping, saga, Background(), PUBLISHER.publish, updates)


@pytest.fixture
def recovery(database: Database, saga: Saga) -> Recovery:
    return Recovery(database, saga, idle_seconds=0)
