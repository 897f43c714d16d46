"""Generates requests for any method from its contract: valid ones, invalid ones, and arbitrary bytes.

Values from earlier responses (names, tokens, prices) are sent again, so that calls reach deep into a service. The drawn
values do not depend on them, as Hypothesis requires: a drawn number selects one of the values known at that time.
"""

import re
from collections import defaultdict
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.timestamp_pb2 import Timestamp
from google.type.money_pb2 import Money
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from buf.validate import validate_pb2

# Values that are valid and meaningful, for fields where neither the type nor the rules show which ones are.
HINTS: dict[str, list[str]] = {
    "category": ["tea", "coffee", "submarines", ""],
    "current_password": ["correct horse", "battery staple"],
    "customer": ["customers/ada", "customers/eve", "customers/-"],
    "email": ["ada@shop.example", "Eve@shop.example", "bob@shop.example"],
    "new_password": ["correct horse", "battery staple"],
    "password": ["correct horse", "battery staple"],
    "payment_token": ["tok_visa", "tok_visa", "tok_visa", "tok_insufficient_funds", "tok_card_declined", "nonsense"],
    "postal_code": ["10117", ""],
    "order_by": ["", "name desc", "price", "display_name"],
    "search": ["tea", "COFFEE grinder", "ß", ""],
    "region_code": ["DE", "FR", "US", "AQ"],
}
NUMBERS = st.integers(0, 10_000)
SLUGS = st.text("abcz019-", min_size=1, max_size=12)
TEXTS = st.one_of(st.text(max_size=8), st.sampled_from(["", "\0", "\n", "-", "a/b", "ü" * 300, "x" * 5000, "%s", "'"]))
WILD = {
    FieldDescriptor.CPPTYPE_BOOL: st.booleans(),
    FieldDescriptor.CPPTYPE_ENUM: st.one_of(st.integers(0, 4), st.integers(-(2**31), 2**31 - 1)),
    FieldDescriptor.CPPTYPE_INT32: st.one_of(st.integers(-2, 3), st.integers(-(2**31), 2**31 - 1)),
    FieldDescriptor.CPPTYPE_INT64: st.one_of(st.integers(-2, 3), st.integers(-(2**63), 2**63 - 1)),
    FieldDescriptor.CPPTYPE_STRING: TEXTS,
}
# The percentage of fields in a message that get arbitrary values.
WILD_PERCENT = st.sampled_from([0, 0, 0, 5, 30, 100])


class Corpus:
    """Values from the responses of services, by the kind of field that they fit."""

    def __init__(self) -> None:
        self._values: defaultdict[str, dict[Any, None]] = defaultdict(dict)
        self._serial = 0
        for number in range(1, 201):
            self.add("products", f"products/p-{number:04}")
            self.add("stocks", f"stocks/p-{number:04}")

    def add(self, key: str, value: object, max_values: int = 500) -> None:
        """Add a value. Remove the oldest one if there are too many."""
        values = self._values[key]
        values[value] = None
        if len(values) > max_values:
            del values[next(iter(values))]

    def add_all(self, message: Message) -> None:
        """Add the values in a response."""
        for field, value in message.ListFields():
            for entry in value if field.is_repeated else [value]:
                if isinstance(entry, Money):
                    self.add("Money", entry.SerializeToString())
                elif isinstance(entry, Message):
                    self.add_all(entry)
                elif isinstance(entry, str):
                    self.add(entry.partition("/")[0] if "/" in entry else field.name.removeprefix("next_"), entry)

    def serial(self) -> int:
        """Return a new number each time."""
        self._serial += 1
        return self._serial

    def pick(self, key: str, number: int) -> Any:  # noqa: ANN401  # a text, or the bytes of a message
        """Return the value that a number selects; None if there is no value."""
        values = list(self._values[key])
        return values[number % len(values)] if values else None


