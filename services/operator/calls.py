"""Calls of any method by its name, with requests and responses as JSON: the contracts' descriptors say the rest."""

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
    """The call cannot be made as it is written; the text says why."""


def find(name: str) -> MethodDescriptor:
    """Answer the method that is called "<package>.<Service>/<Method>". Raises BadCallError."""
    for folder in shop.__path__:
        for file in Path(folder).rglob("*_pb2.py"):
            importlib.import_module(".".join((shop.__name__, *file.relative_to(folder).with_suffix("").parts)))
    try:
        found: MethodDescriptor = Default().FindMethodByName(name.strip("/").replace("/", "."))
    except KeyError as error:
        raise BadCallError(f"no contract has a method {name!r}: write <package>.<Service>/<Method>") from error
    if found.client_streaming:
        raise BadCallError(f"{name} takes a stream of requests")
    return found


def read_request(method: MethodDescriptor, text: str) -> Message:
    """Make the request of a method from JSON; one that needs a request_id and has none gets a new one.

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
    channel: Callable[[str], grpc.aio.Channel], method: MethodDescriptor, request: Message
) -> AsyncIterator[str]:
    """Make a call and answer its responses as JSON, one line each. Raises AioRpcError."""
    service = method.containing_service
    path = f"/{service.full_name}/{method.name}"
    # The context in the package's name is the service's name in the mesh.
    opened = channel(service.full_name.split(".")[1])
    response = message_factory.GetMessageClass(method.output_type).FromString
    if method.server_streaming:
        async for reply in opened.unary_stream(path, type(request).SerializeToString, response)(request):
            yield _line(reply)
    else:
        yield _line(await opened.unary_unary(path, type(request).SerializeToString, response)(request))


def _line(reply: Message) -> str:
    return json.dumps(json_format.MessageToDict(reply), ensure_ascii=False)


def told(error: grpc.aio.AioRpcError) -> str:
    """Tell of an error in one line: its status, its reason, its text, and every field that offends."""
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    read_details(error, info, bad)
    reason = f" {info.reason}" if info.reason else ""
    fields = "; ".join(f"{violation.field} {violation.description}" for violation in bad.field_violations)
    text = " ".join((error.details() or "").split())
    return f"{error.code().name}{reason}: {text}" + (f" [{fields}]" if fields else "")
