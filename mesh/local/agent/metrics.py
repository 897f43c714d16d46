"""`kubectl top`: the API metrics.k8s.io, with the processor time and memory of this node's processes.

In a cluster metrics-server serves it. Here the API server forwards its requests to the kubelet's API
(`platform/metrics.yaml`). Each request measures for a second, so nothing is measured while no one requests it.
"""

import asyncio
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psutil
from aiohttp import web

from mesh.local.agent.pod import PodWorker
from mesh.local.instance import NODE_NAME

GROUP_VERSION = "metrics.k8s.io/v1beta1"
WINDOW_SECONDS = 1.0
Usage = dict[str, str]
"""`cpu` in billionths of a core, `memory` in KiB."""


@dataclass
class Figures:
    """Seconds of processor time, and bytes of memory."""

    cpu: float = 0.0
    memory: int = 0


def routes(workers: Mapping[str, PodWorker]) -> list[web.RouteDef]:
    """Return the routes. `workers` are the Pods of this node by uid."""

    async def pods(request: web.Request) -> web.Response:
        return await _pods(request, list(workers.values()))

    root = f"/apis/{GROUP_VERSION}"
    return [
        web.get(root, _resources),
        web.get(f"{root}/nodes", _nodes),
        web.get(f"{root}/nodes/{NODE_NAME}", _nodes),
        web.get(f"{root}/pods", pods),
        web.get(f"{root}/namespaces/{{namespace}}/pods", pods),
        web.get(f"{root}/namespaces/{{namespace}}/pods/{{pod}}", pods),
    ]


async def _resources(_request: web.Request) -> web.Response:
    kinds = {"nodes": "NodeMetrics", "pods": "PodMetrics"}
    resources = [
        {"name": name, "singularName": "", "namespaced": name == "pods", "kind": kind, "verbs": ["get", "list"]}
        for name, kind in kinds.items()
    ]
    return web.json_response(
        {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": GROUP_VERSION, "resources": resources}
    )


async def _nodes(request: web.Request) -> web.Response:
    before = _node()
    await asyncio.sleep(WINDOW_SECONDS)
    item = _item("NodeMetrics", {"name": NODE_NAME}) | {"usage": _usage(before, _node())}
    return web.json_response(item if request.path.endswith(f"/{NODE_NAME}") else _list("NodeMetricsList", [item]))


async def _pods(request: web.Request, workers: list[PodWorker]) -> web.Response:
    path, selector = request.match_info, request.query.get("labelSelector", "")
    chosen = [
        worker
        for worker in workers
        if path.get("namespace") in {None, worker.sandbox.namespace}
        and path.get("pod") in {None, worker.sandbox.name}
        and matches(selector, worker.sandbox.meta.labels or {})
    ]
    if "pod" in path and not chosen:
        raise web.HTTPNotFound(text=f"pod {path['pod']} does not run on this node\n")
    containers = {worker.sandbox.uid: worker.processes() for worker in chosen}
    sessions = {process.pid for processes in containers.values() for process in processes.values()}
    before = await asyncio.to_thread(_by_session, sessions)
    await asyncio.sleep(WINDOW_SECONDS)
    after = await asyncio.to_thread(_by_session, sessions)
    items = []
    for worker in chosen:
        usages = [
            {"name": name, "usage": _usage(before[process.pid], after[process.pid])}
            for name, process in containers[worker.sandbox.uid].items()
        ]
        meta = worker.sandbox.meta
        item = _item("PodMetrics", {"name": meta.name, "namespace": meta.namespace, "labels": meta.labels or {}})
        if usages:
            items.append(item | {"containers": usages})
    return web.json_response(items[0] if "pod" in path and items else _list("PodMetricsList", items))


def matches(selector: str, labels: dict[str, str]) -> bool:
    """Return whether labels satisfy a selector of Kubernetes, such as `app=orders,version in (v1, v2)`."""
    for term in re.split(r",(?![^(]*\))", selector):
        among = re.fullmatch(r"\s*(\S+)\s+(in|notin)\s*\((.*)\)\s*", term)
        equal = re.fullmatch(r"\s*([^\s=!]+)\s*(==?|!=)\s*(\S*)\s*", term)
        if among:
            values = {value.strip() for value in among[3].split(",")}
            holds = (labels.get(among[1]) in values) == (among[2] == "in")
        elif equal:
            holds = (labels.get(equal[1]) == equal[3]) == (equal[2] != "!=")
        else:
            name = term.strip()
            holds = not name or ((name.lstrip("!") in labels) != name.startswith("!"))
        if not holds:
            return False
    return True


def _by_session(sessions: set[int]) -> dict[int, Figures]:
    """Return the figures of sessions: each container is one, with the processes that it has started."""
    figures = {session: Figures() for session in sessions}
    for process in psutil.process_iter():
        with suppress(psutil.Error, ProcessLookupError, PermissionError):  # it has just ended
            if total := figures.get(os.getsid(process.pid)):
                times = process.cpu_times()
                total.cpu += times.user + times.system
                # The proportional set size counts a page that several processes share only once.
                total.memory += process.memory_full_info().pss
    return figures


def _node() -> Figures:
    times, memory = psutil.cpu_times(), psutil.virtual_memory()
    busy = times.user + times.nice + times.system + times.irq + times.softirq
    return Figures(busy, memory.total - memory.available)


def _usage(before: Figures, after: Figures) -> Usage:
    cores = max(after.cpu - before.cpu, 0) / WINDOW_SECONDS
    return {"cpu": f"{cores * 1e9:.0f}n", "memory": f"{after.memory // 1024}Ki"}


def _item(kind: str, metadata: dict[str, Any]) -> dict[str, Any]:
    timestamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    window = f"{WINDOW_SECONDS:.0f}s"
    return {
        "kind": kind,
        "apiVersion": GROUP_VERSION,
        "metadata": metadata | {"creationTimestamp": timestamp},
        "timestamp": timestamp,
        "window": window,
    }


def _list(kind: str, items: list[dict[str, Any]]) -> dict[str, Any]:
    return {"kind": kind, "apiVersion": GROUP_VERSION, "metadata": {}, "items": items}
