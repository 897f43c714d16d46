"""How many calls there were, and how many failed, over the last hour: what the time slider shows."""

import time
from dataclasses import dataclass
from typing import Self

from mesh.local.canary.metrics import SERVER_ERRORS
from mesh.local.clients.metrics import query_range, union
from mesh.local.instance import Instance

SPAN_SECONDS, STEP_SECONDS = 3600, 60


@dataclass(frozen=True)
class Moment:
    """The calls of the whole mesh in one step, and the alerts that fired at its end."""

    time: float
    """The end of the step, in seconds since 1970."""
    calls: int
    failed: int
    alerts: int


@dataclass(frozen=True)
class History:
    """The last hour."""

    start: float
    end: float
    step_seconds: int
    moments: tuple[Moment, ...]

    @classmethod
    def read(cls, mesh: Instance) -> Self:
        """Read it from the metrics. Raises MeshError."""
        end = time.time() // STEP_SECONDS * STEP_SECONDS
        start = end - SPAN_SECONDS
        statuses = "|".join(map(str, sorted(SERVER_ERRORS)))
        failed = f'{{grpc_status=~"{statuses}"}}'
        figures = {
            "calls": f"sum(increase(mesh_rpc_requests_total[{STEP_SECONDS}s]))",
            "failed": f"sum(increase(mesh_rpc_requests_total{failed}[{STEP_SECONDS}s]))",
            "alerts": 'count(ALERTS{alertstate="firing"})',
        }
        series = query_range(mesh, union(figures), start, end, STEP_SECONDS)
        points = {each.labels["figure"]: each.points for each in series}
        times = [start + step * STEP_SECONDS for step in range(SPAN_SECONDS // STEP_SECONDS + 1)]
        moments = (Moment(each, *(round(points.get(name, {}).get(each, 0)) for name in figures)) for each in times)
        return cls(start, end, STEP_SECONDS, tuple(moments))
