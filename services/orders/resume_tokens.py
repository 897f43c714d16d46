"""Resume tokens of WatchOrder: "<order id>:<digest>", where the digest is that of the last message sent."""

import hashlib
import re
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

from google.protobuf.message import Message

from services.orders.domain import Order
from services.runtime.rpc import InvalidFieldsError, Violation

DIGEST_CHARACTERS = 16
RESUME_TOKEN = re.compile(rf"(?P<order>[^:]+):[0-9a-f]{{{DIGEST_CHARACTERS}}}")

MessageT = TypeVar("MessageT", bound=Message)


def check_resume_token(resume_token: str, order_id: str) -> None:
    """Raise InvalidFieldsError unless the token is empty or belongs to the order."""
    token = RESUME_TOKEN.fullmatch(resume_token)
    if resume_token and (token is None or token["order"] != order_id):
        description = "must be the resume_token of another response for the same order"
        raise InvalidFieldsError([Violation("resume_token", description)])


async def with_resume_tokens(
    orders: AsyncIterator[Order], write: Callable[[Order], MessageT], resume_token: str
) -> AsyncIterator[tuple[MessageT, str]]:
    """Yield the message of each order and its resume token, without messages that repeat the one before.

    Not every revision of an order changes its message, so the token is a digest of the message. The first message is
    compared with `resume_token`. A token of the other version never matches, so the first message is then sent again.
    """
    async for order in orders:
        message = write(order)
        digest = hashlib.sha256(message.SerializeToString(deterministic=True)).hexdigest()
        token = f"{order.id}:{digest[:DIGEST_CHARACTERS]}"
        if token != resume_token:
            yield message, token
        resume_token = token
