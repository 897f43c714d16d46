"""What contracts and service.yaml files declare: who may call which method.

The policy generator has another reader. This one uses the compiled contracts in gen/ and shares no code with that one.
So a fault in the reader of the generator is a wrong cell of the matrix.
"""

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from google.protobuf.descriptor import FileDescriptor

import shop
from mesh.options.v1 import options_pb2


@dataclass(frozen=True)
class Call:
    """A method that a service calls: "<package>.<Service>/<Method>"."""

    method: str
    on_demand: bool


@dataclass(frozen=True)
class Service:
    """A service.yaml."""

    name: str
    serves: frozenset[str]
    calls: tuple[Call, ...]
    owns: tuple[str, ...]
    """The types of the resources in its database."""
    emits: tuple[str, ...]
    """The types of the events that it publishes."""
    consumes: tuple[str, ...]

    @property
    def uses_database(self) -> bool:
        """Whether it has a database."""
        return bool(self.owns)

    @property
    def uses_events(self) -> bool:
        """Whether it publishes or consumes events."""
        return bool(self.emits or self.consumes)


@dataclass(frozen=True)
class Method:
    """A method of a contract, and who may call it."""

    name: str
    """ "<package>.<Service>/<Method>"."""
    service: str
    """The service that serves it."""
    audience: int
    """A number of mesh.options.v1.Audience."""
    roles: frozenset[str]
    is_stream: bool
    callers: frozenset[str]
    """The services that may call it."""

    @property
    def path(self) -> str:
        """The path of its calls."""
        return f"/{self.name}"

    @property
    def is_public(self) -> bool:
        """Whether callers outside of the mesh may call it."""
        return self.audience != options_pb2.AUDIENCE_UNSPECIFIED


def services(root: Path) -> list[Service]:
    """Return what every service of a checkout declares, sorted by name."""
    files = sorted((root / "services").glob("*/service.yaml"))
    return [_service(yaml.safe_load(file.read_text(encoding="utf-8"))) for file in files]


def methods(root: Path) -> list[Method]:
    """Return every method that a service of a checkout serves."""
    declared = services(root)
    servers = {contract: service.name for service in declared for contract in service.serves}
    return [
        Method(
            name=name,
            service=servers[contract.full_name],
            audience=policy.audience,
            roles=frozenset(policy.roles),
            is_stream=method.client_streaming or method.server_streaming,
            callers=frozenset(each.name for each in declared if name in {call.method for call in each.calls}),
        )
        for file in _files()
        for contract in file.services_by_name.values()
        if contract.full_name in servers
        for method in contract.methods
        for name, policy in [
            (f"{contract.full_name}/{method.name}", method.GetOptions().Extensions[options_pb2.method])
        ]
    ]


def _service(declared: dict[str, Any]) -> Service:
    calls = (
        Call(f"{each['to']}/{name}", each.get("on_demand", False))
        for each in declared.get("calls", [])
        for name in each["methods"]
    )
    return Service(
        name=declared["service"],
        serves=frozenset(declared.get("serves", [])),
        calls=tuple(calls),
        owns=tuple(declared.get("owns", [])),
        emits=tuple(declared.get("emits", [])),
        consumes=tuple(declared.get("consumes", [])),
    )


def _files() -> Iterator[FileDescriptor]:
    for folder in shop.__path__:
        for path in sorted(Path(folder).rglob("*_pb2.py")):
            name = ".".join((shop.__name__, *path.relative_to(folder).with_suffix("").parts))
            yield importlib.import_module(name).DESCRIPTOR
