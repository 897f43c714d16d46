"""The console: how soon it starts, how soon its pages can be used, and what it takes from the machine."""

import asyncio
import time
import urllib.request
from contextlib import ExitStack
from functools import partial

import psutil
from playwright.async_api import async_playwright

from bench.context import Bench
from bench.figures import Figure
from bench.groups.pages import chromium, visit, visit_first
from bench.groups.signals import wait_for_signals
from bench.mesh import NAME_WITH_SIGNALS, running_mesh
from bench.rounds import Case, Sample, measure, show_progress
from bench.usage import NANOSECONDS_PER_SECOND, cpu_nanoseconds, pss_mib
from mesh.local import loopback
from mesh.local.console.topology.reader import SHARED_SECONDS
from mesh.local.instance import Instance
from mesh.local.lifecycle.parts import Part
from tools.console import Console, running_console

PAGES = {
    "the topology": ("/", ".node"),
    "the contracts": ("/contracts", "main table"),
    "why": ("/why?caller=orders&method=CapturePayment", "main .badge"),
}
"""The path of a page, and what is on it when it can be used."""
READS = {"a refresh of the topology": "/api/topology", "all decisions": "/api/why/matrix"}
TIMEOUT_SECONDS = 30


async def measure_console(bench: Bench) -> list[Figure]:
    """Measure the console of a mesh with signals, which the topology needs."""
    program = chromium()
    with ExitStack() as stack:
        show_progress("starting a mesh with signals")
        mesh = stack.enter_context(running_mesh(NAME_WITH_SIGNALS, Part.PROBER))
        await wait_for_signals(mesh)
        started = await measure([Case("mesh console", "", partial(_start, mesh.instance))], bench.settings)
        console = stack.enter_context(running_console(mesh.instance))
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(**program)
            returning = await browser.new_context()
            await returning.add_init_script(console.login)
            cases = [Case(name, "", partial(_read, console, path)) for name, path in READS.items()]
            for name, page in PAGES.items():
                first = partial(visit_first, browser, console.origin, page, console.login)
                cases.append(Case(name, "for a new visitor", first))
                cases.append(Case(name, "again", partial(visit, returning, console.origin, page)))
            figures = await measure(cases, bench.settings)
            await browser.close()
    return [*started, *figures]


async def _start(mesh: Instance, _seconds: float) -> Sample:
    return await asyncio.to_thread(_start_once, mesh)


def _start_once(mesh: Instance) -> Sample:
    before = time.perf_counter()
    with running_console(mesh) as console:
        seconds = time.perf_counter() - before
        return {"start s": seconds, "PSS MiB": pss_mib([psutil.Process(console.pid)])}


async def _read(console: Console, path: str, _seconds: float) -> Sample:
    # Until then, requests share the last reading of the topology.
    await asyncio.sleep(SHARED_SECONDS)
    return await asyncio.to_thread(_read_once, console, path)


def _read_once(console: Console, path: str) -> Sample:
    process = psutil.Process(console.pid)
    request = urllib.request.Request(console.origin + path, headers={"Authorization": f"Bearer {console.token}"})  # noqa: S310  # http
    cpu, before = cpu_nanoseconds(process), time.perf_counter()
    with loopback.open_url(request, TIMEOUT_SECONDS) as reply:
        size = len(reply.read())
    return {
        "ms": 1000 * (time.perf_counter() - before),
        "console cpu ms": 1000 * (cpu_nanoseconds(process) - cpu) / NANOSECONDS_PER_SECOND,
        "KiB": size / 1024,
        "PSS MiB": pss_mib([process]),
    }
