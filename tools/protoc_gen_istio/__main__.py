"""The plugin's program: a CodeGeneratorRequest on standard input, the response on standard output."""

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
protoc-gen-istio writes Istio's policies from protobuf contracts and from each service's service.yaml.

It is a plugin of buf and protoc, which run it. In buf.gen.yaml:

  - local: protoc-gen-istio
    strategy: all
    out: istio
    opt: [services=services, namespace=shop]

Parameters:
"""


def usage() -> str:
    """Answer what --help tells: each parameter's docstring stands under its field in settings.py."""
    source = Path(sys.modules[Settings.__module__].__file__ or "").read_text(encoding="utf-8")
    told = dict(re.findall(r'^    (\w+): [\w.]+ = .+\n    """(.+)"""$', source, re.MULTILINE))
    rows = [(f"{field.name}={field.default}", told[field.name]) for field in fields(Settings)]
    width = max(len(name) for name, _ in rows)
    return USAGE + "".join(f"  {name:{width}}  {text}\n" for name, text in rows)


def main() -> None:
    """Answer one request. Faults are the response's error: buf prints them and fails."""
    if sys.argv[1:]:
        asked = sys.argv[1:] in (["--help"], ["-h"])
        (sys.stdout if asked else sys.stderr).write(usage())
        sys.exit(0 if asked else 2)
    if sys.stdin.isatty():
        sys.exit(usage() + "\nNothing comes on standard input: buf or protoc starts this program.")
    response = CodeGeneratorResponse(supported_features=CodeGeneratorResponse.FEATURE_PROTO3_OPTIONAL)
    try:
        files = generate(CodeGeneratorRequest.FromString(sys.stdin.buffer.read()))
    except DecodeError:
        sys.exit("protoc-gen-istio: standard input holds no CodeGeneratorRequest: buf or protoc starts this program")
    except (ParameterError, DeclarationError, ContradictionError) as error:
        response.error = str(error)
    else:
        for name, content in files.items():
            response.file.add(name=name, content=content)
    sys.stdout.buffer.write(response.SerializeToString())


if __name__ == "__main__":
    main()
