"""What the dashboards show: one for each service, with a row for each method; an overview; and the business.

`WINDOW` in an expression stands for the range of `rate`, which each page of dashboards writes differently.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tools.protoc_gen_istio.contracts import Method
from tools.protoc_gen_istio.declarations import Declaration
from tools.protoc_gen_istio.graph import Graph
from tools.protoc_gen_signals.indicators import BURNING, CALLS, DURATION, ERROR_BUDGET, ERRORS, SIGNALS, ratio
from tools.protoc_gen_signals.profiles import Profile
from tools.protoc_gen_signals.system import LEDGER

WINDOW = "$WINDOW"
QUANTILES = ("0.5", "0.95", "0.99")
CALLS_PER_SECOND, SECONDS, MILLISECONDS, RATIO, BYTES, NUMBER = "reqps", "s", "ms", "percentunit", "bytes", "short"
"""Units, in Grafana's words."""


@dataclass(frozen=True)
class Query:
    """An expression, and the name of its series. `{{label}}` in a name stands for the value of a label."""

    expr: str
    name: str


@dataclass(frozen=True)
class Panel:
    """A graph."""

    title: str
    unit: str
    queries: Sequence[Query]
    description: str = ""


@dataclass(frozen=True)
class Row:
    """Panels below a title."""

    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True)
class Board:
    """A dashboard. Alerts name it by its uid."""

    uid: str
    title: str
    rows: Sequence[Row]


def boards(graph: Graph, profile: Profile) -> Iterator[Board]:
    """Yield all dashboards."""
    services = [each for each in graph.declarations if graph.own(each)]
    yield _overview(services, profile)
    yield _business()
    for declared in services:
        yield _service(graph, declared)


def _overview(services: Sequence[Declaration], profile: Profile) -> Board:
    window, names = profile.page[0].short, "|".join(each.service for each in services)
    failed = f"{_rate(CALLS, 'service', _failed())} / {_rate(CALLS, 'service')}"
    missed = f'max by (service, signal) ({BURNING}{{severity="page"}})'
    worst = [Query(f"topk(5, {ratio(signal, window)} > 0)", f"{{{{method}}}} {signal}") for signal in SIGNALS]
    firing = 'sum by (alertname, service) (ALERTS{alertstate="firing"})'
    panels = [
        _panel("Calls", CALLS_PER_SECOND, (_rate(CALLS, "service"), "{{service}}")),
        _panel("Failed calls", RATIO, (failed, "{{service}}")),
        _panel("Latency, p99", MILLISECONDS, (_quantile("0.99", DURATION, "service"), "{{service}}")),
        _panel("Objectives that are missed", NUMBER, (missed, "{{service}} {{signal}}")),
        Panel("Worst methods", RATIO, worst),
        _panel("Alerts", NUMBER, (firing, "{{alertname}} {{service}}")),
    ]
    return Board("mesh-overview", "Overview", [Row("Services", panels), Row("Saturation", _saturation(names, "app"))])


def _business() -> Board:
    saga, delay = "shop_saga_duration_seconds", "event_consumer_delay_seconds"
    orders = [
        _panel("Orders by state", NUMBER, ("max by (state) (shop_orders_in_state)", "{{state}}")),
        _panel("Orders that ended", CALLS_PER_SECOND, (_rate("shop_orders_total", "outcome"), "{{outcome}}")),
        _panel("Parked orders", NUMBER, ("max by (reason) (shop_orders_parked)", "{{reason}}")),
        _panel("From order to end", SECONDS, *((_quantile(each, saga, ""), _percentile(each)) for each in QUANTILES)),
        _panel(
            "Repeated steps of the saga",
            CALLS_PER_SECOND,
            (_rate("shop_saga_undo_failures_total", "call"), "undo: {{call}}"),
            (_rate("shop_saga_recoveries_total", ""), "recoveries"),
        ),
        _panel("Products that are sold out", NUMBER, ("max(shop_products_out_of_stock)", "products")),
        _panel("Stock", NUMBER, ("max by (state) (shop_stock_pieces)", "{{state}}")),
        _panel("Declined payments", CALLS_PER_SECOND, (_rate("shop_payments_declined_total", "code"), "{{code}}")),
        _panel("Differences in the ledger", NUMBER, (LEDGER, "{{books}} {{currency}}")),
    ]
    events = [
        _panel("Events in the outbox", NUMBER, ("max by (app) (event_outbox_records)", "{{app}}")),
        _panel("Oldest event in the outbox", SECONDS, ("max by (app) (event_outbox_oldest_age_seconds)", "{{app}}")),
        _panel("Records that wait", NUMBER, ("sum by (app, topic) (event_consumer_lag_records)", "{{app}} {{topic}}")),
        _panel("From publication to effect, p99", SECONDS, (_quantile("0.99", delay, "app"), "{{app}}")),
        _panel("Dead letters", NUMBER, ("max by (app) (event_dead_letters_waiting)", "{{app}}")),
        _panel("Events published", CALLS_PER_SECOND, (_rate("event_published_total", "type"), "{{type}}")),
    ]
    probe, failures = "probe_step_duration_seconds", "probe_failures_total"
    probes = [
        _panel("Probes by outcome", CALLS_PER_SECOND, (_rate("probe_runs_total", "outcome"), "{{outcome}}")),
        _panel("Steps that fail", CALLS_PER_SECOND, (_rate(failures, "step, status"), "{{step}} {{status}}")),
        _panel("Steps: duration, p99", SECONDS, (_quantile("0.99", probe, "step"), "{{step}}")),
    ]
    return Board("mesh-business", "Business", [Row("A customer", probes), Row("Orders", orders), Row("Events", events)])


