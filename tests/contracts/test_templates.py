"""HTTP templates are compared by matching: equal ones in another form are equal, and a taken request is found."""

import pytest
from google.api.http_pb2 import HttpRule

from tools.breaking.templates import Request, Template, of_rule, route

METHOD, OTHER = "shop.Orders/Get", "shop.Orders/Other"


def template(path: str, method: str = METHOD) -> Template:
    """Return the template of a GET."""
    [read] = of_rule(method, HttpRule(get=path))
    return read


@pytest.mark.parametrize(
    ("path", "url", "values"),
    [
        ("/v1/{name=orders/*}", "v1/orders/x", {"name": ("orders", "x")}),
        ("/v1/{name=orders/*}", "v1/orders/x/y", None),
        ("/v1/{name=orders/**}", "v1/orders/x/y", {"name": ("orders", "x", "y")}),
        ("/v1/orders/{name}", "v1/orders/x", {"name": ("x",)}),
        ("/v1/orders/{name=*}", "v1/orders/x", {"name": ("x",)}),
        ("/v1/{a.b}/{c=d/*}", "v1/x/d/y", {"a.b": ("x",), "c": ("d", "y")}),
        ("/v1/orders", "v1/orders", {}),
        ("/v1/orders", "v1/order", None),
    ],
)
def test_a_template_matches_a_request_and_binds_its_fields(
    path: str, url: str, values: dict[str, tuple[str, ...]] | None
) -> None:
    read, request = template(path), Request("GET", tuple(url.split("/")), "")
    assert read.matches(request) == (values is not None)
    if values is not None:
        assert read.effect(request)[1] == frozenset(values.items())


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        ("/v1/{name=*}", "/v1/{name}", True),
        ("/v1/{name=stocks/*}", "/v1/{name=stocks/**}", True),
        ("/v1/{name=stocks/**}", "/v1/{name=stocks/*}", False),
        ("/v1/{name=stocks/*}", "/v1/stocks/{name}", False),
        ("/v1/{name=stocks/*}:watch", "/v1/{name=stocks/*}", False),
    ],
)
def test_a_template_covers_another_if_it_has_the_same_effect_on_all_its_requests(
    before: str,
    after: str,
    same: bool,  # noqa: FBT001  # a case
) -> None:
    old, new = template(before), template(after)
    assert all(new.matches(each) and new.effect(each) == old.effect(each) for each in old.requests([new])) == same


def test_a_literal_segment_goes_before_a_variable_one() -> None:
    known = [template("/v1/{name=orders/*}"), template("/v1/orders/latest", OTHER)]
    assert [each.method for each in route(Request("GET", ("v1", "orders", "latest"), ""), known)] == [OTHER]
    assert [each.method for each in route(Request("GET", ("v1", "orders", "x"), ""), known)] == [METHOD]


def test_two_methods_with_equal_templates_are_ambiguous() -> None:
    known = [template("/v1/orders/{name}"), template("/v1/orders/{id=*}", OTHER)]
    assert len(route(Request("GET", ("v1", "orders", "x"), ""), known)) == 2
