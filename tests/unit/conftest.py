"""orders over a database of its own, with callees made up."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.orders import store as orders_store
from services.orders.events import SOURCE, Announcer
from services.orders.handlers import Orders
from services.orders.news import News
from services.orders.recovery import Recovery
from services.orders.saga import Saga
from services.orders.store import Log
from services.runtime import Background
from services.runtime.events import Outbox
from services.runtime.storage import Database
from services.runtime.storage.database import open_database
from tests.unit.orders_callees import Callees

ANNOUNCE = Announcer(Outbox(SOURCE))
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
def news(database: Database) -> News:
    return News(database)


@pytest.fixture
def saga(database: Database, callees: Callees, news: News) -> Saga:
    return Saga(Log(database, ANNOUNCE, news.tell), callees, callees, callees)


@pytest.fixture
def orders(database: Database, callees: Callees, saga: Saga, news: News) -> Orders:
    return Orders(database, callees, callees, saga, Background(), ANNOUNCE, news)


@pytest.fixture
def recovery(database: Database, saga: Saga) -> Recovery:
    return Recovery(database, saga, still_seconds=0)
