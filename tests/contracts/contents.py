"""What a built set of contracts holds."""

from collections.abc import Iterator

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    MethodDescriptorProto,
)


def own(contracts: FileDescriptorSet) -> Iterator[FileDescriptorProto]:
    """Answer the project's own files, not those that they import."""
    return (file for file in contracts.file if file.package.startswith("shop."))


def messages(contracts: FileDescriptorSet) -> dict[str, DescriptorProto]:
    """Answer every message by its full name, with a dot before it as a method's types have."""
    found = {}
    left = [(f".{file.package}.{message.name}", message) for file in own(contracts) for message in file.message_type]
    while left:
        name, message = left.pop()
        found[name] = message
        left += [(f"{name}.{nested.name}", nested) for nested in message.nested_type]
    return found


def methods(contracts: FileDescriptorSet) -> dict[str, MethodDescriptorProto]:
    """Answer every method by "<package>.<Service>/<Method>"."""
    return {
        f"{file.package}.{service.name}/{method.name}": method
        for file in own(contracts)
        for service in file.service
        for method in service.method
    }
