"""Changes of objectives: callers plan with the share of calls that succeeds and that is fast."""

from collections.abc import Iterator
from dataclasses import replace

from tools.breaking.findings import Finding, Note, behavioural
from tools.breaking.image import Image
from tools.protoc_gen_istio.contracts import Contract, Method
from tools.protoc_gen_istio.objectives import AVAILABLE_PERCENT, FAST_PERCENT, TYPE, Objective

Change = tuple[str, float, float]
"""What has changed, and its value before and now."""
TEXTS = {
    "available_percent": "{now:g} % of the calls succeed instead of {was:g} %",
    "fast_percent": "{now:g} % of the calls are fast instead of {was:g} %",
    "latency_ms": "a fast call takes at most {now:g} ms instead of {was:g} ms",
}


def compare(older: Image, newer: Image, before: Contract, after: Contract) -> Iterator[Finding | Note]:
    """Yield the changes of the objectives of a service and its methods: once for a change of the service itself."""
    if TYPE not in older.elements:
        return  # there were no objectives yet
    methods = {method.name: method for method in after.methods}
    shared = [(was, methods[was.name]) for was in before.methods if was.name in methods]
    changes = list(_changes(_of_service(before), _of_service(after)))
    names = frozenset(was.name for was, _ in shared)
    for each in _results(older, newer, before.name, changes):
        yield replace(each, holders=names) if isinstance(each, Finding) else each
    for was, now in shared:
        own = [each for each in _changes(was.objective, now.objective) if each not in changes]
        # A latency that no option states follows from the timeout, whose change is reported.
        states_latency = _states_latency(before, was) or _states_latency(after, now)
        yield from _results(older, newer, was.name, [each for each in own if each[0] != "latency_ms" or states_latency])


def _of_service(contract: Contract) -> Objective:
    stated = contract.stated
    return Objective(
        stated.available_percent or AVAILABLE_PERCENT[contract.tier],
        stated.fast_percent or FAST_PERCENT[contract.tier],
        stated.latency_ms,
    )


def _states_latency(contract: Contract, method: Method) -> bool:
    return bool(method.stated.latency_ms or contract.stated.latency_ms)


def _changes(before: Objective, after: Objective) -> Iterator[Change]:
    for name in TEXTS:
        was, now = getattr(before, name), getattr(after, name)
        if was is not None and now is not None and was != now:
            yield name, was, now


def _results(older: Image, newer: Image, name: str, changes: list[Change]) -> Iterator[Finding | Note]:
    lower = [each for each in changes if (each[2] < each[1]) != (each[0] == "latency_ms")]
    if lower:
        text = ", ".join(TEXTS[what].format(was=was, now=now) for what, was, now in lower)
        yield behavioural("OBJECTIVE", older.elements[name], newer.elements[name], f"{text[0].upper()}{text[1:]}.")
    for what, was, now in changes:
        if (what, was, now) not in lower:
            kind = older.elements[name].kind
            yield Note("better", f"objective of {kind} {name}: {TEXTS[what].format(was=was, now=now)}")
