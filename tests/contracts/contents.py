"""The messages and methods of a built set of contracts."""

from collections.abc import Iterator

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    MethodDescriptorProto,
)


def own(contracts: FileDescriptorSet) -> Iterator[FileDescriptorProto]:
    """Yield the project's files, without imports."""
    return (file for file in contracts.file if file.package.startswith("shop."))


def messages(contracts: FileDescriptorSet) -> dict[str, DescriptorProto]:
    """Return every message by its full name with a leading dot, as in the types of methods."""
    result = {}
    pending = [(f".{file.package}.{message.name}", message) for file in own(contracts) for message in file.message_type]
    while pending:
        name, message = pending.pop()
        result[name] = message
        pending += [(f"{name}.{nested.name}", nested) for nested in message.nested_type]
    return result


def methods(contracts: FileDescriptorSet) -> dict[str, MethodDescriptorProto]:
    """Return every method by "<package>.<Service>/<Method>"."""
    return {
        f"{file.package}.{service.name}/{method.name}": method
        for file in own(contracts)
        for service in file.service
        for method in service.method
    }
