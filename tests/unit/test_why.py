"""What `mesh why` decides in situations that the tests of the mesh do not create."""

from collections.abc import Mapping

import pytest

from mesh.local.errors import MeshError
from mesh.local.matrix.declared import methods, services
from mesh.local.why.decision import Details, decide
from mesh.local.why.live import Live
from mesh.local.why.matchers import match_header, match_template
from mesh.local.why.names import find_method, find_subject
from mesh.local.why.verdict import Decision, Reason
from tests.support.checkout import ROOT
from tests.unit.why_world import ANY_RULE, CLUSTER, HOST, METHOD, Json, dump, obj, pod, rbac, route, rule, typed, world

METHODS, SERVICES = methods(ROOT), services(ROOT)
PASSES = dump("INBOUND", rbac("ALLOW", open=ANY_RULE), transport="tls")


def why(live: Live, caller: str, details: Details | None = None) -> Decision:
    return decide(live, find_subject(caller, live, METHODS, SERVICES), find_method(METHOD, METHODS), details)


def reasons(decision: Decision) -> list[tuple[str, Reason]]:
    return [(verdict.place, verdict.reason) for verdict in decision.verdicts]


def test_without_policies_everything_is_allowed() -> None:
    for caller in ("anonymous", "user", "orders"):
        assert why(world(), caller).allowed


def test_a_deny_policy_wins_over_an_allow_policy() -> None:
    denies = dump("INBOUND", rbac("DENY", freeze=ANY_RULE), rbac("ALLOW", open=ANY_RULE), transport="tls")
    decision = why(world(catalog=(denies,)), "orders")
    assert reasons(decision)[1:] == [
        ("sidecar of catalog", Reason.DENY_RULE),
        ("sidecar of catalog", Reason.ALLOW_RULE),
    ]
    assert (decision.allowed, decision.decisive.rules[0].policy) == (False, "shop/freeze")


def test_a_policy_that_only_records_decides_nothing() -> None:
    records = dump("INBOUND", rbac("LOG", audit=ANY_RULE), transport="tls")
    assert why(world(catalog=(records,)), "orders").allowed


def test_one_of_two_pods_that_refuses_the_call_decides() -> None:
    refuses = dump("INBOUND", rbac("DENY", freeze=ANY_RULE), transport="tls")
    decision = why(world(catalog=(PASSES, refuses)), "orders")
    assert (decision.allowed, decision.decisive.pod) == (False, "catalog-1")


def test_a_custom_policy_is_named_instead_of_decided() -> None:
    asks = typed(
        "extensions.filters.http.rbac.v3.RBAC",
        shadow_rules={"policies": {f"istio-ext-authz-opa-{rule('ask')}": ANY_RULE}},
        shadow_rules_stat_prefix="istio_ext_authz_",
    )
    with pytest.raises(MeshError, match="the CUSTOM policy shop/ask decides"):
        why(world(catalog=(dump("INBOUND", asks, transport="tls"),)), "orders")


def test_a_custom_policy_without_its_provider_denies_the_call() -> None:
    rules = {
        "action": "DENY",
        "policies": {f"istio-ext-authz-opa-{rule('ask')}-deny-due-to-bad-CUSTOM-action": ANY_RULE},
    }
    denies = dump("INBOUND", typed("extensions.filters.http.rbac.v3.RBAC", rules=rules), transport="tls")
    assert why(world(catalog=(denies,)), "orders").decisive.rules[0].policy == "shop/ask"


@pytest.mark.parametrize(
    ("transport", "tls", "allowed"), [("tls", True, True), ("tls", False, False), ("", True, False)]
)
def test_both_proxies_must_agree_on_mutual_tls(transport: str, tls: bool, allowed: bool) -> None:  # noqa: FBT001  # parameters
    live = world(orders=dump("OUTBOUND", routes=[route()], tls=tls), catalog=(dump("INBOUND", transport=transport),))
    decision = why(live, "orders")
    assert decision.allowed == allowed
    assert allowed or decision.decisive.reason is Reason.MTLS


def test_a_caller_without_a_sidecar_cannot_use_mutual_tls() -> None:
    plain = (pod("prober", "prober", "tools", container="app"), obj("ServiceAccount", "prober", "tools"))
    policy = obj("PeerAuthentication", "default", mtls={"mode": "STRICT"})
    decision = why(world(more=(*plain, policy)), "tools/prober")
    assert reasons(decision) == [("sidecar of catalog", Reason.MTLS)]
    assert decision.decisive.resource == "PeerAuthentication shop/default"
    assert why(world(catalog=(dump("INBOUND"),), more=plain), "tools/prober").allowed


