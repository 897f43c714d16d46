"""An event, and its Kafka record: CloudEvents in binary content mode."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from confluent_kafka import Message as Record
from google.protobuf.message import DecodeError, Message

CONTENT_TYPE = "application/protobuf"
SPECIFICATION = "1.0"

Header = tuple[str, str | bytes | None]
MessageT = TypeVar("MessageT", bound=Message)


class MalformedRecordError(Exception):
    """The record is not an event: an attribute is missing, or the value is not a message of the event's type."""


@dataclass(frozen=True, slots=True)
class Event(Generic[MessageT]):
    """Something that happened. An event that is delivered twice has the same `id` both times, and counts once."""

    id: str
    type: str
    source: str
    subject: str
    time: datetime
    message: MessageT


def topic_of(message: Message | type[Message]) -> str:
    """Return the topic of an event message: "<package>.events", one per package."""
    return f"{message.DESCRIPTOR.file.package}.events"


def write_headers(event_id: str, event_type: str, source: str, subject: str, time: datetime) -> dict[str, str]:
    """Return the CloudEvents attributes of an event as the headers of a record."""
    return {
        "ce_specversion": SPECIFICATION,
        "ce_id": event_id,
        "ce_type": event_type,
        "ce_source": source,
        "ce_subject": subject,
        "ce_time": time.isoformat(),
        "content-type": CONTENT_TYPE,
    }


def headers_of(record: Record) -> list[Header]:
    """Return the headers of a record."""
    headers = record.headers() or []
    return list(headers.items()) if isinstance(headers, dict) else headers


def read_headers(headers: Iterable[Header]) -> dict[str, str]:
    """Return headers as text, with replacement characters for bytes that are not UTF-8."""
    return {
        name: value.decode(errors="replace") if isinstance(value, bytes) else value or "" for name, value in headers
    }


def read_event(
    headers: Mapping[str, str], value: bytes | None, types: Mapping[str, type[MessageT]]
) -> Event[MessageT] | None:
    """Return the event in a record; None if its type is not in `types`. Raises MalformedRecordError."""
    try:
        event_type, event_id = headers["ce_type"], headers["ce_id"]
        if not event_id:
            raise MalformedRecordError("ce_id is empty")
        if event_type not in types:
            return None
        time = datetime.fromisoformat(headers["ce_time"])
        if time.tzinfo is None:
            raise MalformedRecordError("ce_time has no offset from UTC")
        message = types[event_type].FromString(value or b"")
    except KeyError as error:
        raise MalformedRecordError(f"the header {error} is missing") from error
    except (ValueError, DecodeError) as error:
        raise MalformedRecordError(f"{type(error).__name__}: {error}") from error
    return Event(event_id, event_type, headers.get("ce_source", ""), headers.get("ce_subject", ""), time, message)
