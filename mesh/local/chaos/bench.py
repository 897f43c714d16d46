"""Makes experiments one after the other, from the command line, and prints what has come of them."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from rich.console import Console
from rich.table import Table

from mesh.local import ctrl_c
from mesh.local.chaos import tables
from mesh.local.chaos.blows import EXPERIMENTS
from mesh.local.chaos.experiment import Experiment, Ground
from mesh.local.chaos.trial import Verdict, play
from mesh.local.errors import MeshError
from mesh.local.instance import Instance

ALL = "all"


def listing() -> Table:
    """List all experiments."""
    return tables.listed(EXPERIMENTS.values())


def choose(name: str, service: str, success: float | None) -> list[Experiment]:
    """Find an experiment, or all, with what was said of it in place of its own.

    Raises:
        MeshError: there is no such experiment, or it hits no service.
    """
    if name != ALL and name not in EXPERIMENTS:
        raise MeshError(f"there is no experiment '{name}'", fix="`mesh chaos` lists them")
    chosen = [each for each in EXPERIMENTS.values() if name in {ALL, each.name}]
    if service and not all(each.service for each in chosen):
        raise MeshError(f"{name} hits no service of one's choice", fix="leave --service out")
    if success is not None:
        chosen = [replace(each, promise=replace(each.promise, success=success)) for each in chosen]
    return [replace(each, service=service or each.service) for each in chosen]


def run(instance: Instance, chosen: Sequence[Experiment], seconds: float, console: Console) -> bool:
    """Make experiments and print their verdicts; answer whether every hypothesis holds.

    Raises:
        KeyboardInterrupt: after all was taken back.
    """
    try:
        verdicts = asyncio.run(_play_all(instance, chosen, seconds, console))
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
    console.print(tables.told(verdicts))
    for verdict in verdicts:
        for fault in verdict.faults:
            console.print(f"{verdict.experiment.name}: {fault}", markup=False, highlight=False, soft_wrap=True)
    return not any(verdict.faults for verdict in verdicts)


async def _play_all(
    instance: Instance, chosen: Sequence[Experiment], seconds: float, console: Console
) -> list[Verdict]:
    me, loop = asyncio.current_task(), asyncio.get_running_loop()

    def cancel() -> None:
        if me and not loop.is_closed():
            loop.call_soon_threadsafe(me.cancel)

    # Not the loop's own handler: that complains of a signal which comes while the loop is closed.
    ctrl_c.once(cancel)
    verdicts = []
    for experiment in chosen:
        console.print(f"{experiment.name}: {experiment.hypothesis}", highlight=False, soft_wrap=True)
        verdicts.append(await play(experiment, Ground(instance, experiment.service), seconds))
    return verdicts
