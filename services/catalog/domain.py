"""Products: how they are edited, searched and sorted. Standard library alone."""

import hashlib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import lru_cache
from typing import Any

SortKey = tuple[str | int, ...]
"""A position in a sort order: a product's values of the attributes that the order compares."""


class ProductsNotFoundError(Exception):
    """The products do not exist; the metadata names them, as many as fit."""

    def __init__(self, missing: Sequence[str]) -> None:
        number = len(missing)
        super().__init__(f"{number} of the products do not exist" if number > 1 else "the product does not exist")
        self.metadata = {"products": _names(missing)}


class ProductsDiscontinuedError(Exception):
    """The products are not for sale any more; the metadata names them, as many as fit."""

    def __init__(self, discontinued: Sequence[str]) -> None:
        number = len(discontinued)
        super().__init__(f"{number} of the products are discontinued" if number > 1 else "the product is discontinued")
        self.metadata = {"products": _names(discontinued)}


class ProductExistsError(Exception):
    """A product with this id exists already."""

    def __init__(self, product_id: str) -> None:
        super().__init__(f"the product {product_id} exists already")


class EtagMismatchError(Exception):
    """The product was changed since the etag was read."""

    def __init__(self, product_id: str) -> None:
        super().__init__(f"the product {product_id} was changed in the meantime: read it again")


@dataclass(frozen=True, slots=True)
class Product:
    """A product of the shop. The price of one piece is in cents of `currency`. `revision` counts the edits."""

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
        """The etag of this revision, in quotes as in HTTP."""
        return _etag(self.id, self.revision)

    @property
    def sort_name(self) -> str:
        """The text that is compared when products are sorted by display name."""
        return fold(self.display_name)

    @property
    def search_text(self) -> str:
        """The text in which words are searched."""
        return fold(f"{self.display_name}\n{self.description}")

    def edit(self, etag: str, changes: Mapping[str, Any]) -> "Product":
        """Return the product with changed attributes, or itself if nothing changes.

        Raises EtagMismatchError if `etag` is not the product's etag.
        """
        if etag != self.etag:
            raise EtagMismatchError(self.id)
        edited = replace(self, **changes)
        return self if edited == self else replace(edited, revision=self.revision + 1)


@dataclass(frozen=True, slots=True)
class Edit:
    """A change of one revision of a product: attributes and their new values."""

    product_id: str
    etag: str
    changes: Mapping[str, Any]


class Sort(Enum):
    """A sort order. The value lists the attributes to compare; each one decides where those before it are equal."""

    NAME = ("id",)
    DISPLAY_NAME = ("sort_name", "id")
    PRICE = ("currency", "price_cents", "id")

    def key(self, product: Product) -> SortKey:
        """Return the product's position in this order."""
        return tuple(getattr(product, attribute) for attribute in self.value)


@dataclass(frozen=True, slots=True)
class ProductFilter:
    """The products to list. The defaults match every product that is for sale."""

    category: str = ""
    """Empty matches every category."""
    words: tuple[str, ...] = ()
    """Folded words. The search text must contain all of them."""
    currency: str = ""
    """The currency of the bounds. Empty matches every currency."""
    min_cents: int = 0
    max_cents: int | None = None
    show_discontinued: bool = False


@dataclass(frozen=True, slots=True)
class ProductQuery:
    """A list of products: which ones, in which order, and after which position. `after` is () for the first page."""

    filter: ProductFilter
    sort: Sort
    descending: bool
    after: SortKey


@lru_cache(maxsize=4096)
def _etag(product_id: str, revision: int) -> str:
    return f'"{hashlib.sha256(f"{product_id} {revision}".encode()).hexdigest()[:16]}"'


def fold(text: str) -> str:
    """Return the text without differences of case and of Unicode composition.

    The service does this itself, because each database folds case in its own way, or only in ASCII.
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def _names(product_ids: Sequence[str]) -> list[str]:
    return [f"products/{product_id}" for product_id in product_ids]
