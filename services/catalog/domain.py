"""What a product is, how it is edited, and how products are searched and sorted. Standard library alone."""

import hashlib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

# What ErrorInfo can name at most, in characters: a status travels in HTTP/2 headers, which peers bound at 8 KiB.
MOST_NAMED = 4000


class ProductsNotFoundError(Exception):
    """There are no such products; the metadata names them, as far as a status can."""

    def __init__(self, missing: Sequence[str]) -> None:
        super().__init__(f"{len(missing)} of the products do not exist" if len(missing) > 1 else "no such product")
        self.metadata = {"products": _named(missing)}


class ProductsDiscontinuedError(Exception):
    """The products are not for sale any more; the metadata names them, as far as a status can."""

    def __init__(self, gone: Sequence[str]) -> None:
        super().__init__(f"{len(gone)} of the products are discontinued" if len(gone) > 1 else "it is discontinued")
        self.metadata = {"products": _named(gone)}


class ProductExistsError(Exception):
    """There is a product with that id."""

    def __init__(self, product: str) -> None:
        super().__init__(f"there is a product {product} already")


class EtagMismatchError(Exception):
    """The product was changed since the etag was read."""

    def __init__(self, product: str) -> None:
        super().__init__(f"product {product} was changed in the meantime; read it again")


@dataclass(frozen=True, slots=True)
class Product:
    """Something that the shop sells. The price of one piece is in cents of `currency`."""

    id: str
    display_name: str
    description: str
    category: str
    price_cents: int
    currency: str
    discontinued: bool = False
    revision: int = 1

    @property
    def etag(self) -> str:
        """What names this version of the product, in quotes as HTTP has them."""
        return f'"{hashlib.sha256(f"{self.id} {self.revision}".encode()).hexdigest()[:16]}"'

    @property
    def sort_name(self) -> str:
        """What products are sorted by if it is by their display names."""
        return folded(self.display_name)

    @property
    def search_text(self) -> str:
        """What words are looked for in."""
        return folded(f"{self.display_name}\n{self.description}")

    def edited(self, etag: str, changes: Mapping[str, Any]) -> "Product":
        """Give fields other values, by their names. Raises EtagMismatchError unless `etag` is this version's."""
        if etag != self.etag:
            raise EtagMismatchError(self.id)
        after = replace(self, **changes)
        return self if after == self else replace(after, revision=self.revision + 1)


class Sort(Enum):
    """An order of products, as the attributes that it goes by: the later ones decide between equals."""

    NAME = ("id",)
    DISPLAY_NAME = ("sort_name", "id")
    PRICE = ("currency", "price_cents", "id")

    def key(self, product: Product) -> tuple[str | int, ...]:
        """Answer where a product stands in this order."""
        return tuple(getattr(product, attribute) for attribute in self.value)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which products are asked for, and in which order."""

    sort: Sort = Sort.NAME
    descending: bool = False
    category: str = ""
    """Every category, if it is empty."""
    words: tuple[str, ...] = ()
    """What must stand in the search text, each of them, folded."""
    currency: str = ""
    """The currency of the bounds; every currency, if it is empty."""
    least_cents: int = 0
    most_cents: int | None = None
    discontinued: bool = False
    """Whether those that are not for sale any more are asked for, too."""


def folded(text: str) -> str:
    """Answer the text without the difference of upper and lower case, and of letters and accents put together or not.

    Databases do this each in its own way, or in ASCII alone.
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def _named(products: Sequence[str]) -> str:
    names = ",".join(f"products/{product}" for product in products)
    return names if len(names) <= MOST_NAMED else names[:MOST_NAMED].rpartition(",")[0]
