"""The form of dashboards, as strict schemas: no other key is accepted, so a misspelled one is found.

vmui's form is documented beside its source in the repository of VictoriaMetrics, app/vmui; that of Grafana in its
documentation, "JSON model of a dashboard".
"""

from typing import Any

Schema = dict[str, Any]


def exactly(**properties: Schema) -> Schema:
    """Return the schema of an object with these keys and no others."""
    return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}


def listed(items: Schema) -> Schema:
    """Return the schema of a list with at least one item."""
    return {"type": "array", "items": items, "minItems": 1}


TEXT: Schema = {"type": "string", "minLength": 1}
ANY_TEXT: Schema = {"type": "string"}
EMPTY: Schema = {"type": "array", "maxItems": 0}
NUMBER: Schema = {"type": "integer", "minimum": 0}
YES: Schema = {"type": "boolean"}
# Grafana knows units by name; vmui shows after each number what is written there.
UNITS: Schema = {"enum": ["reqps", "s", "ms", "percentunit", "bytes", "short"]}
VMUI_UNITS: Schema = {"enum": ["calls/s", "s", "ms", "%", "B", ""]}

VMUI_PANEL = exactly(title=TEXT, unit=VMUI_UNITS, expr=listed(TEXT), alias=listed(TEXT), width={"enum": [4]})
VMUI_PANEL["properties"]["description"] = TEXT
VMUI = exactly(title=TEXT, rows=listed(exactly(title=TEXT, panels=listed(VMUI_PANEL))))

SOURCE = exactly(type={"const": "prometheus"}, uid={"const": "${source}"})
PLACE = exactly(
    h=NUMBER, w={"type": "integer", "minimum": 1, "maximum": 24}, x={"type": "integer", "maximum": 23}, y=NUMBER
)
ROW = exactly(id=NUMBER, type={"const": "row"}, title=TEXT, collapsed=YES, panels=EMPTY, gridPos=PLACE)
TARGET = exactly(refId={"type": "string", "pattern": "^[A-Z]$"}, datasource=SOURCE, expr=TEXT, legendFormat=TEXT)
LEGEND = exactly(showLegend=YES, displayMode={"enum": ["list", "table"]}, placement={"enum": ["bottom"]}, calcs=EMPTY)
PANEL = exactly(
    id=NUMBER,
    type={"const": "timeseries"},
    title=TEXT,
    description=ANY_TEXT,
    datasource=SOURCE,
    gridPos=PLACE,
    fieldConfig=exactly(defaults=exactly(unit=UNITS, min=NUMBER), overrides=EMPTY),
    options=exactly(legend=LEGEND, tooltip=exactly(mode={"enum": ["multi"]}, sort={"enum": ["desc"]})),
    targets=listed(TARGET),
)
VARIABLE = exactly(
    name={"const": "source"}, type={"const": "datasource"}, query={"const": "prometheus"}, label=TEXT, hide=NUMBER
)
GRAFANA = exactly(
    uid={"type": "string", "pattern": "^[a-zA-Z0-9_-]{1,40}$"},
    title=TEXT,
    tags=listed(TEXT),
    schemaVersion={"const": 41},
    editable=YES,
    graphTooltip={"enum": [0, 1, 2]},
    refresh=TEXT,
    time=exactly(**{"from": TEXT, "to": TEXT}),
    timezone={"enum": ["browser", "utc"]},
    templating=exactly(list=listed(VARIABLE)),
    annotations=exactly(list=EMPTY),
    links=EMPTY,
    panels=listed({"oneOf": [ROW, PANEL]}),
)
