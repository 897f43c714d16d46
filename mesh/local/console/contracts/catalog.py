"""What the contracts and the declarations say about services and methods."""

from collections.abc import Sequence
from dataclasses import dataclass

from google.protobuf.descriptor_pb2 import MethodOptions

from mesh.local.console.contracts.fields import FieldRow, Reader
from mesh.local.console.contracts.source import IMPORT_FOLDERS, Contracts
from tools.protoc_gen_istio.bindings import bindings
from tools.protoc_gen_istio.contracts import Contract, Method
from tools.protoc_gen_istio.declarations import Declaration
from tools.protoc_gen_istio.objectives import AVAILABLE_PERCENT, FAST_PERCENT, Objective
from tools.protoc_gen_istio.routes import RETRIES, kind_of


@dataclass(frozen=True)
class MethodSummary:
    """A method in the list of its service."""

    name: str
    """ "<package>.<Service>/<Method>"."""
    contract: str
    short: str
    summary: str
    """The first sentence of its comment."""
    audience: str
    """ "anyone", "logged in" or "inside"."""
    roles: Sequence[str]
    callers: Sequence[str]
    """The services that declare calls of it."""
    kind: str
    """What a repeated call does: "reads", "writes" (idempotent), "once", or a stream of one of these."""
    timeout_ms: int | None
    """None for a stream."""
    retries: int
    calls_per_minute: int
    """0 for no separate limit."""
    deprecated: bool
    objective: Objective
    http: Sequence[str]
    """Its HTTP paths, each with its verb."""


@dataclass(frozen=True)
class ServiceSummary:
    """A service with everything that it declares."""

    name: str
    contracts: Sequence[str]
    comment: str
    owner: str
    tier: str
    objective: Objective
    """What its methods have unless they say otherwise."""
    owns: Sequence[str]
    emits: Sequence[str]
    consumes: Sequence[str]
    calls: Sequence[str]
    """The services that it calls."""
    methods: Sequence[MethodSummary]


@dataclass(frozen=True)
class MethodDetails:
    """Everything that the contract says about a method."""

    summary: MethodSummary
    service: str
    owner: str
    tier: str
    comment: str
    file: str
    """`file:line` in the checkout."""
    request: str
    response: str
    is_stream: bool
    request_fields: Sequence[FieldRow]
    response_fields: Sequence[FieldRow]
    proto_options: Sequence[str]
    """The words with which grpcurl reads the contract. The gateway shows it only public ones."""


def services(contracts: Contracts) -> list[ServiceSummary]:
    """Return every service, in the order of their names."""
    return [_service(contracts, each) for each in contracts.graph.declarations]


def method(contracts: Contracts, name: str) -> MethodDetails | None:
    """Return the details of a method, "<package>.<Service>/<Method>"; None if there is none."""
    found = contracts.graph.methods.get(name)
    if not found:
        return None
    contract = contracts.graph.contracts[found.service]
    descriptor = contracts.elements.methods[name]
    request, response = descriptor.input_type.removeprefix("."), descriptor.output_type.removeprefix(".")
    reader = Reader(contracts.elements, contracts.rules)
    return MethodDetails(
        summary=_summary(contracts, found),
        service=contracts.graph.servers.get(contract.name, ""),
        owner=contract.owner,
        tier=contract.tier.name.lower(),
        comment=contracts.elements.comments.get(name, ""),
        file=f"proto/{found.location}",
        request=request,
        response=response,
        is_stream=found.stream,
        request_fields=list(reader.rows(request)),
        response_fields=list(reader.rows(response)),
        proto_options=[*(word for each in IMPORT_FOLDERS for word in ("-import-path", each)), "-proto", contract.file],
    )


def _service(contracts: Contracts, declared: Declaration) -> ServiceSummary:
    graph = contracts.graph
    served: list[Contract] = graph.served(declared)
    first = served[0] if served else None
    return ServiceSummary(
        name=declared.service,
        contracts=[each.name for each in served],
        comment=contracts.elements.comments.get(first.name, "") if first else "",
        owner=first.owner if first else "",
        tier=first.tier.name.lower() if first else "",
        objective=_objective(first) if first else Objective(),
        owns=declared.owns,
        emits=declared.emits,
        consumes=declared.consumes,
        calls=graph.callees(declared),
        methods=[_summary(contracts, each) for each in graph.own(declared)],
    )


def _objective(contract: Contract) -> Objective:
    stated, tier = contract.stated, contract.tier
    available, fast = stated.available_percent or AVAILABLE_PERCENT[tier], stated.fast_percent or FAST_PERCENT[tier]
    return Objective(available, fast, stated.latency_ms)


def _summary(contracts: Contracts, each: Method) -> MethodSummary:
    options: MethodOptions = contracts.elements.methods[each.name].options
    comment = contracts.elements.comments.get(each.name, "")
    audience = {"ANYONE": "anyone", "SIGNED_IN": "logged in"}.get(each.audience.name, "inside")
    return MethodSummary(
        name=each.name,
        contract=each.service,
        short=each.short,
        summary=comment.split("\n\n")[0].split(". ")[0].removesuffix(".") + "." if comment else "",
        audience=audience,
        roles=each.roles,
        callers=contracts.graph.callers.get(each.name, []),
        kind=kind_of(each),
        timeout_ms=each.timeout_ms,
        retries=RETRIES if each.retryable else 0,
        calls_per_minute=each.calls_per_minute,
        deprecated=options.deprecated,
        objective=each.objective,
        http=[f"{binding.verb.upper()} {binding.path}" for binding in bindings(options, contracts.elements.resources)],
    )
