"""google.protobuf.Timestamp and aware datetimes."""

from datetime import UTC, datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp


def from_timestamp(message: Timestamp) -> datetime:
    """Convert a message to an aware datetime, with microseconds. The time must be in the years 1 to 9999."""
    return datetime.fromtimestamp(0, UTC) + timedelta(seconds=message.seconds, microseconds=message.nanos // 1000)


def to_timestamp(value: datetime) -> Timestamp:
    """Convert an aware datetime to a message."""
    message = Timestamp()
    message.FromDatetime(value)
    return message
