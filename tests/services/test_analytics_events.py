"""Two consumers of analytics handle events of one order at the same time, as can happen during a rebalance."""

import asyncio
import importlib
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from google.type import money_pb2

from services.analytics.events import HANDLERS
from services.runtime.events import Event
from services.runtime.storage import Database
from services.runtime.storage.database import open_database
from shop.orders.v1 import events_pb2, orders_pb2
from tests.support.databases import Databases, query

MIGRATIONS = Path(str(importlib.import_module("services.analytics").__file__)).parent / "migrations"
EventT = TypeVar("EventT", events_pb2.OrderPlaced, events_pb2.OrderConfirmed)
NOW = datetime.now(UTC)


@pytest.fixture
def url(storage: Databases, tmp_path: Path) -> str:
    return storage.url(tmp_path, "analytics")


@pytest.fixture
async def database(url: str, tmp_path: Path) -> AsyncIterator[Database]:
    (tmp_path / "data").mkdir(exist_ok=True)
    opened = await open_database(url, MIGRATIONS)
    yield opened
    await opened.close()


def event(event_type: type[EventT], order: str, delay_seconds: int = 0) -> Event[EventT]:
    total = money_pb2.Money(currency_code="EUR", units=1)
    item = orders_pb2.OrderItem(product="products/p-1", display_name="Kettle", quantity=1, unit_price=total)
    message = event_type(
        order=orders_pb2.Order(name=f"orders/{order}", customer="customers/a", items=[item], total=total)
    )
    name = event_type.DESCRIPTOR.full_name
    return Event(str(uuid.uuid4()), name, "//test", f"orders/{order}", NOW + timedelta(seconds=delay_seconds), message)


async def test_the_second_consumer_waits_until_the_first_one_has_committed(database: Database, url: str) -> None:
    order = str(uuid.uuid4())
    placed, confirmed = event(events_pb2.OrderPlaced, order), event(events_pb2.OrderConfirmed, order, 1)
    started, commit = asyncio.Event(), asyncio.Event()

    async def handle_placed_slowly() -> None:
        async with database.write(shared=True) as connection:
            await HANDLERS[events_pb2.OrderPlaced](connection, placed)
            started.set()
            await commit.wait()

    async def handle_confirmed() -> None:
        async with database.write(shared=True) as connection:
            await HANDLERS[events_pb2.OrderConfirmed](connection, confirmed)

    first = asyncio.create_task(handle_placed_slowly())
    await started.wait()
    second = asyncio.create_task(handle_confirmed())
    assert await asyncio.wait({second}, timeout=0.3) == (set(), {second}), "the second waits for the first"
    commit.set()
    await first
    await second
    [(state,)] = query(url, "SELECT state FROM sales WHERE id = :id", id=order)
    assert str(state) == "CONFIRMED"