def token_filter(issuer: str, otherwise: str) -> Json:
    """Return a filter that accepts the tokens of one issuer, or calls without one."""
    either = {"requirements": [{"provider_name": "one"}, {otherwise: {}}]}
    provider = {
        "issuer": issuer,
        "audiences": ["https://shop.example"],
        "payload_in_metadata": "payload",
        "claim_to_headers": [{"header_name": "x-principal", "claim_name": "sub"}],
    }
    rules = [{"match": {"prefix": "/"}, "requires": {"requires_any": either}}]
    return typed("extensions.filters.http.jwt_authn.v3.JwtAuthentication", providers={"one": provider}, rules=rules)


HAS_USER = {"permissions": [{"any": True}], "principals": [{"header": {"name": "X-Principal", "present_match": True}}]}


@pytest.mark.parametrize(
    ("issuer", "otherwise", "expected"),
    [
        ("https://identity.shop.example", "allow_missing", {"anonymous": None, "user": Reason.ALLOW_RULE}),
        ("https://partner.example", "allow_missing", {"anonymous": None, "user": Reason.TOKEN}),
        ("https://partner.example", "allow_missing_or_failed", {"anonymous": None, "user": Reason.NO_ALLOW_RULE}),
    ],
)
def test_the_gateway_verifies_the_token(issuer: str, otherwise: str, expected: Mapping[str, Reason | None]) -> None:
    live = world(
        gateway=dump("OUTBOUND", token_filter(issuer, otherwise), routes=[route()]),
        catalog=(dump("INBOUND", rbac("ALLOW", users=HAS_USER), transport="tls"),),
    )
    for caller, reason in expected.items():
        decision = why(live, caller)
        assert decision.decisive.reason is (reason or Reason.NO_ALLOW_RULE), caller


def test_a_rule_about_an_unknown_address_asks_for_it() -> None:
    only = {
        "permissions": [{"any": True}],
        "principals": [{"remote_ip": {"address_prefix": "10.0.0.0", "prefix_len": 8}}],
    }
    gateway = dump("OUTBOUND", rbac("ALLOW", office=only), routes=[route()])
    listener = gateway["configs"][0]["dynamic_listeners"][0]["active_state"]["listener"]
    listener["address"]["socket_address"]["address"] = "0.0.0.0"  # noqa: S104  # as on a cluster
    live = world(gateway=gateway)
    with pytest.raises(MeshError, match="depends on the address") as unknown:
        why(live, "anonymous")
    assert "--address" in unknown.value.fix
    assert why(live, "anonymous", Details(address="10.1.2.3")).allowed
    assert not why(live, "anonymous", Details(address="192.0.2.1")).allowed


def test_the_callee_sees_the_address_of_the_client() -> None:
    ranges = [{"remote_ip": {"address_prefix": each, "prefix_len": 8}} for each in ("127.0.0.0", "10.0.0.0")]
    near = {"permissions": [{"any": True}], "principals": ranges}
    live = world(catalog=(dump("INBOUND", rbac("ALLOW", near=near), transport="tls"),))
    assert why(live, "orders").allowed
    assert why(live, "anonymous", Details(address="10.1.2.3")).allowed
    assert not why(live, "anonymous", Details(address="192.0.2.1")).allowed


@pytest.mark.parametrize(("address", "allowed"), [("127.0.1.1", True), ("127.0.1.2", False)])
def test_a_rule_may_name_the_address_of_the_callee(address: str, *, allowed: bool) -> None:
    destination = {"destination_ip": {"address_prefix": address, "prefix_len": 32}}
    rules = {"principals": [{"any": True}], "permissions": [destination]}
    live = world(catalog=(dump("INBOUND", rbac("ALLOW", here=rules), transport="tls"),))
    assert why(live, "orders").allowed == allowed


def test_headers_that_the_user_names_count() -> None:
    live = world(catalog=(dump("INBOUND", rbac("ALLOW", users=HAS_USER), transport="tls"),))
    assert not why(live, "orders").allowed
    assert why(live, "orders", Details({"x-principal": "users/1"})).allowed


