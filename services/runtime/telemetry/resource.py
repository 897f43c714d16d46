"""The resource: which process the spans are of."""

import uuid
from collections.abc import Mapping
from urllib.parse import unquote

from services.runtime.telemetry.operations import Attributes


def describe_process(service: str, version: str, environ: Mapping[str, str]) -> Attributes:
    """Return the attributes of this process. OTEL_RESOURCE_ATTRIBUTES adds to them, and replaces those that it names.

    The Pod is known from POD_NAME and POD_NAMESPACE.
    """
    pod, namespace = environ.get("POD_NAME", "").strip(), environ.get("POD_NAMESPACE", "").strip()
    attributes = {
        "service.name": service,
        "service.version": version,
        "service.namespace": namespace,
        "service.instance.id": pod or str(uuid.uuid4()),
        "k8s.namespace.name": namespace,
        "k8s.pod.name": pod,
        "telemetry.sdk.language": "python",
        "telemetry.sdk.name": __name__.rpartition(".")[0],
        "telemetry.sdk.version": version,
    }
    for pair in environ.get("OTEL_RESOURCE_ATTRIBUTES", "").split(","):
        name, _, value = pair.partition("=")
        attributes[name.strip()] = unquote(value.strip())
    return {name: value for name, value in attributes.items() if name and value}
