"""`mesh matrix`: call every method as every caller, and compare each result with the declarations."""

import time

from mesh.local.instance import REPOSITORY
from mesh.local.matrix.callers import callers
from mesh.local.matrix.declared import methods, services
from mesh.local.matrix.measure import access, call_every_method
from mesh.local.matrix.report import show
from mesh.local.processes import load_running
from mesh.local.terminal import console


def run(name: str) -> int:
    """Print the matrix. Return 1 if a cell is wrong. Raises MeshError."""
    mesh = load_running(name)
    started = time.monotonic()
    declared = methods(REPOSITORY)
    everyone = callers(declared, services(REPOSITORY))
    with access(mesh, everyone) as ways:
        cells = call_every_method(declared, everyone, ways)
    show(declared, everyone, cells, console)
    allowed, denied = sum(cell.allowed for cell in cells), sum(cell.denied for cell in cells)
    wrong = sum(not cell.right for cell in cells)
    seconds = time.monotonic() - started
    summary = f"{len(cells)} cells, {allowed} allowed, {denied} denied, {wrong} wrong, in {seconds:.1f} s"
    console.print(summary, highlight=False)
    return 1 if wrong else 0
