"""The composition root: `python -m services.catalog`."""

import csv
from pathlib import Path

import grpc.aio

from services.catalog.domain import Product
from services.catalog.servicer import ERRORS, CatalogServicer
from services.catalog.store import Store
from services.runtime import Runtime, serve
from shop.catalog.v1 import catalog_pb2, catalog_pb2_grpc

HERE = Path(__file__).parent


async def register(server: grpc.aio.Server, runtime: Runtime) -> list[str]:
    """Open the database, put the first products in, and add the servicer."""
    database = await runtime.database(HERE / "migrations")
    with (HERE / "products.csv").open(newline="", encoding="utf-8") as file:
        first = [
            Product(
                id=row["id"],
                display_name=row["display_name"],
                description=row["description"],
                category=row["category"],
                price_cents=int(row["price_cents"]),
                currency=row["currency"],
            )
            for row in csv.DictReader(file)
        ]
    async with database.write() as connection:
        store = Store(connection)
        if await store.is_empty():
            await store.add_products(first)
    runtime.delete_expired_requests(database)
    catalog_pb2_grpc.add_CatalogServiceServicer_to_server(CatalogServicer(database), server)
    return [catalog_pb2.DESCRIPTOR.services_by_name["CatalogService"].full_name]


if __name__ == "__main__":
    serve("catalog", register, ERRORS)
