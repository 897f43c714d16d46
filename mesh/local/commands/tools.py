"""`mesh tools`: build the tools and the storefront that are missing, and list them."""

from mesh.local import tools, web
from mesh.local.kafka.fetch import fetch as fetch_kafka
from mesh.local.terminal import console
from mesh.local.zipkin.fetch import fetch as fetch_zipkin


def run(*, drop_build_cache: bool) -> int:
    """Build the tools and list them with their versions. Raises MeshError."""
    folder = tools.build(console, drop_build_cache=drop_build_cache)
    kafka, zipkin, storefront = fetch_kafka(console), fetch_zipkin(console), web.build(console)
    for tool, version in sorted(tools.versions().items()):
        console.print(f"{tool:24} {version}", highlight=False)
    places = f"in {folder}, Kafka in {kafka}, Zipkin in {zipkin}, and the storefront in {storefront}"
    console.print(places, highlight=False, soft_wrap=True)
    return 0
