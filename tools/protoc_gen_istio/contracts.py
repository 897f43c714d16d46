"""The contracts as the plugin's request holds them: services, their methods, and what their options say.

Options are read by descriptors that the request brings along, so that the contracts need no generated code, whosever
they are: without mesh/options/v1/options.proto or google/api among the imports, the options just are not there.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import FileDescriptorProto, MethodDescriptorProto, MethodOptions

READS_MS, WRITES_MS = 2000, 3000
"""How long calls may take whose contract does not say."""
POLICY = "mesh.options.v1"
HTTP = "google.api.http"


class Audience(Enum):
    """Who may call a method from outside."""

    NOBODY = 0
    ANYONE = 1
    SIGNED_IN = 2


class Level(Enum):
    """What happens when a call is carried out twice: protobuf's `idempotency_level`."""

    UNKNOWN = MethodOptions.IDEMPOTENCY_UNKNOWN
    READ = MethodOptions.NO_SIDE_EFFECTS
    IDEMPOTENT = MethodOptions.IDEMPOTENT


class Tier(Enum):
    """How much depends on a service; the value is how many calls may be in flight to one instance."""

    CRITICAL = 256
    STANDARD = 128
    BACKGROUND = 64


@dataclass(frozen=True)
class Method:
    """A method, by its name "<package>.<Service>/<Method>"."""

    name: str
    where: str
    """`file:line`."""
    level: Level
    timeout_ms: int | None
    """How long a call may take; None without end."""
    timeout_given: bool
    """Whether the contract states the timeout."""
    audience: Audience
    roles: tuple[str, ...]
    http: bool
    """Whether it has a path over HTTP."""
    requests_stream: bool
    responses_stream: bool

    @property
    def path(self) -> str:
        """The path of its calls."""
        return f"/{self.name}"

    @property
    def service(self) -> str:
        """The full name of the proto service that has it."""
        return self.name.partition("/")[0]

    @property
    def short(self) -> str:
        """Its name within its service."""
        return self.name.partition("/")[2]

    @property
    def stream(self) -> bool:
        """Whether messages come one by one, in either direction."""
        return self.requests_stream or self.responses_stream

    @property
    def repeatable(self) -> bool:
        """Whether the mesh may send a call again: it has no effect, or one effect however often it is sent."""
        return self.level is not Level.UNKNOWN and not self.requests_stream

    @property
    def public(self) -> bool:
        """Whether anybody outside may call it."""
        return self.audience is not Audience.NOBODY


@dataclass(frozen=True)
class Contract:
    """A proto service."""

    name: str
    file: str
    where: str
    owner: str
    tier: Tier
    methods: tuple[Method, ...]


def read(files: Sequence[FileDescriptorProto], generate: Sequence[str]) -> dict[str, Contract]:
    """Answer the proto services of the files that are to be generated, by their full names."""
    options = _Options(files)
    found = [contract for file in files if file.name in generate for contract in _contracts(file, options)]
    return {contract.name: contract for contract in found}


def messages(files: Sequence[FileDescriptorProto]) -> set[str]:
    """Answer the full names of the files' own messages, but for those within others."""
    return {f"{file.package}.{message.name}" for file in files for message in file.message_type}


def _contracts(file: FileDescriptorProto, options: "_Options") -> Iterator[Contract]:
    lines = {tuple(place.path): place.span[0] + 1 for place in file.source_code_info.location}
    for index, service in enumerate(file.service):
        name = f"{file.package}.{service.name}" if file.package else service.name
        policy = options.policy("service", service.options)
        tier = (
            str(policy.DESCRIPTOR.fields_by_name["tier"].enum_type.values_by_number[policy.tier].name) if policy else ""
        )
        yield Contract(
            name=name,
            file=file.name,
            where=f"{file.name}:{lines.get((6, index), 1)}",
            owner=policy.owner if policy else "",
            tier=Tier.__members__.get(tier.removeprefix("TIER_"), Tier.STANDARD),
            methods=tuple(
                _method(f"{name}/{method.name}", f"{file.name}:{lines.get((6, index, 2, number), 1)}", method, options)
                for number, method in enumerate(service.method)
            ),
        )


def _method(name: str, where: str, method: MethodDescriptorProto, options: "_Options") -> Method:
    policy = options.policy("method", method.options)
    level = Level(method.options.idempotency_level)
    stream = method.client_streaming or method.server_streaming
    given = bool(policy) and policy.HasField("timeout")
    default = None if stream else READS_MS if level is Level.READ else WRITES_MS
    return Method(
        name=name,
        where=where,
        level=level,
        timeout_ms=policy.timeout.seconds * 1000 + policy.timeout.nanos // 1_000_000 if given else default,
        timeout_given=given,
        audience=Audience(policy.audience) if policy else Audience.NOBODY,
        roles=tuple(policy.roles) if policy else (),
        http=options.has_http(method.options),
        requests_stream=method.client_streaming,
        responses_stream=method.server_streaming,
    )


class _Options:
    """Reads options whose declarations stand in the request."""

    def __init__(self, files: Sequence[FileDescriptorProto]) -> None:
        self._pool = descriptor_pool.DescriptorPool()
        for file in files:
            self._pool.Add(file)
        self._kinds = {"method": "google.protobuf.MethodOptions", "service": "google.protobuf.ServiceOptions"}

    def policy(self, kind: str, options: Any) -> Any:  # noqa: ANN401  # a message of the request's own types
        """Answer the message under (mesh.options.v1.<kind>), or None."""
        return self._value(f"{POLICY}.{kind}", self._kinds[kind], options)

    def has_http(self, options: MethodOptions) -> bool:
        """Whether there is a google.api.http rule."""
        return self._value(HTTP, self._kinds["method"], options) is not None

    def _value(self, name: str, kind: str, options: Any) -> Any:  # noqa: ANN401  # a message of the request's own types
        try:
            extension: Any = self._pool.FindExtensionByName(name)
            message: Any = message_factory.GetMessageClass(self._pool.FindMessageTypeByName(kind))()
        except KeyError:
            return None
        message.ParseFromString(options.SerializeToString())
        return message.Extensions[extension] if message.HasExtension(extension) else None


def by_name(contracts: Mapping[str, Contract]) -> dict[str, Method]:
    """Answer every method by its name."""
    return {method.name: method for contract in contracts.values() for method in contract.methods}
