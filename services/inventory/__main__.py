"""The composition root: `python -m services.inventory`."""

import csv
from functools import partial
from pathlib import Path

import grpc.aio

from services.inventory import messages
from services.inventory.events import HANDLERS
from services.inventory.handlers import Demands, Reservations, Stocks
from services.inventory.measurements import measure
from services.inventory.servicer import ERRORS, InventoryServicer
from services.inventory.store import find_reservation, find_stock
from services.runtime import Runtime, serve
from services.runtime.storage import IdempotentRequests
from shop.inventory.v1 import inventory_pb2, inventory_pb2_grpc

HERE = Path(__file__).parent


async def register(server: grpc.aio.Server, runtime: Runtime) -> list[str]:
    """Open the database, add the opening stock, start to consume events, and register the servicer."""
    database = await runtime.database(HERE / "migrations")
    stocks = Stocks(database, IdempotentRequests(database, find_stock, messages.write_stock))
    requests = IdempotentRequests(database, find_reservation, messages.write_reservation)
    servicer = InventoryServicer(stocks, Reservations(database, requests), Demands(database))
    await stocks.add_opening_stock(opening_stock())
    runtime.consume(database, HANDLERS)
    runtime.delete_expired_requests(database)
    runtime.metrics.measure("inventory", partial(measure, database))
    inventory_pb2_grpc.add_InventoryServiceServicer_to_server(servicer, server)
    return [inventory_pb2.DESCRIPTOR.services_by_name["InventoryService"].full_name]


def opening_stock() -> dict[str, int]:
    """Read opening_stock.csv: the pieces of each product."""
    with (HERE / "opening_stock.csv").open(newline="") as file:
        return {row["product_id"]: int(row["pieces"]) for row in csv.DictReader(file)}


if __name__ == "__main__":
    serve("inventory", register, ERRORS)
