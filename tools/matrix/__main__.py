"""`make matrix`: call every method as every caller, and hold each answer to the contracts and declarations.

Callers are: nobody and signed-in users, with each role, through the gateway; each service of the mesh, and one that
nobody declares. The mesh is the local one, MESH_INSTANCE or "default". Exits with 1 if a cell is wrong, with 2 if it
cannot be told.
"""

import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from mesh.local import instance, users
from mesh.local.errors import MeshError
from tools.kubectl import NAMESPACE, Kubectl, KubectlError, instance_name
from tools.matrix.calls import Cell, Door, call_all
from tools.matrix.cells import Caller, callers, graph
from tools.matrix.probes import probes
from tools.protoc_gen_istio.graph import Graph

ROOT = Path(__file__).parents[2]
WRONG, UNUSABLE = 1, 2


def main() -> None:
    """Print the matrix, and what is wrong in it."""
    if sys.argv[1:]:
        sys.exit(__doc__)
    console = Console(width=None if sys.stdout.isatty() else 200, highlight=False)
    try:
        found = graph(ROOT)
        began = time.monotonic()
        cells = fill(found, console)
    except (KubectlError, MeshError) as error:
        sys.stderr.write(f"matrix: {error}\n")
        sys.exit(UNUSABLE)
    show(found, cells, console)
    wrong = [cell for cell in cells if not cell.right]
    for cell in wrong:
        ought = "may call" if cell.may else "may not call"
        console.print(
            f"wrong: {cell.caller.name} {ought} {cell.method.name}, and was told: {cell.told}", soft_wrap=True
        )
    allowed, denied = sum(cell.allowed for cell in cells), sum(cell.denied for cell in cells)
    took = time.monotonic() - began
    console.print(f"{len(cells)} cells, {allowed} allowed, {denied} denied, {len(wrong)} wrong, in {took:.1f} s")
    sys.exit(WRONG if wrong else 0)


def fill(found: Graph, console: Console) -> list[Cell]:
    """Call every cell. Raises KubectlError, MeshError."""
    kubectl = Kubectl()
    mesh = instance.existing(instance_name())
    if mesh is None:
        raise KubectlError(f"there is no mesh {instance_name()!r}: `make up` makes it")
    everybody = callers(found)
    with console.status("users sign in"):
        doors = {
            caller.name: Door(
                mesh.gateway, "", users.token(mesh, caller.role or users.CUSTOMER) if caller.signed_in else ""
            )
            for caller in everybody
            if not caller.inside
        }
    with (
        console.status("a Pod for each identity"),
        probes(kubectl, [c.name for c in everybody if c.inside]) as found_doors,
    ):
        doors |= {name: Door(address, NAMESPACE) for name, address in found_doors.items()}
        wanted = [
            (caller, doors[caller.name], found.servers[method.service], method, caller.may(found, method))
            for method in found.methods.values()
            for caller in everybody
        ]
        return asyncio.run(call_all(wanted))


def show(found: Graph, cells: Sequence[Cell], console: Console) -> None:
    """Print a row a method, a column a caller."""
    everybody: list[Caller] = callers(found)
    table = Table(box=None, pad_edge=False)
    table.add_column("", no_wrap=True)
    for caller in everybody:
        table.add_column(
            "\n".join(caller.name), justify="center", vertical="bottom", style=None if caller.inside else "bold"
        )
    by_place = {(cell.method.name, cell.caller): cell for cell in cells}
    for name, method in found.methods.items():
        marks = [_mark(by_place[name, caller]) for caller in everybody]
        package = method.service.rpartition(".")[0]
        table.add_row(f"{package.partition('.')[2]} {method.short}", *marks)
    console.print(table)
    console.print("✓ allowed   · denied   [red]✗ wrong[/]; users and roles through the gateway, services inside\n")


def _mark(cell: Cell) -> str:
    return "[red]✗[/]" if not cell.right else "[green]✓[/]" if cell.allowed else "[dim]·[/]"


if __name__ == "__main__":
    main()