@st.composite
def requests(draw: DrawFn, descriptor: Descriptor, corpus: Corpus) -> Message:
    """Draw a request. Some of its fields, or many, break their rules."""
    # Hypothesis stops when it has drawn all possible values: a request without fields would be sent only once.
    draw(st.integers(0, 2**32))
    return _message(draw, descriptor, corpus, draw(WILD_PERCENT))


@st.composite
def wire(draw: DrawFn, descriptor: Descriptor, corpus: Corpus) -> bytes:
    """Draw bytes: arbitrary ones, or those of a request, cut off or changed."""
    if draw(st.booleans()):
        return draw(st.binary(max_size=200))
    data = bytearray(draw(requests(descriptor, corpus)).SerializeToString())[: draw(NUMBERS)]
    for _ in range(draw(st.integers(0, 3)) if data else 0):
        data[draw(NUMBERS) % len(data)] = draw(st.integers(0, 255))
    return bytes(data)


def _message(draw: DrawFn, descriptor: Descriptor, corpus: Corpus, wild_percent: int) -> Message:
    message = GetMessageClass(descriptor)()
    for field in descriptor.fields:
        wild = draw(st.integers(0, 99)) < wild_percent
        if field.is_repeated:
            sizes = st.sampled_from([0, 1, 2, 60, 101]) if wild else st.integers(1, 3)
            getattr(message, field.name).extend(_value(draw, field, corpus, wild_percent) for _ in range(draw(sizes)))
        elif field.message_type is not None:
            if draw(st.integers(0, 9)) < (5 if wild else 9):
                getattr(message, field.name).CopyFrom(_value(draw, field, corpus, wild_percent))
        else:
            setattr(
                message, field.name, draw(WILD[field.cpp_type]) if wild else _value(draw, field, corpus, wild_percent)
            )
    return message


def _value(draw: DrawFn, field: FieldDescriptor, corpus: Corpus, wild_percent: int) -> Any:  # noqa: ANN401  # the field's
    if field.message_type is not None:
        return _inner(draw, field.message_type, corpus, wild_percent)
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        return _text(draw, field, corpus)
    if field.cpp_type in {FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_INT64}:
        return draw(st.one_of(st.integers(1, 3), st.integers(0, 1000)))
    if field.enum_type is not None:
        return draw(st.sampled_from(sorted(field.enum_type.values_by_number)))
    return draw(WILD[field.cpp_type])


def _inner(draw: DrawFn, descriptor: Descriptor, corpus: Corpus, wild_percent: int) -> Message:
    if wild_percent < 100:
        number = draw(NUMBERS)
        if descriptor is Money.DESCRIPTOR:
            known = corpus.pick("Money", number)
            return Money.FromString(known) if known and number % 2 else Money(currency_code="EUR", units=number)
        if descriptor.full_name == Timestamp.DESCRIPTOR.full_name:
            return Timestamp(seconds=number * 1_000_000, nanos=number)
        if descriptor.full_name == FieldMask.DESCRIPTOR.full_name:
            return FieldMask(paths=["display_name"] if number % 2 else [])
    return _message(draw, descriptor, corpus, wild_percent)


def _text(draw: DrawFn, field: FieldDescriptor, corpus: Corpus) -> str:
    of_field = field.GetOptions().Extensions[validate_pb2.field]
    rules = of_field.repeated.items.string if field.is_repeated else of_field.string
    number, slug = draw(NUMBERS), draw(SLUGS)
    if field.name == "request_id":
        # One in ten was used before, usually by a different request.
        return f"{corpus.serial()}-{slug}" if number % 10 else f"again-{number % 7}"
    hints = HINTS.get(field.name) or [*getattr(rules, "in")]
    if not hints and (collection := re.match(r"\^(\w+)/", rules.pattern)):
        known = corpus.pick(collection[1], number)
        return known if known and number % 10 else f"{collection[1]}/{slug}"
    if field.name == "email" and number % 5 == 0:
        return f"{corpus.serial()}@shop.example"
    if hints and number % 10:
        return hints[number % len(hints)]
    known = corpus.pick(field.name, number) if number % 4 == 0 else ""
    return known or ("" if field.name.endswith("_token") else slug)
