"""`mesh order`: the story of one order: its saga and events by time, its records, and whether they agree."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import typer
from rich.table import Table
from rich.text import Text

from mesh.local.clients.kubectl import Kubectl
from mesh.local.errors import MeshError
from mesh.local.processes import load_running
from mesh.local.story.books import read_books
from mesh.local.story.observed import observe
from mesh.local.story.timeline import STATES, Entry, Kind, from_books, merge
from mesh.local.terminal import console

COLORS = {Kind.STEP: "cyan", Kind.UNDO: "yellow", Kind.STATE: "bold", Kind.PUBLISHED: "magenta"}
VERDICTS = {
    "BALANCED": ("the books balance", "green"),
    "UNSETTLED": ("not settled yet: the order or its events are on their way", "yellow"),
    "UNBALANCED": ("the books do not balance", "red"),
}


def run(name: str, order: str, *, as_data: bool) -> int:
    """Print the story, and return 1 if the books of the order do not balance. Raises MeshError."""
    mesh = load_running(name)
    order_id = order.removeprefix("orders/")
    kubectl = Kubectl.of(mesh)
    books = read_books(kubectl, order_id)
    while books is not None and _is_settling(books):
        books = read_books(kubectl, order_id)
    if books is None:
        raise MeshError(f"there is no order {order_id}")
    observed = observe(mesh, order_id)
    entries = merge(observed.entries, from_books(books))
    if as_data:
        typer.echo(json.dumps({**books, "timeline": [asdict(entry) for entry in entries]}, indent=2))
    else:
        _show_order(books["order"])
        _show_timeline(entries)
        _show_books(books)
    for store, problem in observed.problems.items():
        typer.echo(f"mesh: without {store}: {problem}", err=True)
    return 1 if books["verdict"] == "UNBALANCED" else 0


def money(amount: Mapping[str, Any]) -> str:
    """Format an amount of the contracts: 8.90 EUR."""
    cents = int(amount.get("units", 0)) * 100 + amount.get("nanos", 0) // 10_000_000
    return f"{cents // 100:,}.{cents % 100:02} {amount['currency_code']}"


def _is_settling(books: Mapping[str, Any]) -> bool:
    """Return whether the order has ended a moment ago: its events are on their way. The operator limits the time."""
    has_ended = books["order"]["state"].removeprefix("STATE_") in STATES
    return books["verdict"] == "UNSETTLED" and has_ended and not books["unread"]


def _show_order(order: Mapping[str, Any]) -> None:
    _print(f"{order['name']}  {order['state'].removeprefix('STATE_')}", "bold")
    if message := order.get("rejection_message"):
        _print(f"  {order['rejection_reason'].removeprefix('REJECTION_REASON_')}: {message}")
    for item in order["items"]:
        _print(f"  {item['quantity']:4} x {item['display_name']}, {money(item['unit_price'])} each")
    shipping = f", with shipping for {money(order['shipping_price'])}" if "shipping_price" in order else ""
    _print(f"  total {money(order['total'])}{shipping}")


def _show_timeline(entries: Iterable[Entry]) -> None:
    table = Table(box=None, pad_edge=False)
    for column in ("TIME", "", "SERVICE", "WHAT", "RESULT", "MS", "NOTE"):
        table.add_column(column, justify="right" if column == "MS" else "left", no_wrap=column != "NOTE")
    for entry in entries:
        clock = datetime.fromtimestamp(entry.time, UTC).strftime("%H:%M:%S.%f")[:-3]
        color = "red" if entry.failed else COLORS.get(entry.kind, "")
        took = "" if entry.seconds is None else f"{entry.seconds * 1000:.1f}"
        attempts = f"{entry.attempts} attempts " if entry.attempts > 1 else ""
        flags = f"Envoy's flags: {' '.join(entry.flags)} " if entry.flags else ""
        words = (clock, entry.kind, entry.service, entry.title, entry.result, took, attempts + flags + entry.note)
        table.add_row(*(Text(str(word), color) for word in words))
    console.print()
    console.print(table)


def _show_books(books: Mapping[str, Any]) -> None:
    console.print()
    for kind, records in books["records"].items():
        for record in records:
            state = record.get("state", record.get("kind", "")).partition("_")[2]
            amount = record.get("amount") or record.get("price") or record.get("total")
            _print(f"{kind:14} {state:16} {money(amount) if amount else '':14} {record['name']}")
    for check in books["checks"]:
        for mismatch in check["mismatches"]:
            problem = f"{mismatch['name']}: expected {mismatch['expected']}; found {mismatch['actual']}"
            _print(f"{check['check']}: {problem}")
    for kind, error in books["unread"].items():
        _print(f"{kind} could not be read: {error}", "yellow")
    text, color = VERDICTS[books["verdict"]]
    _print(text, color)


def _print(text: str, style: str = "") -> None:
    console.print(Text(text, style), soft_wrap=True)
