"""Edits that change the generated policies: parameters of the generator and options of services.

What an edit of the generator itself changes is tested in test_generator_edits.py.
"""

from tests.support.edits.edit import ANALYTICS, CATALOG, IDENTITY, NOTIFICATIONS, ORDERS, PAYMENTS, edit

PARAMETERS = "buf.gen.yaml"
CONTRACTS = "mesh/istio/contracts"
EVERYONE = "operator, orders, outside"
CRITICAL = "tier: TIER_CRITICAL"

EDITS = {
    "issuer changed": edit(
        PARAMETERS, "issuer=https://identity.shop.example", "issuer=https://login.shop.example"
    ).breaks(CONTRACTS, "policy", "outside"),
    "trust domain changed": edit(
        PARAMETERS, "      - namespace=shop\n", "      - namespace=shop\n      - trust_domain=mesh.example\n"
    ).breaks(CONTRACTS, "policy", EVERYONE),
    "port changed": edit(PARAMETERS, "      - namespace=shop\n", "      - namespace=shop\n      - port=50061\n").breaks(
        CONTRACTS, "policy", EVERYONE
    ),
    "account of the gateway changed": edit(PARAMETERS, "gateway_account=shop-gateway", "gateway_account=edge").breaks(
        CONTRACTS, "policy", EVERYONE
    ),
    "any issuer": edit(PARAMETERS, "      - issuer=https://identity.shop.example\n", "").passes(),
    "parameters in one line": edit(
        PARAMETERS,
        "      - namespace=shop\n      - gateway=shop-ingress/public\n",
        '      - "namespace=shop,gateway=shop-ingress/public"\n',
    ).passes(),
    "port of the database written out": edit(
        PARAMETERS, "      - namespace=shop\n", "      - namespace=shop\n      - database_port=5432\n"
    ).passes(),
    "lower tier": edit(CATALOG, CRITICAL, "tier: TIER_STANDARD")
    .breaks("shop.catalog.v1.CatalogService", "behaviour")
    .breaks("catalog", "policy", EVERYONE),
    "tier removed from a service": edit(PAYMENTS, f"    {CRITICAL}\n", "")
    .breaks("shop.payments.v1.PaymentsService", "behaviour")
    .breaks("payments", "policy", "operator, orders"),
    "tier of a service in the background": edit(IDENTITY, CRITICAL, "tier: TIER_BACKGROUND")
    .breaks("shop.identity.v1.IdentityService", "behaviour")
    .breaks("identity", "policy", "operator, outside"),
    "higher tier": edit(NOTIFICATIONS, "tier: TIER_BACKGROUND", "tier: TIER_CRITICAL").passes(
        *(
            f"better: objective of service shop.notifications.v1.NotificationsService: {change}"
            for change in (
                "99 % of the calls are fast instead of 95 %",
                "99.9 % of the calls succeed instead of 99 %",
            )
        ),
        "more: calls in flight to an instance of service shop.notifications.v1.NotificationsService, "
        "at most 256 instead of 64",
    ),
    "default tier written out": edit(ANALYTICS, "tier: TIER_BACKGROUND", "tier: TIER_STANDARD").passes(
        *(
            f"better: objective of service shop.analytics.v1.AnalyticsService: {change}"
            for change in (
                "99 % of the calls are fast instead of 95 %",
                "99.5 % of the calls succeed instead of 99 %",
            )
        ),
        "more: calls in flight to an instance of service shop.analytics.v1.AnalyticsService, at most 128 instead of 64",
    ),
    "another owner": edit(CATALOG, 'owner: "storefront"', 'owner: "assortment"').passes(),
    "lower tier of one of two contracts of a service": edit(ORDERS, CRITICAL, "tier: TIER_STANDARD").breaks(
        "shop.orders.v1.OrdersService", "behaviour", "operator, outside"
    ),
}
