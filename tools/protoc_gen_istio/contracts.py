"""The contracts in the plugin's request: services, their methods and their options.

Options are read with the descriptors in the request, so contracts of any project work without generated code. If
mesh/options/v1/options.proto or google/api are not imported, the options are unset.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import FileDescriptorProto, MethodDescriptorProto, MethodOptions

DEFAULT_READ_TIMEOUT_MS, DEFAULT_WRITE_TIMEOUT_MS = 2000, 3000
"""Timeouts of methods whose contract sets none."""
OPTIONS_PACKAGE = "mesh.options.v1"
HTTP_OPTION = "google.api.http"


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


class Tier(Enum):
    """How important a service is. The value is how many calls may be in flight, to an instance or from a caller."""

    CRITICAL = 256
    STANDARD = 128
    BACKGROUND = 64


@dataclass(frozen=True)
class Method:
    """A method. Its name is "<package>.<Service>/<Method>"."""

    name: str
    location: str
    """`file:line`."""
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
    owner: str
    tier: Tier
    methods: tuple[Method, ...]


def read(files: Sequence[FileDescriptorProto], generate: Sequence[str]) -> dict[str, Contract]:
    """Return the proto services of the files to generate, by full name."""
    options = _Options(files)
    contracts = (contract for file in files if file.name in generate for contract in _contracts(file, options))
    return {contract.name: contract for contract in contracts}


def messages(files: Sequence[FileDescriptorProto]) -> set[str]:
    """Return the full names of the top-level messages of the files."""
    return {f"{file.package}.{message.name}" for file in files for message in file.message_type}


def _contracts(file: FileDescriptorProto, options: "_Options") -> Iterator[Contract]:
    lines = {tuple(location.path): location.span[0] + 1 for location in file.source_code_info.location}
    for index, service in enumerate(file.service):
        name = f"{file.package}.{service.name}" if file.package else service.name
        policy = options.policy("service", service.options)
        tier = (
            str(policy.DESCRIPTOR.fields_by_name["tier"].enum_type.values_by_number[policy.tier].name) if policy else ""
        )
        yield Contract(
            name=name,
            file=file.name,
            location=f"{file.name}:{lines.get((6, index), 1)}",
            owner=policy.owner if policy else "",
            tier=Tier.__members__.get(tier.removeprefix("TIER_"), Tier.STANDARD),
            methods=tuple(
                _method(f"{name}/{method.name}", f"{file.name}:{lines.get((6, index, 2, number), 1)}", method, options)
                for number, method in enumerate(service.method)
            ),
        )


def _method(name: str, location: str, method: MethodDescriptorProto, options: "_Options") -> Method:
    policy = options.policy("method", method.options)
    idempotency = Idempotency(method.options.idempotency_level)
    stream = method.client_streaming or method.server_streaming
    is_timeout_set = bool(policy) and policy.HasField("timeout")
    default = (
        None if stream else DEFAULT_READ_TIMEOUT_MS if idempotency is Idempotency.READ else DEFAULT_WRITE_TIMEOUT_MS
    )
    return Method(
        name=name,
        location=location,
        idempotency=idempotency,
        timeout_ms=policy.timeout.seconds * 1000 + policy.timeout.nanos // 1_000_000 if is_timeout_set else default,
        is_timeout_set=is_timeout_set,
        audience=Audience(policy.audience) if policy else Audience.UNSPECIFIED,
        roles=tuple(policy.roles) if policy else (),
        # Contracts of other projects may have an older copy of the options.
        calls_per_minute=getattr(policy, "calls_per_minute", 0),
        http=options.has_http(method.options),
        requests_stream=method.client_streaming,
        responses_stream=method.server_streaming,
    )


class _Options:
    """Reads options that are declared in the request."""

    def __init__(self, files: Sequence[FileDescriptorProto]) -> None:
        self._pool = descriptor_pool.DescriptorPool()
        for file in files:
            self._pool.Add(file)
        self._option_types = {"method": "google.protobuf.MethodOptions", "service": "google.protobuf.ServiceOptions"}

    def policy(self, kind: str, options: Any) -> Any:  # noqa: ANN401  # a type of the request's pool
        """Return the message of the option (mesh.options.v1.<kind>), or None."""
        return self._value(f"{OPTIONS_PACKAGE}.{kind}", self._option_types[kind], options)

    def has_http(self, options: MethodOptions) -> bool:
        """Return whether there is a google.api.http rule."""
        return self._value(HTTP_OPTION, self._option_types["method"], options) is not None

    def _value(self, name: str, options_type: str, options: Any) -> Any:  # noqa: ANN401  # a type of the request's pool
        try:
            extension: Any = self._pool.FindExtensionByName(name)
            message: Any = message_factory.GetMessageClass(self._pool.FindMessageTypeByName(options_type))()
        except KeyError:
            return None
        message.ParseFromString(options.SerializeToString())
        return message.Extensions[extension] if message.HasExtension(extension) else None


def by_name(contracts: Mapping[str, Contract]) -> dict[str, Method]:
    """Return every method by its name."""
    return {method.name: method for contract in contracts.values() for method in contract.methods}
