"""The plugin's command: reads a CodeGeneratorRequest from standard input, writes the response to standard output."""

from tools.protoc_gen_istio.plugin import run
from tools.protoc_gen_signals.generate import generate
from tools.protoc_gen_signals.settings import Settings

USAGE = """\
protoc-gen-signals generates objectives, alerts and dashboards from protobuf contracts and the service.yaml files.

It is a plugin that buf and protoc run. In buf.gen.yaml:

  - local: protoc-gen-signals
    strategy: all
    out: signals
    opt: [services=services, namespace=shop]

Parameters:
"""


def main() -> None:
    """Handle one request, or print the usage."""
    run("protoc-gen-signals", USAGE, Settings, generate)


if __name__ == "__main__":
    main()
