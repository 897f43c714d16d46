"""Settings are read from the environment. An error names the variable."""

import logging

import pytest

from services.runtime.config import ConfigError, Settings


def test_an_empty_environment_has_the_documented_defaults() -> None:
    settings = Settings.read("catalog", {"GRPC_LISTEN": "", "GRPC_EGRESS": " "})
    assert settings == Settings(
        service="catalog",
        version="dev",
        listen=("127.0.0.1:50051",),
        management=("127.0.0.1", 8081),
        database_url="sqlite:///data/catalog.db",
        log_level=logging.INFO,
        namespace="shop",
        egress=None,
        targets={},
    )


def test_every_variable_is_read() -> None:
    settings = Settings.read(
        "orders",
        {
            "GRPC_LISTEN": "unix:run/app.sock, 0.0.0.0:1,[::1]:2",
            "MANAGEMENT_LISTEN": "[::1]:9",
            "DATABASE_URL": "sqlite:///x.db",
            "LOG_LEVEL": "debug",
            "POD_NAMESPACE": "elsewhere",
            "GRPC_EGRESS": "127.0.2.1:50051",
            "CATALOG_TARGET": "127.0.0.1:50052",
            "SERVICE_VERSION": "v1",
            "ORDERS_KEY_FILE": "keys",
        },
    )
    assert settings.listen == ("unix:run/app.sock", "0.0.0.0:1", "[::1]:2")
    assert settings.management == ("::1", 9)
    assert settings.own == {"KEY_FILE": "keys"}
    assert settings.log_level == logging.DEBUG
    assert (settings.namespace, settings.version, settings.egress) == ("elsewhere", "v1", "127.0.2.1:50051")
    assert settings.targets == {"CATALOG": "127.0.0.1:50052"}


def test_a_socket_path_of_maximum_length_is_accepted() -> None:
    longest = "unix:///" + "x" * 106
    settings = Settings.read("orders", {"GRPC_LISTEN": longest, "CATALOG_TARGET": longest, "GRPC_EGRESS": longest})
    assert (settings.listen, settings.targets, settings.egress) == ((longest,), {"CATALOG": longest}, longest)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("GRPC_LISTEN", "50051"),
        ("GRPC_LISTEN", ":50051"),
        ("GRPC_LISTEN", "host:-1"),
        ("GRPC_LISTEN", "host:65536"),
        ("GRPC_LISTEN", "unix:"),
        ("GRPC_LISTEN", "unix:" + "ä" * 54),
        ("CATALOG_TARGET", "unix:" + "ä" * 54),
        ("CATALOG_TARGET", "unix://"),
        ("GRPC_EGRESS", "unix:/" + "x" * 107),
        ("MANAGEMENT_LISTEN", "unix:run/app.sock"),
        ("MANAGEMENT_LISTEN", "host:http"),
        ("LOG_LEVEL", "loud"),
    ],
)
def test_an_error_names_the_variable(variable: str, value: str) -> None:
    with pytest.raises(ConfigError, match=f"^{variable}: "):
        Settings.read("catalog", {variable: value})
