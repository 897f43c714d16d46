"""Reads the buf.validate rules of fields, oneofs and messages in the plugin's request."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from google.protobuf import descriptor_pool
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.message_factory import GetMessageClass

FILE = "buf/validate/validate.proto"
FIELD, ONEOF, MESSAGE, PREDEFINED = (f"buf.validate.{name}" for name in ("field", "oneof", "message", "predefined"))
IGNORE_ALWAYS = 3
NEEDED = re.compile(r"this\.(\w+) != ''|has\(this\.(\w+)\)")
PREFIX = "this."
"""The id of a rule over a message names the field that it is about: "this.end_time"."""


class Rules:
    """The rules of the contracts in some files. If the files do not include buf/validate, there are none."""

    def __init__(self, files: Iterable[FileDescriptorProto]) -> None:
        self._pool = descriptor_pool.DescriptorPool()
        names = set()
        for file in files:
            self._pool.Add(file)
            names.add(file.name)
        self._known = FILE in names

    def field(self, options: Any) -> Any:  # noqa: ANN401  # FieldRules, of a class that is built from the request
        """Return the rules of a field; None if it has none."""
        rules = self._read(options, FIELD)
        return None if rules is None or rules.ignore == IGNORE_ALWAYS else rules

    def is_required(self, options: Any) -> bool:  # noqa: ANN401  # OneofOptions
        """Return whether one of the fields of a oneof is required."""
        rules = self._read(options, ONEOF)
        return rules is not None and bool(rules.required)

    def needed(self, options: Any) -> list[str]:  # noqa: ANN401  # FieldOptions
        """Return the fields of a field's message that its rules in CEL require: "this.name != ''", "has(this.name)"."""
        rules = self.field(options)
        found = [NEEDED.fullmatch(rule.expression) for rule in (rules.cel if rules is not None else ())]
        return [each[1] or each[2] for each in found if each]

    def field_sentences(self, options: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401  # FieldOptions
        """Yield what rules in CEL say about a field, also predefined ones: the inner field or "", and the text."""
        rules = self.field(options)
        if rules is None:
            return
        yield from _sentences(rules.cel)
        if kind := rules.WhichOneof("type"):
            for extension, value in getattr(rules, kind).ListFields():
                if extension.is_extension and value is not False:
                    yield from _sentences(self._read(extension.GetOptions(), PREDEFINED).cel)

    def message_sentences(self, options: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401  # MessageOptions
        """Yield what rules in CEL say about a message: the field that each is about or "", and the text."""
        rules = self._read(options, MESSAGE)
        yield from _sentences(rules.cel if rules is not None else ())

    def _read(self, options: Any, name: str) -> Any:  # noqa: ANN401
        if not self._known:
            return None
        # The options' own class does not know the extensions. The class of the request's files does.
        read = GetMessageClass(self._pool.FindMessageTypeByName(options.DESCRIPTOR.full_name))()
        read.ParseFromString(options.SerializeToString())
        extension: Any = self._pool.FindExtensionByName(name)
        return read.Extensions[extension] if read.HasExtension(extension) else None


def _sentences(rules: Iterable[Any]) -> Iterator[tuple[str, str]]:
    for rule in rules:
        name = rule.id.removeprefix(PREFIX) if rule.id.startswith(PREFIX) else ""
        yield name, rule.message or f"must satisfy {rule.expression}"
