"""Families of metrics from values that were just read."""

from collections.abc import Mapping
from typing import TypeVar

from prometheus_client.core import GaugeMetricFamily

LabelsT = TypeVar("LabelsT", bound=str | tuple[str, ...])
"""The value of the only label, or the value of each label."""


def gauge(
    name: str, documentation: str, labels: str | tuple[str, ...], values: Mapping[LabelsT, float]
) -> GaugeMetricFamily:
    """Return a gauge with a sample for each of `values`: the values of its labels → the value of the gauge."""
    names = (labels,) if isinstance(labels, str) else labels
    family = GaugeMetricFamily(name, documentation, labels=names)
    for key, value in values.items():
        family.add_metric((key,) if isinstance(key, str) else key, float(value))
    return family
