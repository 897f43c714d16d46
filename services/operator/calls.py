"""Calls any method by its name, with requests and responses as JSON, from the descriptors of the contracts."""

import importlib
import json
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import grpc.aio
from google.protobuf import json_format, message_factory
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.descriptor_pool import Default
from google.protobuf.message import Message
from google.rpc import error_details_pb2

import shop
from services.runtime.rpc import read_details

REQUEST_ID = "request_id"


class BadCallError(Exception):
    """The call is not valid; the text says why."""


def find_method(name: str) -> MethodDescriptor:
    """Return the method "<package>.<Service>/<Method>". Raises BadCallError."""
    for folder in shop.__path__:
        for file in Path(folder).rglob("*_pb2.py"):
            importlib.import_module(".".join((shop.__name__, *file.relative_to(folder).with_suffix("").parts)))
    try:
        method: MethodDescriptor = Default().FindMethodByName(name.strip("/").replace("/", "."))
    except KeyError as error:
        raise BadCallError(f"no contract has a method {name!r}: write <package>.<Service>/<Method>") from error
    if method.client_streaming:
        raise BadCallError(f"{name} takes a stream of requests, which this command cannot send")
    return method


def read_request(method: MethodDescriptor, text: str) -> Message:
    """Parse the request of a method from JSON. Set a new request_id if the method needs one and the JSON has none.

    Raises BadCallError.
    """
    request = message_factory.GetMessageClass(method.input_type)()
    try:
        json_format.Parse(text, request)
    except json_format.ParseError as error:
        raise BadCallError(f"the request: {' '.join(str(error).split())}") from error
    if REQUEST_ID in method.input_type.fields_by_name and not getattr(request, REQUEST_ID):
        setattr(request, REQUEST_ID, str(uuid.uuid4()))
    return request


async def call(
    open_channel: Callable[[str], grpc.aio.Channel], method: MethodDescriptor, request: Message
) -> AsyncIterator[str]:
    """Call a method and yield each response as one line of JSON. Raises AioRpcError."""
    service = method.containing_service
    path = f"/{service.full_name}/{method.name}"
    # shop.catalog.v1 → catalog, the service's name in the mesh.
    channel = open_channel(service.full_name.split(".")[1])
    parse = message_factory.GetMessageClass(method.output_type).FromString
    if method.server_streaming:
        async for response in channel.unary_stream(path, type(request).SerializeToString, parse)(request):
            yield _to_json(response)
    else:
        yield _to_json(await channel.unary_unary(path, type(request).SerializeToString, parse)(request))


def _to_json(response: Message) -> str:
    return json.dumps(json_format.MessageToDict(response), ensure_ascii=False)


def format_error(error: grpc.aio.AioRpcError) -> str:
    """Format an error in one line: its status, its reason, its text, and every invalid field."""
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    read_details(error, info, bad)
    reason = f" {info.reason}" if info.reason else ""
    fields = "; ".join(f"{violation.field} {violation.description}" for violation in bad.field_violations)
    text = " ".join((error.details() or "").split())
    return f"{error.code().name}{reason}: {text}" + (f" [{fields}]" if fields else "")
