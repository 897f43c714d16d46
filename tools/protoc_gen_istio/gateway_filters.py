"""What the EnvoyFilters that add an HTTP filter to the gateway have in common."""

from collections.abc import Iterator

from tools.protoc_gen_istio.settings import Settings

HTTP_MANAGER = "envoy.filters.network.http_connection_manager"


def head(name: str, settings: Settings, priority: int = 0) -> Iterator[str]:
    """Yield the lines of an EnvoyFilter from the first one to the place in the listener that it changes.

    EnvoyFilters with a higher priority are applied later.
    """
    yield "apiVersion: networking.istio.io/v1alpha3"
    yield "kind: EnvoyFilter"
    yield "metadata:"
    yield f"  name: {name}"
    yield f"  namespace: {settings.gateway_namespace}"
    yield "  annotations:"
    yield "    # IST0133 warns that an EnvoyFilter uses Envoy's internal API. Istio's API does not support this filter."
    yield "    galley.istio.io/analyze-suppress: IST0133"
    yield "spec:"
    yield "  workloadSelector:"
    yield f"    labels: {settings.gateway_selector}"
    if priority:
        yield f"  priority: {priority}"
    yield "  configPatches:"
    yield "    - applyTo: HTTP_FILTER"
    yield "      match:"
    yield "        context: GATEWAY"
    yield "        listener:"
    yield "          filterChain:"
    yield "            filter:"
    yield f"              name: {HTTP_MANAGER}"
