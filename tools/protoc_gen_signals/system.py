"""Alerts about what no method shows: events, orders, the ledger, the database, the control plane, the signals."""

from collections.abc import Iterator, Sequence

from tools.protoc_gen_signals.causes import SERVICE, Cause, by_app, explained, owned
from tools.protoc_gen_signals.indicators import BURNING, ERRORS
from tools.protoc_gen_signals.profiles import Profile
from tools.protoc_gen_signals.rules import Alert, Recording
from tools.protoc_gen_signals.services import NAMES

LEDGER = "shop:mesh_ledger:difference"
OVERVIEW, BUSINESS = "mesh-overview", "mesh-business"
RENEWAL_SECONDS = 6 * 3600
"""Istio's certificates are valid for 24 h, and renewed after half of it."""
MAX_LAG = 10_000
OR = "\nor\n"
CALLS = "mesh_rpc_requests_total"
BAD = f'{CALLS}{{grpc_status=~"{ERRORS}"}}'


def system_alerts(profile: Profile, causes: Sequence[Cause]) -> Iterator[Alert]:
    """Yield the alerts."""
    names = [cause.alert for cause in causes]
    yield _probe(profile, names)
    yield from _events(profile)
    yield from _business(profile, names)
    yield from _platform(profile, names)


def _probe(profile: Profile, names: Sequence[str]) -> Alert:
    """Return the alert about a customer's view. It is about what no other alert sees, such as the gateway."""
    failed, succeeded = (
        f'increase(probe_runs_total{{outcome="{outcome}"}}[{profile.probes}])' for outcome in ("failure", "success")
    )
    return Alert(
        "ProbeFailing",
        f"sum({failed}) >= 2 and sum({succeeded}) == 0\nunless on () (\n{_faults(profile, names)}\n)",
        "page",
        "A customer cannot buy",
        "{{ $value }} probes in a row could not buy through the gateway, and no other alert explains it.",
        BUSINESS,
        profile.pending,
    )


def _faults(profile: Profile, names: Sequence[str]) -> str:
    """Return the services with a fault, now or recently."""
    paged = f'ALERTS{{alertname=~"{"|".join(NAMES.values())}", alertstate="firing", severity="page"}}'
    bad, calls = (f"sum(increase({metric}[{profile.probes}]))" for metric in (BAD, CALLS))
    return OR.join(
        [
            explained(names, profile),
            f'max_over_time({BURNING}{{severity="page"}}[{profile.pending}]) > 0',
            f"max_over_time({paged}[{profile.hold}])",
            # A twentieth of the calls fails: the alert of a service comes a little later.
            f"{bad} > {profile.min_bad} + 0.05 * {calls}",
        ]
    )


def _events(profile: Profile) -> Iterator[Alert]:
    late = f"max(event_outbox_oldest_age_seconds) > {profile.delay_seconds}"
    yield Alert(
        "EventsDelayed",
        owned(by_app(f"event_outbox_oldest_age_seconds > {profile.delay_seconds}")),
        "ticket",
        "{{ $labels.service }} cannot publish its events",
        """The oldest event in the outbox of {{ $labels.service }} is {{ $value | humanizeDuration }} old. Orders go on;
        stock, messages and sales figures are late.""",
        BUSINESS,
        profile.pending,
    )
    lag = by_app("sum by (app) (event_consumer_lag_records)")
    applied = by_app(f"sum by (app) (increase(event_processed_total[{profile.delay}]))")
    # While nothing can be published, a consumer gets nothing: EventsDelayed is the alert.
    yield Alert(
        "ConsumerLagging",
        owned(
            f"({lag} > 0 and on (service) ({applied} == 0)\nor on (service) {lag} > {MAX_LAG})\nunless on () ({late})"
        ),
        "ticket",
        "{{ $labels.service }} does not keep up with the events",
        """{{ $value }} records wait for {{ $labels.service }}, and it processes none, or too few. What it shows is
        old.""",
        BUSINESS,
        profile.delay,
    )
    yield Alert(
        "DeadLetters",
        owned(by_app("event_dead_letters_waiting > 0")),
        "ticket",
        "{{ $labels.service }} could not process events",
        """{{ $value }} records wait in the dead letters of {{ $labels.service }}. Repair the cause, then replay
        them.""",
        BUSINESS,
    )