def _service(graph: Graph, declared: Declaration) -> Board:
    methods = [Row(_title(graph, declared, method), list(_method(method))) for method in graph.own(declared)]
    saturation = Row("Saturation", _saturation(declared.service, "pod"))
    return Board(f"mesh-{declared.service}", f"Service {declared.service}", [*methods, saturation])


def _title(graph: Graph, declared: Declaration, method: Method) -> str:
    """Return the name of a method, with its proto service if another one has a method of that name."""
    same = [each for each in graph.own(declared) if each.short == method.short]
    return method.short if len(same) == 1 else f"{method.short} of {method.service}"


def _method(method: Method) -> Iterator[Panel]:
    selector, objective = f'method="{method.name}"', method.objective
    statuses = ERRORS.replace("|", ", ")
    yield Panel(
        f"{method.short}: calls by status",
        CALLS_PER_SECOND,
        [Query(_rate(CALLS, "grpc_status", selector), "{{grpc_status}}")],
        f"Objective: {objective.available_percent:g} % of the calls have none of the statuses {statuses}.",
    )
    latency = "A stream lasts until its caller ends it, so its latency has no objective."
    if objective.fast_percent:
        latency = f"Objective: {objective.fast_percent:g} % of the calls take at most {objective.latency_ms} ms."
    yield Panel(
        f"{method.short}: latency",
        MILLISECONDS,
        [Query(_quantile(each, DURATION, "", selector), _percentile(each)) for each in QUANTILES],
        latency,
    )
    failed = f"{_rate(CALLS, '', _failed(selector))} / {_rate(CALLS, '', selector)}"
    yield Panel(
        f"{method.short}: error budget",
        NUMBER,
        [Query(f"{failed} / max({ERROR_BUDGET}{{{selector}}})", "times the allowed rate")],
        "How fast the budget of failures is used up. At 1, it lasts exactly for its period.",
    )


def _saturation(services: str, by: str) -> list[Panel]:
    apps, name = f'app=~"{services}"', f"{{{{{by}}}}}"
    called = rf'cluster_name=~"outbound\\|.*\\|({services})[.].*"'
    memory = [
        (f"sum by ({by}) (process_resident_memory_bytes{{{apps}}})", f"{name} app"),
        (f"sum by ({by}) (envoy_server_memory_physical_size{{{apps}}})", f"{name} proxy"),
    ]
    flight = f"sum by (app, cluster_name) (envoy_cluster_upstream_rq_active{{{called}}})"
    connections = f"sum by ({by}, state) (storage_connections{{{apps}}})"
    waiting = f"sum by ({by}, resource) (storage_waiting_transactions{{{apps}}})"
    lag = _quantile("0.99", "process_event_loop_lag_seconds", by, apps)
    return [
        _panel("Processor time, in cores", NUMBER, (_rate("process_cpu_seconds_total", by, apps), name)),
        _panel("Memory", BYTES, *memory),
        _panel("Calls in flight", NUMBER, (flight, "{{app}} to {{cluster_name}}")),
        _panel("Database connections", NUMBER, (connections, f"{name} {{{{state}}}}")),
        _panel("Transactions that wait", NUMBER, (waiting, f"{name} {{{{resource}}}}")),
        _panel("Event loop: lag, p99", SECONDS, (lag, name)),
    ]


def _panel(title: str, unit: str, *queries: tuple[str, str]) -> Panel:
    return Panel(title, unit, [Query(expr, name) for expr, name in queries])


def _failed(selector: str = "") -> str:
    return f'{selector}{", " if selector else ""}grpc_status=~"{ERRORS}"'


def _rate(counter: str, by: str, selector: str = "") -> str:
    selected = f"{counter}{{{selector}}}" if selector else counter
    return f"sum{f' by ({by}) ' if by else ''}(rate({selected}[{WINDOW}]))"


def _quantile(quantile: str, histogram: str, by: str, selector: str = "") -> str:
    labels = f"{by}, le" if by else "le"
    return f"histogram_quantile({quantile}, {_rate(f'{histogram}_bucket', labels, selector)})"


def _percentile(quantile: str) -> str:
    return f"p{float(quantile) * 100:g}"
