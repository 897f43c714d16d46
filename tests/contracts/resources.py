"""Rules for what contracts say about fields and resource names (https://aip.dev/203, 122 and 123).

Each one returns the violations in a built set of contracts. They cover every message of a method, except the responses
themselves, which no caller sends.
"""

import re
from collections.abc import Iterator
from typing import Any

from google.api import field_behavior_pb2, resource_pb2
from google.api.field_behavior_pb2 import IDENTIFIER, IMMUTABLE, OPTIONAL, OUTPUT_ONLY, REQUIRED
from google.protobuf import descriptor_pool
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorSet
from google.protobuf.message_factory import GetMessageClass
from protovalidate import Validator

from buf.validate import validate_pb2
from tests.contracts.contents import messages, methods, own

# google's type stubs do not say which messages the options extend.
BEHAVIOR: Any = field_behavior_pb2.field_behavior
REFERENCE: Any = resource_pb2.resource_reference
RESOURCE: Any = resource_pb2.resource
DEFINITION: Any = resource_pb2.resource_definition
STATED = {REQUIRED, OPTIONAL, OUTPUT_ONLY, IMMUTABLE, IDENTIFIER}


def behaviors(contracts: FileDescriptorSet) -> list[str]:
    """Return the fields that do not say whether they are required, optional, output, immutable or the identifier."""
    return [
        f"{name}.{field.name} has no field_behavior: REQUIRED, OPTIONAL, OUTPUT_ONLY, IMMUTABLE or IDENTIFIER"
        for name, message in _covered(contracts).items()
        for field in message.field
        if not STATED & {*field.options.Extensions[BEHAVIOR]}
    ]


def required(contracts: FileDescriptorSet) -> list[str]:
    """Return the fields that are REQUIRED although their rules accept no value, and the other way round."""
    pool = descriptor_pool.DescriptorPool()
    for file in contracts.file:
        pool.Add(file)
    validator, violations = Validator(), []
    for name, message in _covered(contracts).items():
        empty = GetMessageClass(pool.FindMessageTypeByName(name))()
        paths = [each.proto.field.elements for each in validator.collect_violations(empty) if each.proto.field]
        rejected = {path[0].field_name for path in paths if len(path) == 1}
        for field in message.field:
            stated = REQUIRED in field.options.Extensions[BEHAVIOR]
            if stated and field.name not in rejected:
                violations.append(f"{name}.{field.name} is REQUIRED, but its rules accept an empty value")
            if not stated and field.name in rejected:
                violations.append(f"{name}.{field.name} is not REQUIRED, but its rules reject an empty value")
    return violations


def references(contracts: FileDescriptorSet) -> list[str]:
    """Return the names of resources without a reference to the type, and references to another or an unknown type."""
    plurals = {resource.type: resource.plural for resource in _resources(contracts)}
    singulars = {resource.singular: resource.plural for resource in _resources(contracts)}
    requests = {method.input_type.removeprefix(".") for method in methods(contracts).values()}
    violations = []
    for name, message in _covered(contracts).items():
        for field in message.field:
            if field.type != field.TYPE_STRING or IDENTIFIER in field.options.Extensions[BEHAVIOR]:
                continue
            expected = _collection(field) or singulars.get(field.name, "")
            type_name = field.options.Extensions[REFERENCE].type
            if type_name and type_name not in plurals:
                violations.append(f"{name}.{field.name} refers to {type_name}, which no contract declares")
            elif (expected or (name in requests and field.name == "name")) and plurals.get(type_name, "") != expected:
                violations.append(f"{name}.{field.name} needs a resource_reference to the type of its {expected}")
    return violations


def complete(contracts: FileDescriptorSet) -> list[str]:
    """Return the resources that lack a type, a pattern, a singular or a plural, or a name that identifies them."""
    violations = [
        f"the resource {resource.type or resource.singular or resource.plural} needs a type, a pattern, a singular and "
        "a plural, and the pattern starts with the plural"
        for resource in _resources(contracts)
        if not (resource.type and resource.singular and [*resource.pattern])
        or any(not pattern.startswith(f"{resource.plural}/{{") for pattern in resource.pattern)
    ]
    return violations + [
        f"{name[1:]} is a resource without a field `name` that is its IDENTIFIER"
        for name, message in messages(contracts).items()
        if message.options.HasExtension(RESOURCE)
        and not any(
            field.name == "name" and IDENTIFIER in field.options.Extensions[BEHAVIOR] for field in message.field
        )
    ]


def _covered(contracts: FileDescriptorSet) -> dict[str, DescriptorProto]:
    """Return every message that is in a request or a response, and every request."""
    by_name = messages(contracts)
    requests = [method.input_type for method in methods(contracts).values()]
    responses = [method.output_type for method in methods(contracts).values()]
    pending, found = [*requests, *responses], {}
    while pending:
        name = pending.pop()
        if name in by_name and name not in found:
            found[name] = by_name[name]
            pending += [field.type_name for field in by_name[name].field]
    return {name[1:]: message for name, message in found.items() if name not in responses}


def _resources(contracts: FileDescriptorSet) -> Iterator[resource_pb2.ResourceDescriptor]:
    yield from (
        message.options.Extensions[RESOURCE]
        for message in messages(contracts).values()
        if message.options.HasExtension(RESOURCE)
    )
    for file in own(contracts):
        yield from file.options.Extensions[DEFINITION]


def _collection(field: FieldDescriptorProto) -> str:
    """Return the collection that the field's pattern starts with: "products" for `^products/[a-z0-9-]{1,64}$`."""
    rules = field.options.Extensions[validate_pb2.field]
    text = rules.repeated.items.string if field.label == field.LABEL_REPEATED else rules.string
    found = re.match(r"\^(\w+)/", text.pattern)
    return found[1] if found else ""
