"""The recording rules bring the metrics of both proxies to the same names. vmalert-tool evaluates them on samples."""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from mesh.local.tools import bin_dir
from tests.support.checkout import ROOT

SAMPLES = ROOT / "tests/contracts/samples"
RULES = ROOT / "mesh/observability/rules"
SERIES = re.compile(r"^(\w+){(.*)} ([\d.]+)$", re.MULTILINE)
TARGET = 'namespace="shop-ingress",pod="shop-gateway-1",app="shop-gateway"'
"""What the scraper adds."""
GATEWAY, COUNT, BUCKET = "shop-gateway", "mesh_rpc_requests_total", "mesh_rpc_duration_milliseconds_bucket"
CATALOG, IDENTITY = "shop.catalog.v1.CatalogService", "shop.identity.v1.IdentityService"
PLACE_ORDER = "shop.orders.v1.OrdersService/PlaceOrder"

Row = tuple[str, str, str]
"""Service, method, gRPC status."""
ENVOY: Mapping[Row, int] = {
    ("catalog", f"{CATALOG}/GetProduct", "0"): 1,
    ("catalog", f"{CATALOG}/GetProduct", "1"): 2,  # cancelled by a client of gRPC, and by one of JSON
    ("catalog", f"{CATALOG}/GetProduct", "2"): 1,  # aborted, as JSON
    ("catalog", f"{CATALOG}/GetProduct", "4"): 2,  # the timeout of the callee; that of the gateway, as JSON
    ("catalog", f"{CATALOG}/GetProduct", "5"): 2,  # as gRPC and as JSON
    ("catalog", f"{CATALOG}/GetProduct", "14"): 1,  # aborted
    ("catalog", f"{CATALOG}/GetProduct", "16"): 1,  # an invalid token, as JSON
    ("catalog", f"{CATALOG}/CreateProduct", "7"): 1,  # not permitted, as JSON
    ("identity", f"{IDENTITY}/GetJwks", "0"): 1,  # gRPC-Web
    ("identity", f"{IDENTITY}/IssueToken", "0"): 1,
    ("identity", f"{IDENTITY}/IssueToken", "3"): 1,  # an unknown field, as JSON
    ("identity", f"{IDENTITY}/IssueToken", "8"): 1,  # too large, as JSON
    ("orders", PLACE_ORDER, "0"): 1,
}
ISTIO: Mapping[Row, int] = {
    ("catalog", f"{CATALOG}/GetProduct", "0"): 40,
    ("catalog", f"{CATALOG}/GetProduct", "1"): 6,
    ("catalog", f"{CATALOG}/GetProduct", "3"): 8,
    ("catalog", f"{CATALOG}/GetProduct", "4"): 10,
    ("catalog", f"{CATALOG}/GetProduct", "5"): 3 + 7,
    ("catalog", f"{CATALOG}/GetProduct", "14"): 2 + 4 + 5 + 1 + 9,
}


def test_the_calls_of_upstream_envoy(tmp_path: Path) -> None:
    assert run(tmp_path, "envoy.yaml", "envoy.prom", ENVOY, PLACE_ORDER) == ""


def test_the_calls_of_istio_proxy(tmp_path: Path) -> None:
    assert run(tmp_path, "istio.yaml", "istio-proxy.prom", ISTIO, f"{CATALOG}/GetProduct") == ""


def test_a_wrong_count_is_found(tmp_path: Path) -> None:
    wrong = {**ENVOY, ("orders", PLACE_ORDER, "0"): 2}
    assert "exp" in run(tmp_path, "envoy.yaml", "envoy.prom", wrong, PLACE_ORDER)


def labels(**labels: str) -> str:
    """Write labels as vmalert-tool reads them."""
    return "{" + ", ".join(f'{name}="{value}"' for name, value in labels.items()) + "}"


def check(expr: str, samples: Mapping[str, int]) -> dict[str, object]:
    """Build the check of an expression."""
    expected = [{"labels": each, "value": value} for each, value in samples.items()]
    return {"expr": expr, "eval_time": "10s", "exp_samples": expected}


def counted(text: str) -> list[str]:
    """Return the labels of the series of calls that a proxy counts for its own caller, by methods of the contracts."""
    return [
        tags
        for name, tags, _ in SERIES.findall(text)
        if name.endswith("_requests_total")
        if 'reporter="source"' in tags and 'method="/' in tags and 'request_protocol="http"' not in tags
    ]


def run(folder: Path, rules: str, sample: str, expected: Mapping[Row, int], timed: str) -> str:
    """Evaluate rules on a sample. Return what differs from the expected calls, and from the buckets of a method."""
    text = (SAMPLES / sample).read_text()
    checks = [
        check(
            f"sum by (caller, service, method, grpc_status) ({COUNT})",
            {
                labels(caller=GATEWAY, service=service, method=method, grpc_status=status): value
                for (service, method, status), value in expected.items()
            },
        ),
        # One series for each of the source, not sums: rate() then sees restarts.
        check(f"count({COUNT})", {"{}": len(counted(text))}),
        check(
            f'sum by (caller, method, le) ({BUCKET}{{method="{timed}"}})',
            {
                labels(caller=GATEWAY, method=timed, le=bound): int(value)
                for bound, value in re.findall(r'_bucket{.*le="([^"]+)".*} (\d+)', text)
            },
        ),
        *(
            check(
                f'round(sum by (method) (mesh_rpc_duration_milliseconds_{part}{{method="{timed}"}}))',
                {
                    labels(method=timed): round(float(value))
                    for value in re.findall(rf"_milliseconds_{part}{{.*}} (.+)", text)
                },
            )
            for part in ("sum", "count")
        ),
    ]
    series = [
        {"series": f"{name}{{{TARGET},{tags}}}", "values": f"{value}x4"} for name, tags, value in SERIES.findall(text)
    ]
    return unittest(folder, rules, {"interval": "5s", "input_series": series, "metricsql_expr_test": checks})


def unittest(folder: Path, rules: str, test: Mapping[str, object]) -> str:
    """Run vmalert-tool with one test, and return what it finds wrong."""
    content = {"rule_files": [str(RULES / rules)], "evaluation_interval": "5s", "tests": [dict(test)]}
    file = folder / "unittest.yaml"
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    command = [str(bin_dir() / "vmalert-tool"), "unittest", f"--files={file}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.mark.parametrize(
    ("rules", "series", "value"),
    [
        # The clock of vmalert-tool starts with the year 2000.
        ("envoy.yaml", "envoy_listener_ssl_certificate_default_expiration_unix_time_seconds", 946_684_800 + 610),
        ("istio.yaml", "istio_agent_cert_expiry_seconds", 600),
    ],
)
def test_the_certificates_of_both_proxies(tmp_path: Path, rules: str, series: str, value: int) -> None:
    test = {
        "interval": "5s",
        "input_series": [{"series": f"{series}{{{TARGET}}}", "values": f"{value}x4"}],
        "metricsql_expr_test": [
            check("sum by (app) (mesh_certificate_expiry_seconds)", {labels(app="shop-gateway"): 600})
        ],
    }
    assert unittest(tmp_path, rules, test) == ""
