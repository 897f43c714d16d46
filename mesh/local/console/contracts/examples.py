"""A valid request for each method: the one in proto/examples.yaml, or one that is found by the rules of its fields."""

import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from google.api import field_behavior_pb2
from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.descriptor_pb2 import FieldOptions
from google.protobuf.message import Message
from protovalidate import CompilationError, EvaluationError, Validator

from tools.breaking.constraints import rules_of
from tools.breaking.image import Image
from tools.breaking.samples.fields import UNEVALUATED
from tools.breaking.samples.literals import Literals
from tools.breaking.samples.paths import Path
from tools.breaking.samples.requests import Requests
from tools.breaking.trials import field_names

Json = dict[str, Any]
REQUEST_ID, PAGE_TOKEN = "requestId", "pageToken"
BEHAVIOR: Any = field_behavior_pb2.field_behavior  # google's type stubs do not say which message it extends


class Examples:
    """Finds requests by the contracts of an image. `known` are requests by method, as JSON."""

    def __init__(self, image: Image, known: Mapping[str, Json]) -> None:
        self._image, self._known = image, known
        self._rulebook = _Rulebook(image)
        self._words = dict(_words(known.values()))

    def request(self, method: str) -> Json:
        """Return a valid request of a method, "<package>.<Service>/<Method>". Its request_id is new each time."""
        request = self._known.get(method) or self._search(method)
        return {**request, REQUEST_ID: str(uuid.uuid4())} if REQUEST_ID in request else dict(request)

    def empty(self, method: str) -> Message:
        """Return an empty request of a method."""
        message: Message = self._image.new(self._input(method))
        return message

    def is_valid(self, method: str, request: Json) -> bool:
        """Return whether the rules of the contract accept a request."""
        message = self.empty(method)
        json_format.ParseDict(request, message)
        return not self._rulebook.faults(message)

    def _input(self, method: str) -> str:
        return str(self._image.method(self._image.elements[method]).input_type.full_name)

    def _search(self, method: str) -> Json:
        kind = type(self.empty(method))
        bases = Requests(kind, self._rulebook).bases
        message = bases[0] if bases else kind()
        _clear_outputs(message)
        request: Json = json_format.MessageToDict(message)
        # Only the service knows which tokens of pages are valid.
        request.pop(PAGE_TOKEN, None)
        for place, value in [*_texts(request)]:
            # The search finds "products/0". The known requests have a product that exists.
            if likely := self._words.get(_key(place)) or self._words.get(value.partition("/")[0] + "/"):
                _replace(request, place, likely)
                if not self.is_valid(method, request):
                    _replace(request, place, value)
        return request


def _clear_outputs(message: Any) -> None:  # noqa: ANN401  # of a class that is built at run time
    """Remove the fields that only a service sets."""
    for field, value in message.ListFields():
        behavior = FieldOptions.FromString(field.GetOptions().SerializeToString()).Extensions[BEHAVIOR]
        if field_behavior_pb2.OUTPUT_ONLY in behavior:
            message.ClearField(field.name)
        elif field.message_type and not field.is_repeated:
            _clear_outputs(value)


class _Rulebook:
    """The rules of one image, as the search for requests needs them."""

    def __init__(self, image: Image) -> None:
        self._image = image
        self._validator = Validator()
        self._literals: dict[str, Literals] = {}

    def literals(self, path: Path) -> Literals:
        """Return the literals in the rules of a path's fields and of the messages around them."""
        found = Literals()
        for field in path:
            found |= self.own_literals(field) | self._of(field.full_name.rpartition(".")[0])
        return found

    def own_literals(self, field: FieldDescriptor) -> Literals:
        """Return the literals in the rules of a field."""
        return self._of(field.full_name)

    def _of(self, name: str) -> Literals:
        if name not in self._literals:
            element = self._image.elements.get(name)
            self._literals[name] = rules_of(self._image, element).literals if element else Literals()
        return self._literals[name]

    def faults(self, message: Message) -> list[tuple[str, ...]]:
        """Return the field names of each violation, with ENTRY after a list or map."""
        try:
            violations = self._validator.collect_violations(message)
        except (CompilationError, EvaluationError):
            return [(UNEVALUATED,)]
        return [field_names(each.proto, entries=True) for each in violations]


Place = tuple[Any, ...]
"""The keys and indexes that lead to a value in JSON."""


def _texts(value: Any, place: Place = ()) -> Iterator[tuple[Place, str]]:  # noqa: ANN401  # JSON
    if isinstance(value, str):
        yield place, value
    for key, each in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from _texts(each, (*place, key))


def _key(place: Place) -> str:
    """Return the name of the field that holds a value, perhaps in a list."""
    return next(each for each in reversed(place) if isinstance(each, str))


def _replace(request: Json, place: Place, value: str) -> None:
    *outer, last = place
    holder: Any = request
    for key in outer:
        holder = holder[key]
    holder[last] = value


def _words(requests: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401  # JSON
    """Yield texts by the name of their field, and the names of resources by their collection: "products/"."""
    for request in requests:
        for place, text in _texts(request):
            collection, slash, _ = text.partition("/")
            yield (f"{collection}/", text) if slash and " " not in text else (_key(place), text)
