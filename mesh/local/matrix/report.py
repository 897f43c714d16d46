"""Prints the matrix: a row per method, a column per caller, and a line for each wrong cell."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from mesh.local.matrix.callers import Caller
from mesh.local.matrix.calls import Cell
from mesh.local.matrix.declared import Method


def show(methods: Sequence[Method], callers: Sequence[Caller], cells: Sequence[Cell], console: Console) -> None:
    """Print the table and the wrong cells."""
    table = Table(box=None, pad_edge=False)
    table.add_column("", no_wrap=True)
    for caller in callers:
        style = None if caller.inside else "bold"
        table.add_column("\n".join(caller.name), justify="center", vertical="bottom", style=style)
    by_key = {(cell.method.name, cell.caller): cell for cell in cells}
    for method in methods:
        contract, _, short = method.name.partition("/")
        marks = [_mark(by_key[method.name, caller]) for caller in callers]
        table.add_row(f"{contract.rpartition('.')[0].partition('.')[2]} {short}", *marks)
    console.print(table, highlight=False)
    legend = "✓ allowed   · denied   [red]✗ wrong[/]; users and roles call through the gateway, services inside\n"
    console.print(legend, highlight=False)
    for cell in cells:
        if not cell.right:
            rule = "may call" if cell.declared else "may not call"
            line = f"wrong: {cell.caller.name} {rule} {cell.method.name}, but the call ended with: {cell.result}"
            console.print(line, highlight=False, markup=False, soft_wrap=True)


def _mark(cell: Cell) -> str:
    return "[red]✗[/]" if not cell.right else "[green]✓[/]" if cell.allowed else "[dim]·[/]"
