"""Google's API linter finds in the contracts what tools/api_linter/exceptions.yaml lists, and nothing else."""

import pytest

from tests.contracts.conftest import Checkout
from tools.api_linter.__main__ import differences, exceptions, lint

CATALOG = "proto/shop/catalog/v1/catalog.proto"
FIELD = "shop.catalog.v1.ListProductsRequest.page_size"


@pytest.mark.prove
@pytest.mark.timeout(900)
def test_the_linter_finds_only_the_exceptions(project: Checkout) -> None:
    assert list(differences(lint(project.root / "proto"), exceptions())) == []


@pytest.mark.prove
@pytest.mark.timeout(900)
def test_a_new_finding_is_named(checkout: Checkout) -> None:
    checkout.edit(
        CATALOG,
        '    (google.api.resource_reference).type = "catalog.shop.example/Product",\n    (buf.validate.field).repeated',
        "    (buf.validate.field).repeated",
    )
    checkout.edit(
        CATALOG,
        "  bool show_discontinued = 8 [(google.api.field_behavior) = OPTIONAL];",
        "  bool show_discontinued = 8;",
    )
    found = [line.rpartition(": ")[0] for line in differences(lint(checkout.root / "proto"), exceptions())]
    assert found == [
        "shop.catalog.v1.ListProductsRequest.show_discontinued: 0203::field-behavior-required",
        "shop.catalog.v1.BatchGetProductsRequest.names: 0231::request-names-reference",
    ]


def test_unlisted_and_stale_exceptions_are_named() -> None:
    assert list(differences({"0203::a": {FIELD}}, {"0203::a": {FIELD}})) == []
    assert list(differences({"0203::a": {FIELD}}, {})) == [
        f"{FIELD}: 0203::a: mend it, or add it to exceptions.yaml with a reason"
    ]
    assert list(differences({}, {"0203::a": {FIELD}})) == [
        f"{FIELD}: 0203::a: not found: remove it from exceptions.yaml"
    ]
