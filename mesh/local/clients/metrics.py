"""Reads metrics from VictoriaMetrics, through the HTTP API of Prometheus."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request

from mesh.local import loopback
from mesh.local.errors import MeshError
from mesh.local.instance import Instance
from mesh.local.pages import Page, base_url, no_response

TIMEOUT_SECONDS = 15


@dataclass(frozen=True)
class Sample:
    """The value of a series at the time of the query."""

    labels: dict[str, str]
    value: float


@dataclass(frozen=True)
class Series:
    """The values of a series over a time."""

    labels: dict[str, str]
    points: dict[float, float]
    """Seconds since 1970 → the value. Times without a value are missing."""


def union(figures: Mapping[str, str]) -> str:
    """Return one expression (MetricsQL) for several: each series has the name of its figure in the label `figure`."""
    labelled = (f'label_set({expression}, "figure", "{name}")' for name, expression in figures.items())
    return f"union({', '.join(labelled)})"


def query(mesh: Instance, expression: str, at: float | None = None) -> list[Sample]:
    """Evaluate an expression at a time in seconds since 1970, by default now. Raises MeshError.

    A value that is not a number, such as a quantile of no calls, is left out.
    """
    found = _read(mesh, "query", {"query": expression} | ({} if at is None else {"time": str(at)}))
    samples = (Sample(each["metric"], float(each["value"][1])) for each in found)
    return [sample for sample in samples if not math.isnan(sample.value)]


def query_range(mesh: Instance, expression: str, start: float, end: float, step: float) -> list[Series]:
    """Evaluate an expression every `step` seconds, from start to end in seconds since 1970. Raises MeshError."""
    arguments = {"query": expression, "start": str(start), "end": str(end), "step": str(step)}
    found = _read(mesh, "query_range", arguments)
    return [Series(each["metric"], {float(time): float(value) for time, value in each["values"]}) for each in found]


def _read(mesh: Instance, name: str, arguments: dict[str, str]) -> list[dict[str, Any]]:
    url = f"{base_url(mesh, Page.METRICS)}/api/v1/{name}"
    request = Request(url, urlencode(arguments).encode())  # noqa: S310  # http
    try:
        with loopback.open_url(request, TIMEOUT_SECONDS) as reply:
            result: list[dict[str, Any]] = json.load(reply)["data"]["result"]
            return result
    except HTTPError as error:
        raise MeshError("the metrics cannot be read", why=error.read().decode(errors="replace").strip()) from None
    except OSError as error:
        raise no_response(Page.METRICS, error) from None
