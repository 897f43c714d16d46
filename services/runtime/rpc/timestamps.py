"""google.protobuf.Timestamp and aware datetimes."""

from datetime import UTC, datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp

EPOCH = datetime.fromtimestamp(0, UTC)
SECONDS_PER_DAY = 86400


def from_timestamp(message: Timestamp) -> datetime:
    """Convert a message to an aware datetime, with microseconds. The time must be in the years 1 to 9999."""
    return EPOCH + timedelta(seconds=message.seconds, microseconds=message.nanos // 1000)


def to_timestamp(value: datetime) -> Timestamp:
    """Convert an aware datetime to a message."""
    # As Timestamp.FromDatetime does, in a third of the time.
    since = value - EPOCH
    return Timestamp(seconds=since.days * SECONDS_PER_DAY + since.seconds, nanos=since.microseconds * 1000)
