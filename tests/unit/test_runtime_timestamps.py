"""Timestamps of contracts and datetimes."""

from datetime import datetime, timedelta, timezone

from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from services.runtime.rpc import from_timestamp, to_timestamp

ZONES = st.sampled_from([timezone(timedelta(hours=hours)) for hours in (-11, 0, 1, 14)])
# Away from the first and the last day: in another time zone they are in no year from 1 to 9999.
TIMES = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=ZONES)  # noqa: DTZ001  # these are bounds


@given(TIMES)
def test_a_message_is_that_of_the_protobuf_library(time: datetime) -> None:
    expected = Timestamp()
    expected.FromDatetime(time)
    assert to_timestamp(time) == expected


@given(TIMES)
def test_no_microsecond_is_lost_in_a_round_trip(time: datetime) -> None:
    assert from_timestamp(to_timestamp(time)) == time
