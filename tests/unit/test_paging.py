"""A page token continues its list, and is invalid for any other list."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.runtime.rpc import InvalidFieldsError, Page, read_page
from services.runtime.rpc.paging import DEFAULT_SIZE, MAX_SIZE
from shop.catalog.v1.catalog_pb2 import ListProductsRequest


def read(size: int = 0, token: str = "", query: str = "teas") -> Page:
    return read_page(ListProductsRequest(page_size=size, page_token=token), query)


def invalid_fields(token: str) -> list[str]:
    with pytest.raises(InvalidFieldsError) as caught:
        read(token=token)
    return [violation.field for violation in caught.value.violations]


def token_of(key: str, query: str = "teas") -> str:
    return Page(query, 1, "").cut([key, "next"], key=lambda entry: entry)[1]


@pytest.mark.parametrize(("requested", "actual"), [(0, DEFAULT_SIZE), (1, 1), (MAX_SIZE, MAX_SIZE), (10**9, MAX_SIZE)])
def test_a_page_size_has_a_default_and_a_limit(requested: int, actual: int) -> None:
    assert read(requested).size == actual


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1))
def test_a_token_contains_the_key_of_the_last_entry(key: str) -> None:
    assert read(token=token_of(key)).after == key


def test_a_token_is_the_same_for_the_same_page() -> None:
    assert token_of("p-1") == token_of("p-1") != token_of("p-2")


def test_a_token_of_another_list_is_refused() -> None:
    assert invalid_fields(token_of("p-1", "coffees")) == ["page_token"]


@pytest.mark.parametrize(
    "token", ["p-1", "!", "====", "é", base64.b64encode(b"\xff" * 12).decode(), token_of("p-1")[:11], token_of("p\0")]
)
def test_an_invalid_token_is_refused(token: str) -> None:
    assert invalid_fields(token) == ["page_token"]


def test_the_last_page_has_no_token() -> None:
    page = Page("teas", 2, "")
    assert page.cut(["a", "b"], key=str) == (["a", "b"], "")
    assert page.cut([], key=str) == ([], "")


def test_all_pages_together_are_the_list() -> None:
    entries = [f"{number:02}" for number in range(25)]
    collected: list[str] = []
    token = ""
    while True:
        page = read(size=10, token=token)
        rest = [entry for entry in entries if entry > page.after][: page.limit]
        cut, token = page.cut(rest, key=str)
        collected += cut
        if not token:
            break
    assert collected == entries
