"""How methods are called: who may, at which path, for how long, and how often. buf does not judge these options.

They are read as the mesh's policies are made from them (tools/protoc_gen_istio): what is not set is what holds then.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from tools.breaking.findings import Finding, Level, Note, Reach, behavioural
from tools.breaking.image import Element, Image
from tools.breaking.sources import SourceError
from tools.protoc_gen_istio import contracts
from tools.protoc_gen_istio.contracts import Audience, Contract, Method
from tools.protoc_gen_istio.contracts import Level as Promise

PROMISES = (Promise.UNKNOWN, Promise.IDEMPOTENT, Promise.READ)
"""What a contract says of a call that is sent twice, from nothing to most."""
PROMISED = {
    Promise.UNKNOWN: "IDEMPOTENCY_UNKNOWN: a call that is sent again may be done twice, and the mesh sends none again",
    Promise.IDEMPOTENT: "IDEMPOTENT: a call may change something now, though only once however often it is sent",
    Promise.READ: "NO_SIDE_EFFECTS",
}
VERBS = ("get", "put", "post", "delete", "patch")


def read(image: Image) -> dict[str, Contract]:
    """Answer an image's proto services by their full names, with what their options say. Raises SourceError."""
    try:
        return contracts.read(image.files, list(image.packages))
    except ValueError as error:
        raise SourceError(f"the options of a method have what no policy is known for: {error}") from error


def compare(older: Image, newer: Image) -> Iterator[Finding | Note]:
    """Answer what has changed of each service and method that both have."""
    services = read(older), read(newer)
    methods = [contracts.by_name(side) for side in services]
    for name in services[0].keys() & services[1].keys():
        before, after = services[0][name].tier.value, services[1][name].tier.value
        if before != after:
            told = f"calls in flight to an instance of service {name}, {after} at most instead of {before}"
            yield Note("fewer" if after < before else "more", told)
    for name in methods[0].keys() & methods[1].keys():
        element, now = older.elements[name], newer.elements[name]
        yield from _paths(element, now, _bindings(older, element), _bindings(newer, now))
        for judge in (_audience, _time, _promise):
            yield from judge(element, now, methods[0][name], methods[1][name])


def _audience(element: Element, now: Element, before: Method, after: Method) -> Iterator[Finding | Note]:
    told = f"From outside, {_who(before)} could call it; now {_who(after)} can."
    if not _admits(after, before):
        yield behavioural("AUDIENCE", element, now, told, Reach.OUTSIDE)
    elif _who(before) != _who(after):
        yield Note("opened", f"method {element.name}: from outside, {_who(after)} can call it")


def _admits(after: Method, before: Method) -> bool:
    """Whether everybody may still call it who could."""
    if not before.public or after.audience == Audience.ANYONE:
        return True
    narrowed = after.roles and not (before.roles and set(before.roles) <= set(after.roles))
    return after.audience == before.audience and not narrowed


def _who(method: Method) -> str:
    if method.audience == Audience.SIGNED_IN:
        role = f"a token with the role {' or '.join(sorted(method.roles))}" if method.roles else "an access token"
        return f"whoever has {role}"
    return "anyone" if method.public else "nobody"


def _bindings(image: Image, element: Element) -> frozenset[str]:
    """Answer a method's paths over HTTP, with their verbs and what of the messages is their body."""
    rule = image.options(element.proto.options).get(contracts.HTTP)
    return frozenset(_paths_of(rule)) if rule is not None else frozenset()


def _paths_of(rule: Any) -> Iterator[str]:  # noqa: ANN401  # a google.api.HttpRule of the image's own class
    verb = rule.WhichOneof("pattern")
    path = f"{verb.upper()} {getattr(rule, verb)}" if verb in VERBS else f"{rule.custom.kind} {rule.custom.path}"
    body = f" with the body {rule.body}" if rule.body else ""
    yield path + body + (f", answered by {rule.response_body}" if rule.response_body else "")
    for other in rule.additional_bindings:
        yield from _paths_of(other)


def _paths(element: Element, now: Element, before: frozenset[str], after: frozenset[str]) -> Iterator[Finding | Note]:
    gone, come = " and ".join(sorted(before - after)), " and ".join(sorted(after - before))
    if gone:
        told = f"Over REST it had {gone}{f'; now it has {come}' if come else ''}."
        yield replace(behavioural("HTTP", element, now, told, Reach.OUTSIDE), level=Level.JSON)
    elif come:
        yield Note("added", f"REST path {come} of method {element.name}")


def _time(element: Element, now: Element, before: Method, after: Method) -> Iterator[Finding | Note]:
    # A stream has no end. Whether a method has become one, or is none any more, is buf's to tell.
    if before.timeout_ms is None or after.timeout_ms is None:
        return
    old, new = f"{before.timeout_ms / 1000:g} s", f"{after.timeout_ms / 1000:g} s"
    if after.timeout_ms < before.timeout_ms:
        yield behavioural("TIMEOUT", element, now, f"A call could take {old}; now the mesh ends it after {new}.")
    elif after.timeout_ms > before.timeout_ms:
        yield Note("longer", f"timeout of method {element.name}, {new} instead of {old}")


def _promise(element: Element, now: Element, before: Method, after: Method) -> Iterator[Finding | Note]:
    step = PROMISES.index(after.level) - PROMISES.index(before.level)
    was, becomes = PROMISED[before.level].partition(":")[0], PROMISED[after.level]
    if step < 0:
        yield behavioural("IDEMPOTENCY", element, now, f"It was {was} and now is {becomes}.")
    elif step > 0:
        told = f"{becomes.partition(':')[0]} by method {element.name}; roll its server out first"
        yield Note("promised", told)
