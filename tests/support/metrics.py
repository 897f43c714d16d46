"""What a service process serves at GET /metrics, read as a scraper reads it."""

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from mesh.local import loopback
from tests.support.processes import Process

Samples = dict[frozenset[tuple[str, str]], float]
"""The samples of one name: labels → value."""


def scrape_text(process: Process) -> str:
    """Return the metrics of a process as text."""
    with loopback.open_url(f"http://127.0.0.1:{process.port}/metrics", 60) as reply:
        text: str = reply.read().decode()
    return text


def scrape_families(process: Process) -> list[Metric]:
    """Return the families of metrics of a process."""
    return [*text_string_to_metric_families(scrape_text(process))]


def scrape(process: Process, name: str) -> Samples:
    """Return the samples of one name; none if the process does not serve it."""
    samples = (sample for family in scrape_families(process) for sample in family.samples if sample.name == name)
    return {frozenset(sample.labels.items()): sample.value for sample in samples}


def value(process: Process, name: str, **labels: str) -> float | None:
    """Return the value of one sample; None if the process does not serve it."""
    return scrape(process, name).get(frozenset(labels.items()))
