"""An event as code sees it, and as a record of Kafka carries it: CloudEvents' binary content mode."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from confluent_kafka import Message as Record
from google.protobuf.message import DecodeError, Message

CONTENT_TYPE = "application/protobuf"
SPECIFICATION = "1.0"

Header = tuple[str, str | bytes | None]
Told = TypeVar("Told", bound=Message)


class MalformedRecordError(Exception):
    """The record is no event: an attribute is missing or its value is not the message that its type names."""


@dataclass(frozen=True, slots=True)
class Event(Generic[Told]):
    """Something that happened. `id` is its own: an event that comes twice has it twice, and counts once."""

    id: str
    type: str
    source: str
    subject: str
    time: datetime
    message: Told


def topic_of(message: Message | type[Message]) -> str:
    """Answer the topic of a message's events: one for each package, "<package>.events"."""
    return f"{message.DESCRIPTOR.file.package}.events"


def write_headers(event_id: str, kind: str, source: str, subject: str, time: datetime) -> dict[str, str]:
    """Make the CloudEvents attributes of an event as a record's headers."""
    return {
        "ce_specversion": SPECIFICATION,
        "ce_id": event_id,
        "ce_type": kind,
        "ce_source": source,
        "ce_subject": subject,
        "ce_time": time.isoformat(),
        "content-type": CONTENT_TYPE,
    }


def headers_of(record: Record) -> list[Header]:
    """Answer a record's headers."""
    found = record.headers() or []
    return list(found.items()) if isinstance(found, dict) else found


def read_headers(headers: Iterable[Header]) -> dict[str, str]:
    """Answer headers as text; a value that is none of UTF-8 gets marks in place of its bytes."""
    return {
        name: value.decode(errors="replace") if isinstance(value, bytes) else value or "" for name, value in headers
    }


def read_event(headers: Mapping[str, str], value: bytes | None, types: Mapping[str, type[Told]]) -> Event[Told] | None:
    """Answer the event of a record; None if its type is none of `types`. Raises MalformedRecordError."""
    try:
        kind, event_id = headers["ce_type"], headers["ce_id"]
        if not event_id:
            raise MalformedRecordError("ce_id is empty")
        if kind not in types:
            return None
        time = datetime.fromisoformat(headers["ce_time"])
        if time.tzinfo is None:
            raise MalformedRecordError("ce_time has no offset from UTC")
        message = types[kind].FromString(value or b"")
    except KeyError as error:
        raise MalformedRecordError(f"the header {error} is missing") from error
    except (ValueError, DecodeError) as error:
        raise MalformedRecordError(f"{type(error).__name__}: {error}") from error
    return Event(event_id, kind, headers.get("ce_source", ""), headers.get("ce_subject", ""), time, message)
