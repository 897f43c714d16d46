"""An edge of events in detail: how many of each type, how late, and what could not be processed."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from mesh.local.clients.metrics import Sample, union
from mesh.local.console.topology.figures import WINDOW_SECONDS


@dataclass(frozen=True)
class EventType:
    """The events of one type within the window."""

    name: str
    by_outcome: dict[str, int]
    """ "published", or what the consumer did: "applied", "duplicate", "ignored"."""


@dataclass(frozen=True)
class Stream:
    """The events between a service and a topic. What does not apply is None."""

    types: tuple[EventType, ...]
    outbox: int | None
    """The events of a publisher that Kafka does not have yet."""
    p99_delay_milliseconds: float | None
    """From the publication of an event to its effect in a consumer."""
    dead_letters: int | None
    """The records that a consumer could not process within the window."""


def expression(app: str, topic: str) -> str:
    """Return the query (MetricsQL) for the events of a service in a topic."""
    window, stream = f"[{WINDOW_SECONDS}s]", f'app="{app}", topic="{topic}"'
    delay = f"sum by (le) (increase(event_consumer_delay_seconds_bucket{{{stream}}}{window}))"
    return union(
        {
            "published": f"sum by (type) (increase(event_published_total{{{stream}}}{window}))",
            "processed": f"sum by (type, outcome) (increase(event_processed_total{{{stream}}}{window}))",
            "outbox": f'sum(event_outbox_records{{app="{app}"}})',
            "delay": f"histogram_quantile(0.99, {delay})",
            "dead": f"sum(increase(event_dead_letters_total{{{stream}}}{window}))",
        }
    )


def read(names: Iterable[str], samples: Iterable[Sample], *, publishes: bool) -> Stream:
    """Read the result of the query for the declared types of events."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    single: dict[str, float] = {}
    for sample in samples:
        figure, labels = sample.labels["figure"], sample.labels
        if "type" in labels:
            if (figure == "published") == publishes:
                counts[labels["type"]][labels.get("outcome", figure)] += round(sample.value)
        else:
            single[figure] = sample.value
    types = (EventType(name, {outcome: n for outcome, n in sorted(counts[name].items()) if n}) for name in names)
    outbox, delay, dead = (single.get(figure) for figure in ("outbox", "delay", "dead"))
    return Stream(
        types=tuple(types),
        outbox=round(outbox) if publishes and outbox is not None else None,
        p99_delay_milliseconds=delay * 1000 if not publishes and delay is not None else None,
        dead_letters=round(dead) if not publishes and dead is not None else None,
    )
