"""Changes of audience, timeouts, idempotency, rate limits and objectives, which buf does not check.

The options are read by tools/protoc_gen_istio, with the same defaults as in the generated policies.
"""

from collections.abc import Iterator

from tools.breaking import objectives
from tools.breaking.findings import Finding, Note, Reach, behavioural
from tools.breaking.image import Element, Image
from tools.breaking.sources import SourceError
from tools.protoc_gen_istio import contracts
from tools.protoc_gen_istio.contracts import Audience, Contract, Idempotency, Method

PROMISES = (Idempotency.UNKNOWN, Idempotency.IDEMPOTENT, Idempotency.READ)
"""What a contract promises about a repeated call, the weakest promise first."""
DESCRIPTIONS = {
    Idempotency.UNKNOWN: "IDEMPOTENCY_UNKNOWN: a repeated call may take effect twice, and the mesh does not retry it",
    Idempotency.IDEMPOTENT: "IDEMPOTENT: a call may now change something, though only once if it is repeated",
    Idempotency.READ: "NO_SIDE_EFFECTS",
}


def read(image: Image) -> dict[str, Contract]:
    """Return the proto services of an image by full name, with their options. Raises SourceError."""
    try:
        return contracts.read(image.files, list(image.packages))
    except ValueError as error:
        raise SourceError(f"an option of a method has an unknown value: {error}") from error


def compare(older: Image, newer: Image) -> Iterator[Finding | Note]:
    """Yield the changes of each service and method that is in both images."""
    services = read(older), read(newer)
    methods = [contracts.by_name(side) for side in services]
    for name in services[0].keys() & services[1].keys():
        before, after = services[0][name].tier.value, services[1][name].tier.value
        # Fewer calls are a break of the policies.
        if before < after:
            description = f"calls in flight to an instance of service {name}, at most {after} instead of {before}"
            yield Note("more", description)
        yield from objectives.compare(older, newer, services[0][name], services[1][name])
    for name in methods[0].keys() & methods[1].keys():
        element, now = older.elements[name], newer.elements[name]
        for compare_option in (_audience, _timeout, _idempotency, _rate_limit):
            yield from compare_option(element, now, methods[0][name], methods[1][name])


def _audience(element: Element, now: Element, before: Method, after: Method) -> Iterator[Finding | Note]:
    description = f"Callers from outside: {_callers(before)} before, {_callers(after)} now."
    if not _admits(after, before):
        yield behavioural("AUDIENCE", element, now, description, Reach.OUTSIDE)
    elif _callers(before) != _callers(after):
        yield Note("opened", f"method {element.name}: {_callers(after)} can call it from outside")


def _admits(after: Method, before: Method) -> bool:
    """Return whether all earlier callers may still call the method."""
    if not before.public or after.audience == Audience.ANYONE:
        return True
    narrowed = after.roles and not (before.roles and set(before.roles) <= set(after.roles))
    return after.audience == before.audience and not narrowed


def _callers(method: Method) -> str:
    if method.audience == Audience.SIGNED_IN:
        role = f" with the role {' or '.join(sorted(method.roles))}" if method.roles else ""
        return f"anyone with an access token{role}"
    return "anyone" if method.public else "no one"


def _rate_limit(element: Element, now: Element, before: Method, after: Method) -> Iterator[Finding | Note]:
    old, new = before.calls_per_minute or float("inf"), after.calls_per_minute or float("inf")
    if new < old and before.public:
        limit = f"instead of {old}" if before.calls_per_minute else "and was not limited"
        text = f"A caller from outside may make {new} calls per minute {limit}."
        yield behavioural("RATE_LIMIT", element, now, text, Reach.OUTSIDE)
    elif new > old:
        yield Note("more", f"calls per minute of method {element.name}: {after.calls_per_minute or 'no limit'}")


def _timeout(element: Element, now: Element, before: Method, after: Method) -> Iterator[Finding | Note]:
    # A stream has no timeout. buf reports a method that becomes a stream or stops being one.
    if before.timeout_ms is None or after.timeout_ms is None:
        return
    old, new = f"{before.timeout_ms / 1000:g} s", f"{after.timeout_ms / 1000:g} s"
    if after.timeout_ms < before.timeout_ms:
        yield behavioural("TIMEOUT", element, now, f"The timeout of a call is {new} instead of {old}.")
    elif after.timeout_ms > before.timeout_ms:
        yield Note("longer", f"timeout of method {element.name}, {new} instead of {old}")


def _idempotency(element: Element, now: Element, before: Method, after: Method) -> Iterator[Finding | Note]:
    step = PROMISES.index(after.idempotency) - PROMISES.index(before.idempotency)
    was, becomes = DESCRIPTIONS[before.idempotency].partition(":")[0], DESCRIPTIONS[after.idempotency]
    if step < 0:
        yield behavioural("IDEMPOTENCY", element, now, f"It was {was} and is now {becomes}.")
    elif step > 0:
        description = f"{becomes.partition(':')[0]} by method {element.name}; roll out its server first"
        yield Note("promised", description)
