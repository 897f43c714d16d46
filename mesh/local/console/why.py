"""May a caller call a method? The same decision as that of `mesh why`, with the lines of the files that it names."""

import asyncio
import dataclasses
import shlex
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from aiohttp import web

from mesh.local.instance import REPOSITORY, Instance
from mesh.local.matrix.callers import callers
from mesh.local.matrix.declared import methods, services
from mesh.local.why.grid import grid
from mesh.local.why.inquiry import Finding, Question, explain_call
from mesh.local.why.live import Live
from mesh.local.why.local import LocalLive
from mesh.local.why.names import POD
from mesh.local.why.sources import Line
from mesh.local.why.verdict import Reason

CONTEXT_LINES = 4
"""How many lines of a file are shown on each side of the one that decides."""
SHOP = "shop/"
IGNORED = ("/default", "/")
"""The end of the name of a ServiceAccount that no workload of the mesh uses: the default one, and none."""


@dataclass(frozen=True)
class Excerpt:
    """The lines of a file around one of them."""

    file: str
    number: int
    """The line that the decision names, counted from 1."""
    first: int
    lines: list[str]


def routes(mesh: Instance) -> list[web.RouteDef]:
    """Return the routes of this feature."""

    async def names(_: web.Request) -> web.Response:
        return web.json_response(await asyncio.to_thread(known_names, LocalLive.of(mesh)))

    async def decision(request: web.Request) -> web.Response:
        query = request.query
        question = Question(
            query.get("caller", "").strip(),
            query.get("method", "").strip(),
            query.getall("header", []),
            query.get("address", "").strip(),
        )
        found = await asyncio.to_thread(explain, LocalLive.of(mesh), question)
        return web.json_response({**found, "command": command(mesh, question)})

    async def matrix(_: web.Request) -> web.Response:
        decided = await asyncio.to_thread(decide_all, LocalLive.of(mesh))
        return web.json_response({**decided, "command": f".venv/bin/mesh matrix{mesh.option}"})

    return [
        web.get("/api/why", decision),
        web.get("/api/why/names", names),
        web.get("/api/why/matrix", matrix),
    ]


def known_names(live: Live) -> dict[str, Any]:
    """Return the callers and methods that the form offers. Raises MeshError."""
    declared = methods(REPOSITORY)
    known = [caller.name for caller in callers(declared, services(REPOSITORY))]
    pods = live.objects("Pod")
    accounts = {f"{each['metadata']['namespace']}/{each['spec'].get('serviceAccountName', '')}" for each in pods}
    others = sorted(each for each in accounts if not each.endswith(IGNORED) and each.removeprefix(SHOP) not in known)
    names = sorted(POD + each["metadata"]["name"] for each in pods)
    return {"callers": [*known, *others, *names], "methods": [method.name for method in declared]}


def explain(live: Live, question: Question, root: Path = REPOSITORY) -> dict[str, Any]:
    """Return the decision as `mesh why --json` prints it, with the lines and the rules that it names.

    Raises:
        MeshError: there is no such caller or method, or the decision cannot be known.
    """
    finding = explain_call(live, root, question)
    return {
        **finding.as_json(),
        "excerpts": {str(line): dataclasses.asdict(excerpt(root, line)) for line in _lines(finding)},
        "rule_texts": dict(_rule_texts(finding)),
        "reasons": {reason.name: reason.value for reason in Reason},
    }


def command(mesh: Instance, question: Question) -> str:
    """Return the command that answers the same question."""
    words = [".venv/bin/mesh", "why", question.caller, question.method]
    words += [word for header in question.headers for word in ("--header", header)]
    words += ["--address", question.address] if question.address else []
    return shlex.join(words) + mesh.option


def excerpt(root: Path, line: Line) -> Excerpt:
    """Return a line of a file of the checkout with those around it."""
    lines = (root / line.file).read_text(encoding="utf-8").splitlines()
    first = max(line.number - CONTEXT_LINES, 1)
    return Excerpt(line.file, line.number, first, lines[first - 1 : line.number + CONTEXT_LINES])


def _lines(finding: Finding) -> set[Line]:
    origins = (finding.explainer.origin(finding.decision, verdict) for verdict in finding.decision.verdicts)
    return {origin.line for origin in origins if origin.line}


def _rule_texts(finding: Finding) -> Iterator[tuple[str, str]]:
    """Yield the rules that match the call, as they are in the cluster: "<namespace>/<name>/<number>", YAML."""
    for verdict in finding.decision.verdicts:
        if verdict.reason in {Reason.ALLOW_RULE, Reason.DENY_RULE}:
            for rule in verdict.rules:
                rules = (finding.explainer.policy(rule) or {}).get("spec", {}).get("rules", [])
                if rule.index < len(rules):
                    yield f"{rule.policy}/{rule.index}", yaml.safe_dump(rules[rule.index], sort_keys=False)


def decide_all(live: Live) -> dict[str, Any]:
    """Return the decision about every method for every caller, and how many seconds it took. Raises MeshError."""
    started = time.monotonic()
    rows = grid(live, methods(REPOSITORY), services(REPOSITORY))
    return {"rows": [dataclasses.asdict(row) for row in rows], "seconds": time.monotonic() - started}
