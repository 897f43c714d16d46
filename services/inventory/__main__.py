"""The composition root: `python -m services.inventory`."""

import csv
from pathlib import Path

import grpc.aio

from services.inventory import handlers
from services.inventory.events import HANDLERS
from services.inventory.servicer import ERRORS, InventoryServicer
from services.inventory.store import Store
from services.runtime import Runtime, serve
from shop.inventory.v1 import inventory_pb2, inventory_pb2_grpc

HERE = Path(__file__).parent


async def register(server: grpc.aio.Server, runtime: Runtime) -> list[str]:
    """Open the database, add the opening stock, start to consume events, and register the servicer."""
    database = await runtime.database(HERE / "migrations")
    with (HERE / "opening_stock.csv").open(newline="") as file:
        opening = {row["product_id"]: int(row["pieces"]) for row in csv.DictReader(file)}
    async with database.write() as connection:
        await handlers.add_opening_stock(Store(connection), opening)
    runtime.consume(database, HANDLERS)
    runtime.delete_expired_requests(database)
    inventory_pb2_grpc.add_InventoryServiceServicer_to_server(InventoryServicer(database), server)
    return [inventory_pb2.DESCRIPTOR.services_by_name["InventoryService"].full_name]


if __name__ == "__main__":
    serve("inventory", register, ERRORS)
