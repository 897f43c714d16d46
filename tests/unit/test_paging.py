"""A page token continues its list, and is invalid for any other list."""

import base64

import pytest
from google.protobuf.wrappers_pb2 import StringValue
from hypothesis import given
from hypothesis import strategies as st

from services.runtime.rpc import InvalidFieldsError, Page, read_page
from services.runtime.rpc.paging import DEFAULT_SIZE, MAX_PAGE_BYTES, MAX_SIZE
from shop.catalog.v1.catalog_pb2 import ListProductsRequest


def read(size: int = 0, token: str = "", query: str = "teas") -> Page:
    return read_page(ListProductsRequest(page_size=size, page_token=token), query)


def invalid_fields(token: str) -> list[str]:
    with pytest.raises(InvalidFieldsError) as caught:
        read(token=token)
    return [violation.field for violation in caught.value.violations]


def token_of(key: str, query: str = "teas") -> str:
    return Page(query, 1, "").cut([key, "next"], key=str, write=write)[1]


def write(text: str) -> StringValue:
    return StringValue(value=text)


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
    assert page.cut(["a", "b"], key=str, write=write) == ([write("a"), write("b")], "")
    assert page.cut([], key=str, write=write) == ([], "")


def all_pages(entries: list[str], size: int) -> list[list[str]]:
    """Read all pages of a sorted list."""
    pages: list[list[str]] = []
    token = ""
    while token or not pages:
        page = read(size=size, token=token)
        rest = [entry for entry in entries if entry > page.after][: page.limit]
        messages, token = page.cut(rest, key=str, write=write)
        pages.append([message.value for message in messages])
    return pages


def test_all_pages_together_are_the_list() -> None:
    entries = [f"{number:02}" for number in range(25)]
    assert all_pages(entries, size=10) == [entries[:10], entries[10:20], entries[20:]]


def test_a_page_ends_before_its_messages_are_too_large_for_a_response() -> None:
    entries = [f"{number:02}".ljust(MAX_PAGE_BYTES // 4) for number in range(10)]
    assert all_pages(entries, size=5) == [entries[:3], entries[3:6], entries[6:9], entries[9:]]


def test_a_page_has_one_entry_at_least() -> None:
    entries = [character * (MAX_PAGE_BYTES + 1) for character in "abc"]
    assert all_pages(entries, size=5) == [[entry] for entry in entries]
