"""A service that does what the request of a test says: it fails, waits, or calls a peer.

Its contract, with one rule, is defined here. Its requests are encoded like google.protobuf.StringValue.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import grpc.aio
from google.protobuf import descriptor_pool, text_format
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.wrappers_pb2 import StringValue

import buf.validate.validate_pb2  # noqa: F401  # registers the options of the contract below
from services.runtime import Runtime, serve
from services.runtime.rpc import ErrorTable
from services.runtime.rpc.deadlines import remaining

SERVICE = "probe.v1.Probe"
# More than a caller takes that does not read.
FLOOD_BYTES = 512 * 1024
ASK, STREAM = f"/{SERVICE}/Ask", f"/{SERVICE}/Stream"
SECRET = "the password is swordfish"  # noqa: S105  # no real password; no caller may see it

CONTRACT = """
  name: "probe.proto" package: "probe.v1" syntax: "proto3"
  dependency: ["buf/validate/validate.proto", "google/protobuf/wrappers.proto"]
  message_type {
    name: "Request"
    field {
      name: "value" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL
      options { [buf.validate.field] { string { not_in: "forbidden" } } }
    }
  }
  service {
    name: "Probe"
    method { name: "Ask" input_type: ".probe.v1.Request" output_type: ".google.protobuf.StringValue" }
    method {
      name: "Stream" input_type: ".probe.v1.Request" output_type: ".google.protobuf.StringValue" server_streaming: true
    }
  }
"""

logger = logging.getLogger(__name__)

Context = grpc.aio.ServicerContext[StringValue, StringValue]
Ask = grpc.aio.UnaryUnaryMultiCallable[StringValue, StringValue]


def ask(channel: grpc.aio.Channel) -> Ask:
    """Return the unary method of the probe."""
    return channel.unary_unary(ASK, StringValue.SerializeToString, StringValue.FromString)


def stream(channel: grpc.aio.Channel) -> grpc.aio.UnaryStreamMultiCallable[StringValue, StringValue]:
    """Return the streaming method of the probe."""
    return channel.unary_stream(STREAM, StringValue.SerializeToString, StringValue.FromString)


class Probe:
    """Does what the request says."""

    def __init__(self, peer: grpc.aio.Channel) -> None:
        self._peer = peer

    async def ask(self, request: StringValue, context: Context) -> StringValue:
        """Execute the command in the request. Return the request if it contains no command."""
        del context
        match request.value.split("/"):
            case ["fail"]:
                raise RuntimeError(SECRET)
            case ["wait", seconds]:
                logger.info("waiting")
                await asyncio.sleep(float(seconds))
            case ["deadline"]:
                return StringValue(value=str(remaining()))
            case ["peer", *rest]:
                return await ask(self._peer)(StringValue(value="/".join(rest)))
            case ["peer-stream", *rest]:
                return [reply async for reply in stream(self._peer)(StringValue(value="/".join(rest)))][-1]
        return StringValue(value=request.value)

    async def stream(self, request: StringValue, context: Context) -> AsyncIterator[StringValue]:
        """Yield "begin", then the result of `ask`; or without end if the request is "flood"."""
        yield StringValue(value="begin")
        while request.value == "flood":
            yield StringValue(value="x" * FLOOD_BYTES)
        yield await self.ask(request, context)


async def register(server: grpc.aio.Server, runtime: Runtime) -> list[str]:
    """Add the probe, with a peer called "peer"."""
    file = text_format.Parse(CONTRACT, FileDescriptorProto(), descriptor_pool=descriptor_pool.Default())
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(file.SerializeToString())
    read = GetMessageClass(pool.FindMessageTypeByName("probe.v1.Request")).FromString
    probe = Probe(runtime.channel("peer"))
    handlers: dict[str, Any] = {
        "Ask": grpc.unary_unary_rpc_method_handler(
            probe.ask,
            read,
            StringValue.SerializeToString,
        ),
        "Stream": grpc.unary_stream_rpc_method_handler(
            probe.stream,
            read,
            StringValue.SerializeToString,
        ),
    }
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(SERVICE, handlers)])
    return [SERVICE]


if __name__ == "__main__":
    serve("probe", register, ErrorTable("probe.shop.example"))
