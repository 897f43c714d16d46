"""`mesh chaos`: run experiments one after the other, and print their results."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace

import typer

from mesh.local import interrupts
from mesh.local.chaos import tables
from mesh.local.chaos.experiment import Experiment, Target
from mesh.local.chaos.faults import EXPERIMENTS
from mesh.local.chaos.report import experiment_as_json, result_as_json
from mesh.local.chaos.run import Result, run_experiment
from mesh.local.errors import MeshError
from mesh.local.instance import Instance
from mesh.local.processes import load_running
from mesh.local.terminal import console, show_progress

ALL = "all"


def run(  # noqa: PLR0913  # the options of the command
    name: str, experiment: str, service: str, seconds: float, success: float | None, *, alerts: bool, as_data: bool
) -> int:
    """Run an experiment or all of them; without a name list them. Return 1 if a hypothesis does not hold.

    Raises:
        MeshError: there is no such mesh or experiment, or the experiment cannot start.
        KeyboardInterrupt: Ctrl-C; every fault is undone.
    """
    if not experiment:
        if as_data:
            _print_json([experiment_as_json(each) for each in EXPERIMENTS.values()])
        else:
            console.print(tables.experiments(EXPERIMENTS.values()))
        return 0
    selected = select(experiment, service, success)
    mesh = load_running(name)
    try:
        results = asyncio.run(_run_all(mesh, selected, seconds, alerts=alerts))
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
    if as_data:
        _print_json([result_as_json(each, alerts=alerts) for each in results])
    else:
        _show(results, alerts=alerts)
    return 1 if any(result.violations for result in results) else 0


def _show(results: Sequence[Result], *, alerts: bool) -> None:
    console.print(tables.results(results))
    if alerts:
        console.print("\nalerts: seconds until it fired / until it ended after the fault")
        console.print(tables.alerts(results))
        console.print(tables.means(results), highlight=False)
    for result in results:
        for violation in result.violations:
            console.print(f"{result.experiment.name}: {violation}", markup=False, highlight=False, soft_wrap=True)


def _print_json(value: object) -> None:
    typer.echo(json.dumps(value, indent=2))


def select(name: str, service: str, success: float | None) -> list[Experiment]:
    """Return an experiment, or all, with the service and the success rate (percent) of the command line.

    Raises:
        MeshError: there is no such experiment, or it has no service.
    """
    if name != ALL and name not in EXPERIMENTS:
        raise MeshError(f"there is no experiment '{name}'", fix="`mesh chaos` lists them")
    selected = [each for each in EXPERIMENTS.values() if name in {ALL, each.name}]
    if service and not all(each.service for each in selected):
        raise MeshError(f"{name} has no --service option", why="its fault is not in a service", fix="omit --service")
    if success is not None:
        selected = [replace(each, promise=replace(each.promise, success=success)) for each in selected]
    return [replace(each, service=service or each.service) for each in selected]


async def _run_all(mesh: Instance, selected: Sequence[Experiment], seconds: float, *, alerts: bool) -> list[Result]:
    task, loop = asyncio.current_task(), asyncio.get_running_loop()

    def cancel() -> None:
        if task and not loop.is_closed():
            loop.call_soon_threadsafe(task.cancel)

    # The loop's own handler would print an error for a signal that comes after the loop is closed.
    interrupts.handle_once(cancel)
    results = []
    for experiment in selected:
        show_progress(f"{experiment.name}: {experiment.hypothesis}")
        results.append(await run_experiment(experiment, Target(mesh, experiment.service), seconds, alerts=alerts))
    return results
