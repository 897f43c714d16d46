"""Dashboards as files: for the page of VictoriaMetrics, and for Grafana.

vmui's form is documented beside its source in the repository of VictoriaMetrics, app/vmui; that of Grafana in its
documentation, "JSON model of a dashboard".
"""

import json
from collections.abc import Iterator
from typing import Any

from tools.protoc_gen_signals.boards import BYTES, CALLS_PER_SECOND, NUMBER, RATIO, WINDOW, Board, Panel

SCHEMA_VERSION = 41
"""Of Grafana 12. It migrates older dashboards, and reads this version as it is."""
PANELS = 3
"""In each line."""
VMUI_COLUMNS, COLUMNS, HEIGHT = 12, 24, 8
WIDTH = COLUMNS // PANELS
VMUI_WINDOW, GRAFANA_WINDOW = "1m", "$__rate_interval"
VMUI_UNITS = {CALLS_PER_SECOND: "calls/s", RATIO: "%", BYTES: "B", NUMBER: ""}
"""Grafana knows units by name. vmui shows after each number what is written here."""
SOURCE = {"type": "prometheus", "uid": "${source}"}
"""The data source that the reader chooses at the top of the page."""


def vmui(board: Board) -> str:
    """Return a dashboard for `-vmui.customDashboardsPath`."""
    rows = [
        {
            "title": row.title,
            "panels": [
                {
                    "title": panel.title,
                    **({"description": panel.description} if panel.description else {}),
                    "unit": VMUI_UNITS.get(panel.unit, panel.unit),
                    "expr": [_vmui_query(query.expr, panel.unit) for query in panel.queries],
                    "alias": [query.name for query in panel.queries],
                    "width": VMUI_COLUMNS // PANELS,
                }
                for panel in row.panels
            ],
        }
        for row in board.rows
    ]
    return _text({"title": board.title, "rows": rows})


def _vmui_query(query: str, unit: str) -> str:
    query = query.replace(WINDOW, VMUI_WINDOW)
    return f"100 * ({query})" if unit == RATIO else query


def grafana(board: Board) -> str:
    """Return a dashboard for Grafana."""
    source = {"name": "source", "type": "datasource", "query": "prometheus", "label": "Data source", "hide": 0}
    return _text(
        {
            "uid": board.uid,
            "title": f"Mesh: {board.title}",
            "tags": ["mesh"],
            "schemaVersion": SCHEMA_VERSION,
            "editable": False,
            "graphTooltip": 1,
            "refresh": "10s",
            "time": {"from": "now-1h", "to": "now"},
            "timezone": "browser",
            "templating": {"list": [source]},
            "annotations": {"list": []},
            "links": [],
            "panels": list(_panels(board)),
        }
    )


def _panels(board: Board) -> Iterator[dict[str, Any]]:
    number, top = 1, 0
    for row in board.rows:
        yield {
            "id": number,
            "type": "row",
            "title": row.title,
            "collapsed": False,
            "panels": [],
            "gridPos": {"h": 1, "w": COLUMNS, "x": 0, "y": top},
        }
        number, top, left = number + 1, top + 1, 0
        for panel in row.panels:
            yield _panel(panel, number, {"h": HEIGHT, "w": WIDTH, "x": left, "y": top})
            number, left = number + 1, left + WIDTH
            if left == COLUMNS:
                top, left = top + HEIGHT, 0
        top += HEIGHT if left else 0


def _panel(panel: Panel, number: int, place: dict[str, int]) -> dict[str, Any]:
    targets = [
        {
            "refId": chr(ord("A") + index),
            "datasource": SOURCE,
            "expr": query.expr.replace(WINDOW, GRAFANA_WINDOW),
            "legendFormat": query.name,
        }
        for index, query in enumerate(panel.queries)
    ]
    return {
        "id": number,
        "type": "timeseries",
        "title": panel.title,
        "description": panel.description,
        "datasource": SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "options": {
            "legend": {"showLegend": True, "displayMode": "list", "placement": "bottom", "calcs": []},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
        "targets": targets,
    }


def _text(content: object) -> str:
    return json.dumps(content, indent=2) + "\n"
