"""Points in time, in tables and in messages."""

from datetime import UTC, datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp
from sqlalchemy import DateTime, Dialect
from sqlalchemy.types import TypeDecorator
from typing_extensions import override


class Instant(TypeDecorator[datetime]):
    """A point in time: an aware datetime, in UTC when read. SQLite alone would forget the zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    @override
    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    @override
    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def moment(message: Timestamp) -> datetime:
    """Make an aware datetime of a message that tells a time of the years 1 to 9999."""
    return datetime.fromtimestamp(0, UTC) + timedelta(seconds=message.seconds, microseconds=message.nanos // 1000)


def timestamp(value: datetime) -> Timestamp:
    """Make the message of an aware datetime."""
    message = Timestamp()
    message.FromDatetime(value)
    return message
