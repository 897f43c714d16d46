"""Figures with one sample per round, their medians and spreads, and the ratios between them."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Samples = tuple[float, ...]


@dataclass(frozen=True)
class Summary:
    """The median of some samples, and how far they spread."""

    median: float
    lowest: float
    highest: float

    @classmethod
    def of(cls, samples: Sequence[float]) -> "Summary":
        """Return the summary of samples. There must be at least one."""
        return cls(statistics.median(samples), min(samples), max(samples))

    @property
    def spread(self) -> float:
        """Return half of the range, relative to the median: 0.05 is "±5 %". Zero if the median is zero."""
        return (self.highest - self.lowest) / 2 / abs(self.median) if self.median else 0.0

    def overlaps(self, other: "Summary") -> bool:
        """Return whether the ranges have a value in common. If not, the difference is more than noise."""
        return self.lowest <= other.highest and other.lowest <= self.highest


@dataclass(frozen=True)
class Figure:
    """One thing that was measured: a metric of a subject under a condition, with one sample per round."""

    subject: str
    """What does the work, for example "catalog through two sidecars"."""
    condition: str
    """For example "16 in flight"; empty if there is only one."""
    metric: str
    """What was measured, with its unit: "calls/s", "p50 ms"."""
    samples: Samples
    baseline: str = ""
    """The subject that this one is compared with, under the same condition."""
    ratios: Samples = field(default=())
    """The sample of each round divided by that of the baseline in the same round; empty without a baseline."""

    @property
    def key(self) -> tuple[str, str, str]:
        """Return what identifies the figure within its group, in this run and in others."""
        return self.subject, self.condition, self.metric

    @property
    def summary(self) -> Summary:
        """The median and the range of the samples."""
        return Summary.of(self.samples)

    @property
    def ratio(self) -> Summary | None:
        """The median and the range of the ratios; None without a baseline."""
        return Summary.of(self.ratios) if self.ratios else None

    def as_json(self) -> dict[str, Any]:
        """Return what the file of results contains."""
        described = {"subject": self.subject, "condition": self.condition, "metric": self.metric}
        compared = {"baseline": self.baseline, "ratios": list(map(_round, self.ratios))} if self.ratios else {}
        return described | {"samples": list(map(_round, self.samples))} | compared

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> "Figure":
        """Read a figure from the file of results."""
        described = saved["subject"], saved["condition"], saved["metric"]
        return cls(*described, tuple(saved["samples"]), saved.get("baseline", ""), tuple(saved.get("ratios", ())))


def with_ratios(figures: Sequence[Figure]) -> list[Figure]:
    """Return the figures with their ratios, where both the figure and its baseline have been measured.

    Each round measures all subjects one after another, so what disturbs a round disturbs both sides of its ratio.
    """
    samples = {figure.key: figure.samples for figure in figures}
    return [_with_ratio(figure, samples) for figure in figures]


def _with_ratio(figure: Figure, samples: Mapping[tuple[str, str, str], Samples]) -> Figure:
    base = samples.get((figure.baseline, figure.condition, figure.metric), ())
    if not all(base):
        base = ()
    ratios = tuple(own / other for own, other in zip(figure.samples, base, strict=False))
    return Figure(figure.subject, figure.condition, figure.metric, figure.samples, figure.baseline, ratios)


@dataclass(frozen=True)
class Difference:
    """A figure of this run beside the same figure of an earlier one."""

    figure: Figure
    before: Summary
    now: Summary
    of_ratios: bool
    """Whether ratios are compared, which depend less on the machine than the figures themselves."""

    @property
    def change(self) -> float:
        """The relative change of the median: 0.1 is ten percent more."""
        return self.now.median / self.before.median - 1 if self.before.median else 0.0

    @property
    def beyond_noise(self) -> bool:
        """Whether no sample of one run lies within the range of the other run."""
        return not self.now.overlaps(self.before)


def differences(now: Sequence[Figure], before: Sequence[Figure]) -> list[Difference]:
    """Compare each figure with the same one of an earlier run, by the ratio if both have one."""
    earlier = {figure.key: figure for figure in before}
    return [_difference(figure, earlier[figure.key]) for figure in now if figure.key in earlier]


def _difference(figure: Figure, earlier: Figure) -> Difference:
    if figure.ratio and earlier.ratio and figure.baseline == earlier.baseline:
        return Difference(figure, earlier.ratio, figure.ratio, of_ratios=True)
    return Difference(figure, earlier.summary, figure.summary, of_ratios=False)


def slope(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Return the slope of a line through points (x, y), and its value at x = 0. The line is fitted by least squares."""
    line = statistics.linear_regression([x for x, _ in points], [y for _, y in points])
    return line.slope, line.intercept


def _round(value: float) -> float:
    """Round to four significant digits, so that the file of results is small and a change of it can be read."""
    return float(f"{value:.4g}")
