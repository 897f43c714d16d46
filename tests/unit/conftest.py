"""orders over a temporary database, with fake callees."""

from collections.abc import AsyncIterator
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
MIGRATIONS = Path(orders_store.__file__).parent / "migrations"


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = await open_database(f"sqlite+aiosqlite:///{tmp_path}/orders.db", MIGRATIONS)
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
    return Saga(SagaLog(database, PUBLISHER.publish, updates.publish), callees, callees, callees)


@pytest.fixture
def orders(database: Database, callees: Callees, saga: Saga, updates: OrderUpdates) -> Orders:
    return Orders(database, callees, callees, saga, Background(), PUBLISHER.publish, updates)


@pytest.fixture
def recovery(database: Database, saga: Saga) -> Recovery:
    return Recovery(database, saga, idle_seconds=0)
