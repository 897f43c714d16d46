"""The plugin's command: reads a CodeGeneratorRequest from standard input, writes the response to standard output."""

import re
import sys
from dataclasses import fields
from pathlib import Path

from google.protobuf.compiler.plugin_pb2 import CodeGeneratorRequest, CodeGeneratorResponse
from google.protobuf.message import DecodeError

from tools.protoc_gen_istio.declarations import DeclarationError
from tools.protoc_gen_istio.generate import ContradictionError, generate
from tools.protoc_gen_istio.settings import ParameterError, Settings

USAGE = """\
protoc-gen-istio generates Istio policies from protobuf contracts and the service.yaml of each service.

It is a plugin that buf and protoc run. In buf.gen.yaml:

  - local: protoc-gen-istio
    strategy: all
    out: istio
    opt: [services=services, namespace=shop]

Parameters:
"""


def usage() -> str:
    """Return the text of --help. The description of a parameter is the docstring of its field in settings.py."""
    source = Path(sys.modules[Settings.__module__].__file__ or "").read_text(encoding="utf-8")
    descriptions = dict(re.findall(r'^    (\w+): [\w.]+ = .+\n    """(.+)"""$', source, re.MULTILINE))
    rows = [(f"{field.name}={field.default}", descriptions[field.name]) for field in fields(Settings)]
    width = max(len(name) for name, _ in rows)
    return USAGE + "".join(f"  {name:{width}}  {text}\n" for name, text in rows)


def main() -> None:
    """Handle one request. Faults become the error of the response, which buf prints before it fails."""
    if sys.argv[1:]:
        is_help = sys.argv[1:] in (["--help"], ["-h"])
        (sys.stdout if is_help else sys.stderr).write(usage())
        sys.exit(0 if is_help else 2)
    if sys.stdin.isatty():
        sys.exit(usage() + "\nThere is no request on standard input. Run this plugin from buf or protoc.")
    response = CodeGeneratorResponse(supported_features=CodeGeneratorResponse.FEATURE_PROTO3_OPTIONAL)
    try:
        files = generate(CodeGeneratorRequest.FromString(sys.stdin.buffer.read()))
    except DecodeError:
        sys.exit("protoc-gen-istio: standard input holds no CodeGeneratorRequest. Run this plugin from buf or protoc.")
    except ParameterError as error:
        response.error = str(error)
    except (DeclarationError, ContradictionError) as error:
        # buf and protoc write the name of the plugin in front. Every fault starts on a new line.
        response.error = f"\n{error}"
    else:
        for name, content in files.items():
            response.file.add(name=name, content=content)
    sys.stdout.buffer.write(response.SerializeToString())


if __name__ == "__main__":
    main()
