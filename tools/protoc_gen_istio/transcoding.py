"""The EnvoyFilter that serves JSON over HTTP at the gateway, with the descriptors of the public methods only.

https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/grpc_json_transcoder_filter
"""

import base64
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from google.api import annotations_pb2
from google.protobuf import duration_pb2
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    MethodOptions,
)
from google.rpc import error_details_pb2

from tools.protoc_gen_istio import gateway_filters
from tools.protoc_gen_istio.bindings import http_rule
from tools.protoc_gen_istio.contracts import Method
from tools.protoc_gen_istio.manifests import Literal, Manifest, Noted, OneLine
from tools.protoc_gen_istio.settings import Settings

FILTER = "envoy.extensions.filters.http.grpc_json_transcoder.v3.GrpcJsonTranscoder"
DETAILS = str(error_details_pb2.DESCRIPTOR.name)
WIDTH = 116


def transcoding(methods: Sequence[Method], files: Sequence[FileDescriptorProto], settings: Settings) -> Manifest:
    """Return the EnvoyFilter for methods that have an HTTP path."""
    files = [*files, *_details({file.name for file in files})]
    text = base64.b64encode(_descriptors(methods, files).SerializeToString(deterministic=True)).decode()
    config = {
        "@type": f"type.googleapis.com/{FILTER}",
        "services": sorted({method.service for method in methods}),
        "convert_grpc_status": Noted(
            "Errors are a google.rpc.Status in the body; browsers cannot read the gRPC trailers.", value=True
        ),
        "print_options": OneLine({"always_print_primitive_fields": True}),
        "request_validation_options": Noted(
            "An unknown field is an error instead of being ignored.", OneLine({"reject_unknown_query_parameters": True})
        ),
        "proto_descriptor_bin": Noted(
            "A FileDescriptorSet of the services' messages, without comments and options.",
            Literal("\n".join(text[start : start + WIDTH] for start in range(0, len(text), WIDTH))),
        ),
    }
    patch = {
        "operation": Noted(
            "Runs first, so that token checks, policies and routes see the gRPC path of the method.", "INSERT_FIRST"
        ),
        "value": {"name": "envoy.filters.http.grpc_json_transcoder", "typed_config": config},
    }
    return gateway_filters.gateway_filter("transcoding", patch, settings)


def _descriptors(methods: Sequence[Method], files: Sequence[FileDescriptorProto]) -> FileDescriptorSet:
    """Return the stripped files of the methods' services, each after its imports."""
    names = {method.name for method in methods}
    declared = {name: file.name for file in files for name in _declared(file)}
    kept: dict[str, FileDescriptorProto] = {}
    sources = {file.name: file for file in files}

    def keep(name: str) -> None:
        if name not in kept:
            bare = _bare(sources[name], names)
            needed = {declared[used] for used in _used(bare)} - {name}
            bare.dependency.extend(sorted(needed))
            for dependency in bare.dependency:
                keep(dependency)
            kept[name] = bare

    for file in files:
        called = (f"{_full(file, service.name)}/{method.name}" for service in file.service for method in service.method)
        if file.name == DETAILS or not names.isdisjoint(called):
            keep(file.name)
    return FileDescriptorSet(file=kept.values())


def _details(present: AbstractSet[str]) -> Iterator[FileDescriptorProto]:
    """Yield google.rpc's error details and their import. Without them, Envoy leaves the body of an error empty."""
    for descriptor in (duration_pb2.DESCRIPTOR, error_details_pb2.DESCRIPTOR):
        if descriptor.name not in present:
            yield FileDescriptorProto.FromString(descriptor.serialized_pb)


def _bare(file: FileDescriptorProto, methods: set[str]) -> FileDescriptorProto:
    """Return a file without comments, options and other methods."""
    bare = FileDescriptorProto()
    bare.CopyFrom(file)
    for field in ("source_code_info", "options", "extension", "dependency", "public_dependency", "weak_dependency"):
        bare.ClearField(field)
    for service in bare.service:
        service.ClearField("options")
        kept = [method for method in service.method if f"{_full(file, service.name)}/{method.name}" in methods]
        for method in kept:
            options = _only_http(method.options)
            method.ClearField("options")
            if options.ByteSize():
                method.options.CopyFrom(options)
        del service.method[:]
        service.method.extend(kept)
    services = [service for service in bare.service if service.method]
    del bare.service[:]
    bare.service.extend(services)
    for message in bare.message_type:
        _strip(message)
    for enum in bare.enum_type:
        _strip_enum(enum)
    return bare


def _strip(message: DescriptorProto) -> None:
    is_map = message.options.map_entry
    message.ClearField("options")
    if is_map:
        message.options.map_entry = True
    for field in message.field:
        field.ClearField("options")
    for oneof in message.oneof_decl:
        oneof.ClearField("options")
    for enum in message.enum_type:
        _strip_enum(enum)
    message.ClearField("extension")
    for nested in message.nested_type:
        _strip(nested)


def _strip_enum(enum: EnumDescriptorProto) -> None:
    has_aliases = enum.options.allow_alias
    enum.ClearField("options")
    # Without it, Envoy rejects the whole filter.
    if has_aliases:
        enum.options.allow_alias = True
    for value in enum.value:
        value.ClearField("options")


def _only_http(options: MethodOptions) -> MethodOptions:
    """Return options with nothing but google.api.http."""
    extension: Any = annotations_pb2.http  # google's type stubs do not say which message it extends
    bare = MethodOptions()
    if rule := http_rule(options):
        bare.Extensions[extension].CopyFrom(rule)
    return bare


def _full(file: FileDescriptorProto, name: str) -> str:
    return f"{file.package}.{name}" if file.package else name


def _declared(file: FileDescriptorProto) -> Iterator[str]:
    """Return the types that a file declares, with a leading dot, as fields refer to them."""

    def nested_names(
        prefix: str, messages: Iterable[DescriptorProto], enums: Iterable[EnumDescriptorProto]
    ) -> Iterator[str]:
        yield from (f"{prefix}.{enum.name}" for enum in enums)
        for message in messages:
            yield f"{prefix}.{message.name}"
            yield from nested_names(f"{prefix}.{message.name}", message.nested_type, message.enum_type)

    return nested_names(f".{file.package}" if file.package else "", file.message_type, file.enum_type)


def _used(file: FileDescriptorProto) -> set[str]:
    """Return the types that a file refers to."""
    names = {
        name
        for service in file.service
        for method in service.method
        for name in (method.input_type, method.output_type)
    }
    pending = list(file.message_type)
    while pending:
        message = pending.pop()
        pending += message.nested_type
        names |= {field.type_name for field in message.field if field.type_name}
    return names
