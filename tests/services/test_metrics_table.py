"""The tables of services/runtime/metrics/README.md list what the services serve: names, types and labels."""

import re

from tests.support.checkout import ROOT
from tests.support.clock import eventually
from tests.support.databases import Databases, SQLiteFiles
from tests.support.kafka import Broker
from tests.support.metrics import scrape_families
from tests.support.processes import Process, free_port, targets
from tests.support.shop import CONFIRMED, REJECTED, Shop, cart
from tests.support.starters import Shared, Start

README = ROOT / "services/runtime/metrics/README.md"
ROW = re.compile(r"\| `(\w+)` \| (counter|gauge|histogram) \|([^|]*)\|")
POOL = "storage_connections"
"""The metrics of connections, which only PostgreSQL has, begin with this."""


def documented() -> dict[str, tuple[str, frozenset[str]]]:
    """Return the metrics in the tables: name → type, labels."""
    rows = [ROW.match(line) for line in README.read_text(encoding="utf-8").splitlines()]
    return {row[1]: (row[2], frozenset(re.findall(r"`(\w+)`", row[3]))) for row in rows if row}


def served(processes: list[Process]) -> dict[str, tuple[str, frozenset[str]]]:
    """Return what the processes serve, as `documented` does."""
    metrics: dict[str, tuple[str, frozenset[str]]] = {}
    for family in [family for process in processes for family in scrape_families(process)]:
        name = f"{family.name}_total" if family.type == "counter" else family.name
        assert family.documentation, f"{name} has no help text"
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        metrics[name] = (family.type, metrics.get(name, ("", frozenset()))[1] | labels)
    return metrics


async def test_the_tables_list_every_metric(start: Start, shared: Shared, broker: Broker, storage: Databases) -> None:
    callees = {name: shared(name) for name in ("catalog", "inventory", "payments", "shipping")}
    # Without a collector, the spans are lost.
    spans = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}"}
    orders = start("orders", {**targets(*callees.values()), **broker.environment, **spans})
    consumer = start("notifications", broker.environment)
    shop = Shop(orders, *(callees[name] for name in ("inventory", "payments", "shipping")))
    assert (await shop.place(cart(p_0001=1))).state == CONFIRMED
    assert (await shop.place(cart(p_0199=1))).state == REJECTED, "p-0199 is sold out"
    await shop.close()
    expected = documented()
    if isinstance(storage, SQLiteFiles):
        expected = {name: metric for name, metric in expected.items() if not name.startswith(POOL)}
    # Events are published and consumed a moment later.
    async for attempt in eventually():
        with attempt:
            assert served([orders, consumer, *callees.values()]) == expected
