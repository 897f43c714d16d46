"""Changes of the generated policies: of their effect, from any edit.

The older policies are those that were committed, so their own generator wrote them. The newer ones are what the
generator of the working tree writes now, with the parameters in buf.gen.yaml.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache

import yaml
from google.protobuf.compiler.plugin_pb2 import CodeGeneratorRequest

from tools.breaking.effects import Effects, Grant, parse, read
from tools.breaking.findings import Finding, Level, Reach
from tools.breaking.sources import POLICIES as FOLDER
from tools.breaking.sources import ROOT, SourceError, State
from tools.protoc_gen_istio.generate import ContradictionError, manifests
from tools.protoc_gen_istio.settings import ParameterError

PARAMETERS = "buf.gen.yaml"
PLUGIN = "tools.protoc_gen_istio"
MAX_SEPARATE = 3
"""The same change of more methods is one finding."""
EXPLAINED = {"TIMEOUT": "TIMEOUT", "IDEMPOTENCY": "RETRIES", "AUDIENCE": "CALLERS", "RATE_LIMIT": "RATE_LIMIT"}
"""Rules of behaviour.py, with the rule of the policies that follows from the same option."""


class PolicyError(Exception):
    """The generator refuses the working tree. The text has one line for each fault."""


@dataclass(frozen=True)
class _Change:
    rule: str
    method: str
    """The full name of a method, or what else has changed."""
    description: str
    reach: Reach = Reach.ALL


def committed(state: State) -> Effects | None:
    """Return the effect of the policies that an older state has committed.

    If it has none, today's generator writes them. Return None if it refuses the older contracts.
    """
    files = sorted((state.folder / FOLDER).glob("*.yaml"))
    try:
        return parse(file.read_text(encoding="utf-8") for file in files) if files else generated(state)
    except (PolicyError, yaml.YAMLError, LookupError, TypeError, AttributeError):
        return None


def generated(state: State) -> Effects:
    """Return the effect of what the generator writes for a state. Raise PolicyError or SourceError."""
    request = CodeGeneratorRequest(
        parameter=parameter(state), file_to_generate=list(state.image.packages), proto_file=state.image.files
    )
    try:
        return read(manifests(request, state.folder))
    except (ContradictionError, ParameterError, ValueError) as error:
        raise PolicyError(str(error).replace(f"{state.folder}/", "")) from error


def parameter(state: State) -> str:
    """Return the parameter of the plugin in buf.gen.yaml, without examples. Raise SourceError."""
    path = state.folder / PARAMETERS
    try:
        plugins = yaml.safe_load((path if path.exists() else ROOT / PARAMETERS).read_text(encoding="utf-8"))["plugins"]
        [options] = [each["opt"] for each in plugins if PLUGIN in each.get("local", [])]
    except (yaml.YAMLError, LookupError, TypeError, ValueError) as error:
        raise SourceError(f"{PARAMETERS} does not run {PLUGIN} with its parameters: {error}") from error
    listed = options if isinstance(options, list) else str(options).split(",")
    # Examples are for readers of the OpenAPI document. They change no policy.
    return ",".join(each for each in listed if not each.startswith("examples="))


def compare(older: State, newer: State, before: Effects, after: Effects, found: Collection[Finding]) -> list[Finding]:
    """Return the breaks in the effect of the policies, without those that a finding explains already.

    Methods that exist on one side only are reported elsewhere.
    """
    shared = {
        name
        for name, element in newer.image.elements.items()
        if element.kind == "method" and name in older.image.elements
    }
    pages = {path for _, path in before.grants if path.lstrip("/") not in older.image.elements}
    explained = {(EXPLAINED[each.rule], each.subject) for each in found if each.rule in EXPLAINED}
    gone = {tuple(each.subject.split("/calls/")) for each in found if each.rule == "CALL_NO_DELETE"}
    lost = {each.subject.partition("/")[0] for each in found if each.rule in {"SERVICE_SAME_NAME", "SERVES_NO_DELETE"}}
    changes = [
        *_routes(before, after, shared - {each.subject for each in found if each.rule.endswith("_STREAMING")}),
        *_grants(before, after, shared | {page.lstrip("/") for page in pages}, gone, lost),
        *_rates(before, after, shared),
        *_limits(before, after, lost),
        *_transcoding(before, after),
    ]
    return list(_findings([each for each in changes if (each.rule, each.method) not in explained], newer))


def _routes(before: Effects, after: Effects, shared: set[str]) -> Iterator[_Change]:
    for (at_gateway, path), was in before.routes.items():
        name, where = path.lstrip("/"), "from outside" if at_gateway else "inside the mesh"
        reach = Reach.OUTSIDE if at_gateway else Reach.ALL
        now = after.routes.get((at_gateway, path))
        if name not in shared or now is None:
            continue
        if now.timeout_ms < was.timeout_ms:
            yield _Change(
                "TIMEOUT",
                name,
                f"The timeout of a call {where} is {_seconds(now.timeout_ms)} instead of {_seconds(was.timeout_ms)}.",
                reach,
            )
        lost = "any failure" if not now.attempts else ", ".join(sorted(was.retry_on - now.retry_on))
        if now.attempts < was.attempts or was.retry_on - now.retry_on:
            yield _Change(
                "RETRIES",
                name,
                f"A call {where} is retried {now.attempts} times instead of {was.attempts}"
                f"{f', and no longer after {lost}' if lost else ''}.",
                reach,
            )
        if was.ports - now.ports:
            ports = (", ".join(map(str, sorted(each))) for each in (now.ports - {0}, was.ports - {0}))
            yield _Change("PORT", name, f"Calls {where} go to port {' instead of '.join(ports)}.", reach)


def _seconds(milliseconds: float) -> str:
    return "unlimited" if milliseconds == float("inf") else f"{milliseconds / 1000:g} s"


def _grants(
    before: Effects, after: Effects, shared: set[str], gone: set[tuple[str, ...]], lost: set[str]
) -> Iterator[_Change]:
    for (at_gateway, path), grants in before.grants.items():
        name = path.lstrip("/")
        if name not in shared:
            continue
        now = after.grants.get((at_gateway, path), [])
        for was in grants:
            caller = _caller(was)
            if (caller, name) in gone or caller in lost or any(each.covers(was) for each in now):
                continue
            where = "The gateway" if at_gateway else "The mesh"
            reach = Reach.OUTSIDE if at_gateway else Reach.ALL
            yield _Change("CALLERS", name, f"{where} no longer admits calls {_describe(was)}.", reach)


def _caller(grant: Grant) -> str:
    """Return the name of the only workload of a grant, or ""."""
    names = list(grant.principals or ())
    return names[0].rpartition("/")[2] if len(names) == 1 else ""


def _describe(grant: Grant) -> str:
    parts = [
        f"of {' or '.join(sorted(grant.principals))}" if grant.principals else "",
        f"with a token of {' or '.join(sorted(grant.users))}" if grant.users else "",
        *(f"with {key} = {' or '.join(sorted(values))}" for key, values in sorted(grant.conditions)),
    ]
    return " ".join(filter(None, parts)) or "of any caller"


def _rates(before: Effects, after: Effects, shared: set[str]) -> Iterator[_Change]:
    for (path, caller), now in after.rates.items():
        was = before.rates.get((path, caller), float("inf"))
        if path.lstrip("/") in shared and now < was:
            others = f"instead of {was:g}" if was != float("inf") else f"for each {caller}"
            yield _Change(
                "RATE_LIMIT", path.lstrip("/"), f"{now:g} calls per minute are allowed {others}.", Reach.OUTSIDE
            )


def _limits(before: Effects, after: Effects, lost: set[str]) -> Iterator[_Change]:
    for limit, was in before.limits.items():
        service = limit.rpartition(" ")[2]
        now = after.limits.get(limit, was)
        if now < was and service not in lost:
            yield _Change("LIMIT", service, f"At most {now} {limit} are allowed instead of {was}.")


def _transcoding(before: Effects, after: Effects) -> Iterator[_Change]:
    was, now = (dict(_flat(each.transcoding, "")) for each in (before, after))
    strict = "request_validation_options."
    for key in was.keys() | now.keys():
        looser = key.startswith(strict) and not now.get(key)
        if was.get(key) != now.get(key) and not looser and after.transcoding:
            yield _Change(
                "TRANSCODING",
                "JSON over HTTP",
                f"The gateway's option {key} is {now.get(key)} instead of {was.get(key)}.",
                Reach.OUTSIDE,
            )


def _flat(value: object, prefix: str) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(inner, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, value


def _findings(changes: list[_Change], newer: State) -> Iterator[Finding]:
    """Yield one finding for each method and rule; one for all methods if more than three change in the same way."""
    services = {each.service: each for each in newer.declared}
    by_kind: defaultdict[tuple[str, str], list[_Change]] = defaultdict(list)
    for change in changes:
        by_kind[change.rule, change.description].append(change)
    shared = {rule for (rule, _), same in by_kind.items() if len({each.method for each in same}) > MAX_SEPARATE}
    grouped: defaultdict[tuple[str, str], list[_Change]] = defaultdict(list)
    for same in by_kind.values():
        for change in same:
            grouped[change.rule, FOLDER if change.rule in shared else change.method].append(change)

    @cache
    def methods(name: str) -> frozenset[str]:
        served = services[name].serves if name in services else ()
        return frozenset(
            each.name for each in newer.image.of_kind("method") if each.parent in served or each.name == name
        )

    for (rule, subject), same in grouped.items():
        texts = dict.fromkeys(each.description for each in same)
        names = list(dict.fromkeys(each.method for each in same))
        element = newer.image.elements.get(subject)
        some = f"{', '.join(names[:MAX_SEPARATE])} and {len(names) - MAX_SEPARATE} more" if subject == FOLDER else ""
        all_public = (
            frozenset(each.name for each in newer.image.of_kind("method")) if rule == "TRANSCODING" else frozenset()
        )
        yield Finding(
            level=Level.JSON if rule == "TRANSCODING" else Level.POLICY,
            rule=rule,
            subject=subject,
            description=" ".join(texts) + (f" This applies to {some}." if some else ""),
            location=f"proto/{element.file}:{element.start[0]}" if element else f"{_file(subject)}:1",
            holders=frozenset().union(*(methods(name) for name in names)) | all_public,
            element=element,
            reach=Reach.OUTSIDE if all(each.reach == Reach.OUTSIDE for each in same) else Reach.ALL,
        )


def _file(subject: str) -> str:
    return PARAMETERS if subject == FOLDER else f"{FOLDER}/{subject}.yaml" if subject.isidentifier() else PARAMETERS