def test_a_route_without_a_match_or_to_nowhere_is_none() -> None:
    for routes in ([], [route("/other")], [{"match": {"prefix": "/"}, "direct_response": {"status": 502}}]):
        decision = why(world(orders=dump("OUTBOUND", routes=routes)), "orders")
        assert decision.decisive.reason is Reason.NO_ROUTE


@pytest.mark.parametrize(
    ("hosts", "has_route"),
    [
        ([f"./{HOST}"], True),
        (["*/*"], True),
        (["shop/*.shop.svc.cluster.local"], True),
        (["~/*"], False),
        (["./other"], False),
    ],
)
def test_a_caller_without_a_pod_has_the_routes_of_its_sidecar(hosts: list[str], *, has_route: bool) -> None:
    sidecar = obj("Sidecar", "operator", workloadSelector={"labels": {"app": "operator"}}, egress=[{"hosts": hosts}])
    default = obj("Sidecar", "default", egress=[{"hosts": ["~/*"]}])
    verdict = why(world(more=(default, sidecar)), "operator").verdicts[0]
    assert (verdict.pod, verdict.reason) == ("", Reason.ROUTE if has_route else Reason.NO_ROUTE)
    assert why(world(more=(default, sidecar)), "stranger").decisive.reason is Reason.NO_ROUTE


@pytest.mark.parametrize(("uri", "has_route"), [(METHOD, True), ("/other", False)])
def test_a_caller_without_a_pod_has_the_routes_of_the_virtual_service(uri: str, *, has_route: bool) -> None:
    service = obj("VirtualService", "catalog", hosts=[HOST], http=[{"match": [{"uri": {"exact": uri}}]}])
    assert why(world(more=(service,)), "operator").allowed == has_route


def test_a_call_may_be_split_between_services() -> None:
    split = {"weighted_clusters": {"clusters": [{"name": CLUSTER, "weight": 100}, {"name": "outbound|1||other"}]}}
    routes = [{"match": {"prefix": "/", "grpc": {}}, "route": split}]
    assert why(world(orders=dump("OUTBOUND", routes=routes)), "orders").allowed


@pytest.mark.parametrize(
    ("name", "problem", "fix"),
    [
        ("PlaceOrder", "PlaceOrder is ambiguous: shop.orders.v1.OrdersService/PlaceOrder, shop.orders.v2", "more"),
        ("GetProdukt", "there is no method GetProdukt", "shop.catalog.v1.CatalogService/GetProduct"),
        ("xyz", "there is no method xyz", "mesh matrix"),
    ],
)
def test_a_method_that_is_not_one_is_an_error_that_helps(name: str, problem: str, fix: str) -> None:
    with pytest.raises(MeshError) as error:
        find_method(name, METHODS)
    assert problem in str(error.value)
    assert fix in error.value.fix


def test_a_method_is_found_by_the_end_of_its_name() -> None:
    for name in ("GetProduct", "CatalogService/GetProduct", "v1.CatalogService.GetProduct", METHOD):
        assert find_method(name, METHODS).path == METHOD
    assert find_method("v2.OrdersService/PlaceOrder", METHODS).name == "shop.orders.v2.OrdersService/PlaceOrder"


@pytest.mark.parametrize(("name", "fix"), [("oders", "orders"), ("pod/order", "pod/orders"), ("shop/x", "mesh matrix")])
def test_a_caller_that_is_none_is_an_error_that_helps(name: str, fix: str) -> None:
    with pytest.raises(MeshError, match="there is no") as error:
        find_subject(name, world(), METHODS, SERVICES)
    assert fix in error.value.fix


def test_a_header_that_is_missing_matches_only_its_absence() -> None:
    exact = {"name": "x-a", "string_match": {"exact": "1"}}
    assert not match_header(exact, {})
    assert not match_header(exact | {"invert_match": True}, {})
    assert match_header(exact | {"invert_match": True}, {"x-a": "2"})
    assert match_header({"name": "x-a", "present_match": False}, {})
    assert match_header(exact | {"string_match": {"exact": ""}, "treat_missing_header_as_empty": True}, {})


def test_a_template_matches_one_segment_or_all() -> None:
    assert match_template("/a/*", "/a/b")
    assert not match_template("/a/*", "/a/b/c")
    assert match_template("/**", "/a/b/c")
    assert not match_template("/a.b/*", "/aXb/c")
