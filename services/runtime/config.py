"""The settings that a service reads from its environment, parsed and checked once."""

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePath

MAX_PORT = 65535
# Linux's limit for the path of a Unix socket (sun_path), without the final NUL.
MAX_SOCKET_PATH_BYTES = 107
# The librdkafka settings that the environment can set: KAFKA_SASL_USERNAME sets sasl.username, and so on.
KAFKA_SETTINGS = (
    "bootstrap.servers",
    "security.protocol",
    "sasl.mechanism",
    "sasl.username",
    "sasl.password",
    "ssl.ca.location",
)


class ConfigError(Exception):
    """The service cannot start with its environment. The text names the variable and the problem."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The environment of one service process; README.md lists the variables."""

    service: str
    version: str = "dev"
    listen: tuple[str, ...] = ("127.0.0.1:50051",)
    http_listen: str = "127.0.0.1:8080"
    """Where a service that speaks HTTP listens."""
    management: tuple[str, int] = ("127.0.0.1", 8081)
    database_url: str = ""
    log_level: int = logging.INFO
    namespace: str = "shop"
    egress: str | None = None
    targets: Mapping[str, str] = field(default_factory=dict)
    kafka: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The librdkafka settings of a Kafka client; empty without KAFKA_BOOTSTRAP_SERVERS."""
    own: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The service's own variables: <SERVICE>_KEY_FILE of the environment is KEY_FILE here."""

    @classmethod
    def read(cls, service: str, environ: Mapping[str, str]) -> "Settings":
        """Read `environ`; an empty variable counts as not set. Raises ConfigError."""
        env = {name: value.strip() for name, value in environ.items() if value.strip()}
        prefix = f"{service.upper().replace('-', '_')}_"
        return cls(
            service=service,
            version=env.get("SERVICE_VERSION", "dev"),
            listen=_listen("GRPC_LISTEN", env.get("GRPC_LISTEN", "127.0.0.1:50051")),
            http_listen=_listen("HTTP_LISTEN", env.get("HTTP_LISTEN", "127.0.0.1:8080"))[0],
            management=host_port("MANAGEMENT_LISTEN", env.get("MANAGEMENT_LISTEN", "127.0.0.1:8081")),
            database_url=env.get("DATABASE_URL", f"sqlite:///data/{service}.db"),
            log_level=_log_level(env.get("LOG_LEVEL", "INFO")),
            namespace=env.get("POD_NAMESPACE", "shop"),
            egress=_target("GRPC_EGRESS", env["GRPC_EGRESS"]) if "GRPC_EGRESS" in env else None,
            targets={
                name.removesuffix("_TARGET"): _target(name, value)
                for name, value in env.items()
                if name.endswith("_TARGET")
            },
            kafka=_kafka(service, env),
            own={name.removeprefix(prefix): value for name, value in env.items() if name.startswith(prefix)},
        )


def _listen(variable: str, value: str) -> tuple[str, ...]:
    """Return the addresses in `value`: `unix:<path>` or `<host>:<port>`, separated by commas."""
    addresses = tuple(part.strip() for part in value.split(",") if part.strip())
    if not addresses:
        raise ConfigError(f"{variable}: {value!r} names no address")
    for address in addresses:
        if address.startswith("unix:"):
            _check_socket_path(variable, address)
        else:
            host_port(variable, address)
    return addresses


def _target(variable: str, value: str) -> str:
    """Return the address to dial. gRPC itself would fail each call with UNKNOWN if a socket path is too long."""
    if value.startswith("unix:"):
        _check_socket_path(variable, value)
    return value


def _kafka(service: str, env: Mapping[str, str]) -> dict[str, str]:
    variables = {name: f"KAFKA_{name.upper().replace('.', '_')}" for name in KAFKA_SETTINGS}
    settings = {name: env[variable] for name, variable in variables.items() if variable in env}
    if "bootstrap.servers" not in settings:
        return {}
    # librdkafka reconnects by itself, without end; its own maximum pause would be 10 s.
    return {"client.id": service, "reconnect.backoff.max.ms": "1000", **settings}


def socket_path(address: str) -> PurePath | None:
    """Return the path of `unix:run/app.sock` or `unix:///run/app.sock`; None for a TCP address."""
    if not address.startswith("unix:"):
        return None
    return PurePath(address.removeprefix("unix:").removeprefix("//"))


def _check_socket_path(variable: str, address: str) -> None:
    path = str(socket_path(address))
    if path == ".":
        raise ConfigError(f"{variable}: {address!r} has no path")
    if (size := len(os.fsencode(path))) > MAX_SOCKET_PATH_BYTES:
        raise ConfigError(
            f"{variable}: the path of {address!r} has {size} bytes; the maximum is {MAX_SOCKET_PATH_BYTES}"
        )


def host_port(variable: str, value: str) -> tuple[str, int]:
    """Return the host and port of `host:port` or `[host]:port`. Raises ConfigError, which names the variable."""
    host, colon, port = value.rpartition(":")
    if not colon or not host or not port.isascii() or not port.isdecimal() or int(port) > MAX_PORT:
        raise ConfigError(f"{variable}: {value!r} is not of the form host:port or unix:path")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _log_level(value: str) -> int:
    level = logging.getLevelNamesMapping().get(value.upper())
    if level is None:
        raise ConfigError(f"LOG_LEVEL: {value!r} is not one of DEBUG, INFO, WARNING, ERROR, CRITICAL")
    return level
