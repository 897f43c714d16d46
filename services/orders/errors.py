"""The exceptions of orders. `error_table.py` maps those that reach a caller to gRPC statuses."""

from collections.abc import Sequence

from services.orders.progress import Rejection


class OrderNotFoundError(Exception):
    """The order does not exist, or belongs to another customer than the caller."""

    def __init__(self, order_id: str) -> None:
        super().__init__(f"there is no order {order_id}")


class NotYourCustomerError(Exception):
    """A customer names another customer, or a call without a user names "me"."""

    def __init__(self) -> None:
        super().__init__("these orders belong to another customer: use customers/me for your own")


class OrderStateError(Exception):
    """The order is not CONFIRMED, so it cannot be cancelled, or not yet."""

    def __init__(self, order_id: str, state: str) -> None:
        super().__init__(f"order {order_id} is {state} and cannot be cancelled")
        self.metadata = {"state": state}


class OrderNotParkedError(Exception):
    """The order is not parked, so it cannot be resumed."""

    def __init__(self, order_id: str) -> None:
        super().__init__(f"order {order_id} is not parked")


class TooManyWatchesError(Exception):
    """The customer has as many open watches in this process as one customer may have."""

    def __init__(self, max_watches: int) -> None:
        super().__init__(f"you have {max_watches} open watches: end one first")


class UnknownProductsError(Exception):
    """The catalog does not sell some of the products. `positions` are the indexes of their order lines, from 0."""

    def __init__(self, positions: Sequence[int]) -> None:
        super().__init__("some products are not for sale")
        self.positions = positions


class RegionNotServedError(Exception):
    """Shipping does not deliver to the region of the order's destination."""

    def __init__(self) -> None:
        super().__init__("is a region that we do not ship to")


class MixedCurrenciesError(Exception):
    """The items have prices in several currencies, so they have no total."""

    def __init__(self, currencies: Sequence[str]) -> None:
        super().__init__(f"must have prices in one currency, not in {', '.join(currencies)}")


class TotalTooLargeError(Exception):
    """The total of the order is above the limit."""

    def __init__(self, max_units: int) -> None:
        super().__init__(f"must cost at most {max_units} units in total")


class CatalogUnavailableError(Exception):
    """The catalog did not return the prices."""

    def __init__(self) -> None:
        super().__init__("the catalog did not return the prices; nothing was ordered")


class ShippingUnavailableError(Exception):
    """Shipping did not return a quote."""

    def __init__(self) -> None:
        super().__init__("shipping did not return a quote; nothing was ordered")


class StepRefusedError(Exception):
    """A callee refused a step of the saga for a business reason. The step had no effect."""

    def __init__(self, rejection: Rejection) -> None:
        super().__init__(rejection.message)
        self.rejection = rejection


class PeerFailedError(Exception):
    """A callee did not reply, or not as its contract says. Whether the call had an effect is unknown.

    A `permanent` failure comes from the callee itself: it cannot carry out the call, now or later. If the call was sent
    for the first time, it had no effect.
    """

    def __init__(self, text: str, *, permanent: bool = False) -> None:
        super().__init__(text)
        self.permanent = permanent


class TakenOverError(Exception):
    """Another process has advanced the order since it was read. The reader must leave the order alone."""
