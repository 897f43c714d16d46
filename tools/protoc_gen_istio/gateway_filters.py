"""What the EnvoyFilters that add an HTTP filter to the gateway have in common."""

from typing import Any

from tools.protoc_gen_istio.manifests import Manifest, Noted, OneLine, manifest
from tools.protoc_gen_istio.settings import Settings

HTTP_MANAGER = "envoy.filters.network.http_connection_manager"
SUPPRESSED = Noted(
    "IST0133 warns that an EnvoyFilter uses Envoy's internal API. Istio's API does not support this filter.", "IST0133"
)


def gateway_filter(
    name: str, patch: dict[str, Any], settings: Settings, priority: int = 0, before: str = ""
) -> Manifest:
    """Return an EnvoyFilter that adds a filter, `before` the filter of that name.

    EnvoyFilters with a higher priority are applied later.
    """
    place: dict[str, Any] = {"name": HTTP_MANAGER}
    if before:
        place["subFilter"] = OneLine({"name": before})
    annotations = {"galley.istio.io/analyze-suppress": SUPPRESSED}
    return {
        **manifest(
            "networking.istio.io/v1alpha3", "EnvoyFilter", name, settings.gateway_namespace, annotations=annotations
        ),
        "spec": {
            "workloadSelector": {"labels": OneLine({**settings.gateway_selector})},
            **({"priority": priority} if priority else {}),
            "configPatches": [
                {
                    "applyTo": "HTTP_FILTER",
                    "match": {"context": "GATEWAY", "listener": {"filterChain": {"filter": place}}},
                    "patch": patch,
                }
            ],
        },
    }
