"""The route at the gateway that serves the OpenAPI document, and the policy that allows any caller to read it."""

from tools.protoc_gen_istio.manifests import Literal, Manifest, Noted, OneLine, manifest
from tools.protoc_gen_istio.openapi import PATH
from tools.protoc_gen_istio.openapi_errors import JSON
from tools.protoc_gen_istio.settings import Settings


def served(text: str, settings: Settings) -> Manifest:
    """Return the route that serves the document. istiod accepts up to 1 MiB and warns from 100 KiB."""
    headers = {"content-type": JSON, "access-control-allow-origin": "*"}
    route = {
        "name": "openapi",
        "match": [OneLine({"uri": {"exact": PATH}, "method": {"exact": "GET"}})],
        "headers": Noted(
            "Envoy's CORS filter does not apply to a direct response. Pages of any origin may read this one.",
            OneLine({"response": {"set": headers}}),
        ),
        "directResponse": {"status": 200, "body": {"string": Literal(text)}},
    }
    return {
        **manifest("networking.istio.io/v1", "VirtualService", "openapi", settings.namespace),
        "spec": {"gateways": OneLine([settings.gateway]), "hosts": OneLine(["*"]), "http": [route]},
    }
