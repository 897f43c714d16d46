"""The contracts in the plugin's request: services, their methods and their options.

If mesh/options/v1/options.proto or google/api are not imported, the options are unset.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from google.protobuf.descriptor_pb2 import FileDescriptorProto, MethodDescriptorProto, MethodOptions

from tools.protoc_gen_istio.bindings import HTTP_NUMBER, http_rule
from tools.protoc_gen_istio.objectives import Objective, Tier, effective, stated
from tools.protoc_gen_istio.options import (
    HTTP_OPTION,
    METHOD,
    METHOD_OPTION,
    OPTIONS,
    SERVICE,
    SERVICE_OPTION,
    Lines,
    Options,
    Path,
)

DEFAULT_READ_TIMEOUT_MS, DEFAULT_WRITE_TIMEOUT_MS = 2000, 3000
"""Timeouts of methods whose contract sets none."""


class ContractError(ValueError):
    """Contracts have a fault. The text has one line for each: `file:line: what, why, what to do`."""


class Audience(Enum):
    """Who may call a method from outside."""

    UNSPECIFIED = 0
    ANYONE = 1
    SIGNED_IN = 2


class Idempotency(Enum):
    """What happens when a call is executed twice: protobuf's `idempotency_level`."""

    UNKNOWN = MethodOptions.IDEMPOTENCY_UNKNOWN
    READ = MethodOptions.NO_SIDE_EFFECTS
    IDEMPOTENT = MethodOptions.IDEMPOTENT


@dataclass(frozen=True)
class Method:
    """A method. Its name is "<package>.<Service>/<Method>"."""

    name: str
    location: str
    """`file:line` of the method, of (mesh.options.v1.method) and of google.api.http. The method's if not set."""
    options_location: str
    http_location: str
    idempotency: Idempotency
    timeout_ms: int | None
    """None for a stream, which has no timeout."""
    is_timeout_set: bool
    """Whether the contract sets the timeout."""
    audience: Audience
    roles: tuple[str, ...]
    calls_per_minute: int
    """How many calls one caller from outside may make in a minute; 0 for no limit."""
    http: bool
    """Whether it has an HTTP path."""
    requests_stream: bool
    responses_stream: bool
    stated: Objective
    """The objective in its contract."""
    objective: Objective
    """The same with the defaults of its service and tier."""

    @property
    def path(self) -> str:
        """The path of its calls: "/<package>.<Service>/<Method>"."""
        return f"/{self.name}"

    @property
    def service(self) -> str:
        """The full name of its proto service."""
        return self.name.partition("/")[0]

    @property
    def short(self) -> str:
        """The name within its service."""
        return self.name.partition("/")[2]

    @property
    def stream(self) -> bool:
        """Whether it streams in either direction."""
        return self.requests_stream or self.responses_stream

    @property
    def retryable(self) -> bool:
        """Whether the mesh may retry a call: it has no effect, or only one effect however often it is sent."""
        return self.idempotency is not Idempotency.UNKNOWN and not self.requests_stream

    @property
    def public(self) -> bool:
        """Whether callers outside the mesh may call it."""
        return self.audience is not Audience.UNSPECIFIED


@dataclass(frozen=True)
class Contract:
    """A proto service."""

    name: str
    file: str
    location: str
    options_location: str
    """`file:line` of (mesh.options.v1.service)."""
    owner: str
    tier: Tier
    stated: Objective
    """The objective in the contract, for all methods."""
    methods: tuple[Method, ...]


def read(files: Sequence[FileDescriptorProto], generate: Sequence[str]) -> dict[str, Contract]:
    """Return the proto services of the files to generate, by full name.

    Raises ContractError if an option has a value that this generator does not know.
    """
    options = Options(files)
    contracts = [contract for file in files if file.name in generate for contract in _contracts(file, options)]
    if options.faults:
        raise ContractError("\n".join(options.faults))
    return {contract.name: contract for contract in contracts}


def _contracts(file: FileDescriptorProto, options: Options) -> Iterator[Contract]:
    lines = Lines(file)
    for index, service in enumerate(file.service):
        name = f"{file.package}.{service.name}" if file.package else service.name
        path = (SERVICE, index)
        policy = options.policy(SERVICE_OPTION, service.options, lines, path, name)
        name_of_tier = policy.name("tier", "TIER_", ("UNSPECIFIED", *Tier.__members__), "UNSPECIFIED")
        tier, objective = Tier.__members__.get(name_of_tier, Tier.STANDARD), stated(policy)
        yield Contract(
            name=name,
            file=file.name,
            location=lines.at(path),
            options_location=policy.location,
            owner=policy.text("owner"),
            tier=tier,
            stated=objective,
            methods=tuple(
                _with_defaults(
                    _method(f"{name}/{method.name}", method, options, lines, (*path, METHOD, number)), objective, tier
                )
                for number, method in enumerate(service.method)
            ),
        )


def _method(name: str, method: MethodDescriptorProto, options: Options, lines: Lines, path: Path) -> Method:
    policy = options.policy(METHOD_OPTION, method.options, lines, path, method.name)
    idempotency = Idempotency(method.options.idempotency_level)
    stream = method.client_streaming or method.server_streaming
    timeout = policy.milliseconds("timeout")
    default = (
        None if stream else DEFAULT_READ_TIMEOUT_MS if idempotency is Idempotency.READ else DEFAULT_WRITE_TIMEOUT_MS
    )
    return Method(
        name=name,
        location=lines.at(path),
        options_location=policy.location,
        http_location=lines.at((*path, OPTIONS[HTTP_OPTION], HTTP_NUMBER)),
        idempotency=idempotency,
        timeout_ms=default if timeout is None else timeout,
        is_timeout_set=timeout is not None,
        audience=Audience[policy.name("audience", "AUDIENCE_", Audience.__members__, Audience.UNSPECIFIED.name)],
        roles=tuple(policy.texts("roles")),
        calls_per_minute=policy.natural("calls_per_minute"),
        http=http_rule(method.options) is not None,
        requests_stream=method.client_streaming,
        responses_stream=method.server_streaming,
        stated=stated(policy),
        objective=Objective(),
    )


def _with_defaults(method: Method, service: Objective, tier: Tier) -> Method:
    return replace(method, objective=effective(method.stated, service, tier, method.timeout_ms))


def by_name(contracts: Mapping[str, Contract]) -> dict[str, Method]:
    """Return every method by its name."""
    return {method.name: method for contract in contracts.values() for method in contract.methods}