def _business(profile: Profile, names: Sequence[str]) -> Iterator[Alert]:
    rejected = by_app(f"sum by (app) (increase(shop_reservations_rejected_total[{profile.recent}])) > 0")
    yield Alert(
        "OrdersParked",
        owned(by_app("sum by (app, pod) (shop_orders_parked) > 0")),
        "ticket",
        "Orders are parked",
        """{{ $value }} orders could not be finished or undone, so a person must decide. Their customers wait.""",
        BUSINESS,
        profile.pending,
    )
    yield Alert(
        "LedgerMismatch",
        # The services are measured at different times, so a busy shop has a difference, but not for so long.
        f"{LEDGER} != 0",
        "page",
        "The books of the services do not balance",
        f"""The {{{{ $labels.books }}}} of two services differed by {{{{ $value }}}} at last, and were never equal in
        {profile.settle}: something was paid or sold without an order, or the reverse.""",
        BUSINESS,
        profile.settle,
    )
    yield Alert(
        "StockOut",
        # Orders that a fault holds up have reserved what they will sell or return.
        owned(f"{rejected}\nunless on () (\n{_faults(profile, names)}\n)"),
        "info",
        "Orders are rejected because products are sold out",
        "{{ $value }} orders were rejected in a short time because too few pieces are in stock.",
        BUSINESS,
    )


def ledger() -> Recording:
    """Return the differences between the books of two services: cents of each currency, and pieces."""
    paid, owed = (
        f'max by (currency) ({name}{{state="{state}"}})'
        for name, state in (("shop_payments_cents", "CAPTURED"), ("shop_orders_value_cents", "CONFIRMED"))
    )
    sold, ordered = (
        f'max({name}{{state="{state}"}})'
        for name, state in (("shop_stock_pieces", "sold"), ("shop_orders_pieces", "CONFIRMED"))
    )
    # A currency without payments, or without orders, has no series.
    money = f"({paid} or 0 * {owed}) - ({owed} or 0 * {paid})"
    return Recording(
        LEDGER,
        f"""
        label_replace({money}, "books", "cents", "", "")
        or
        label_replace({sold} - {ordered}, "books", "pieces", "", "")
        """,
    )


def _platform(profile: Profile, names: Sequence[str]) -> Iterator[Alert]:
    yield Alert(
        "DatabaseSaturated",
        owned(by_app("sum by (app, pod) (min_over_time(storage_waiting_transactions[" + profile.delay + "])) > 0")),
        "ticket",
        "Transactions of {{ $labels.service }} wait for its database",
        """For {{ $value }} transactions of {{ $labels.service }} there was no connection, or no turn to write, at any
        time of the last minutes. Its calls become slow.""",
        SERVICE,
    )
    up = 'max by (app) (up{job="control-plane"})'
    yield Alert(
        "ControlPlaneDown",
        f'max by (app) (max_over_time(up{{job="control-plane"}}[{profile.known}])) == 1\nunless on (app) ({up} == 1)',
        "ticket",
        "{{ $labels.app }} does not respond",
        """No call needs it, but proxies get no new addresses, policies or certificates, and Kubernetes replaces no
        Pod.""",
        OVERVIEW,
        profile.delay,
    )
    yield Alert(
        "CertificateExpiring",
        owned(by_app(f"mesh_certificate_expiry_seconds < {RENEWAL_SECONDS}")),
        "ticket",
        "The certificate of {{ $labels.service }} expires soon",
        """The certificate of a proxy of {{ $labels.service }} expires in {{ $value | humanizeDuration }}, and was not
        renewed in time. When it has expired, all its calls fail.""",
        SERVICE,
        profile.pending,
    )
    counters = [
        f"otelcol_{name}_spans" for name in ("exporter_send_failed", "exporter_enqueue_failed", "receiver_refused")
    ]
    counters.append("otel_sdk_span_lost_total")
    # A Pod that cannot be reached sends no spans either.
    lost = " + ".join(f"(sum(increase({name}[{profile.recent}])) or vector(0))" for name in counters)
    yield Alert(
        "SpansLost",
        f"{lost} > 0\nunless on () (\n{_faults(profile, names)}\n)",
        "info",
        "Spans are lost",
        "Services and the Collector dropped {{ $value }} spans. Traces have gaps; calls are not affected.",
        OVERVIEW,
        profile.pending,
    )
