"""The composition root: `python -m services.catalog`."""

import csv
from collections.abc import Iterator
from pathlib import Path

import grpc.aio

from services.catalog import messages
from services.catalog.domain import Product
from services.catalog.handlers import Catalog
from services.catalog.servicer import ERRORS, CatalogServicer
from services.catalog.store import Store, find_product
from services.runtime import Runtime, serve
from services.runtime.storage import IdempotentRequests
from shop.catalog.v1 import catalog_pb2, catalog_pb2_grpc

HERE = Path(__file__).parent


async def register(server: grpc.aio.Server, runtime: Runtime) -> list[str]:
    """Open the database, add the initial products if it has none, and register the servicer."""
    database = await runtime.database(HERE / "migrations")
    async with database.write() as connection:
        store = Store(connection)
        if await store.is_empty():
            await store.add_products(initial_products())
    requests = IdempotentRequests(database, find_product, messages.write_product)
    runtime.delete_expired_requests(database)
    servicer = CatalogServicer(Catalog(database, requests))
    catalog_pb2_grpc.add_CatalogServiceServicer_to_server(servicer, server)
    return [catalog_pb2.DESCRIPTOR.services_by_name["CatalogService"].full_name]


def initial_products() -> Iterator[Product]:
    """Yield the products of products.csv."""
    with (HERE / "products.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            yield Product(
                id=row["id"],
                display_name=row["display_name"],
                description=row["description"],
                category=row["category"],
                price_cents=int(row["price_cents"]),
                currency=row["currency"],
            )


if __name__ == "__main__":
    serve("catalog", register, ERRORS)
