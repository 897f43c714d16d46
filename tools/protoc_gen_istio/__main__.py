"""The plugin's command: reads a CodeGeneratorRequest from standard input, writes the response to standard output."""

from tools.protoc_gen_istio.generate import generate
from tools.protoc_gen_istio.plugin import run
from tools.protoc_gen_istio.settings import Settings

USAGE = """\
protoc-gen-istio generates Istio policies from protobuf contracts and the service.yaml of each service.

It is a plugin that buf and protoc run. In buf.gen.yaml:

  - local: protoc-gen-istio
    strategy: all
    out: istio
    opt: [services=services, namespace=shop]

Parameters:
"""


def main() -> None:
    """Handle one request, or print the usage."""
    run("protoc-gen-istio", USAGE, Settings, generate)


if __name__ == "__main__":
    main()
