"""What all plugins of protoc do: read a CodeGeneratorRequest, write the response, explain themselves."""

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path

from google.protobuf.compiler.plugin_pb2 import CodeGeneratorRequest, CodeGeneratorResponse
from google.protobuf.message import DecodeError

from tools.protoc_gen_istio.declarations import DeclarationError
from tools.protoc_gen_istio.generate import ContradictionError
from tools.protoc_gen_istio.settings import ParameterError, Parameters

Generate = Callable[[CodeGeneratorRequest], Mapping[str, str]]
"""Returns the content of the files by name."""


def run(name: str, usage: str, settings: type[Parameters], generate: Generate) -> None:
    """Handle one request. Faults become the error of the response, which buf prints before it fails."""
    if sys.argv[1:]:
        is_help = sys.argv[1:] in (["--help"], ["-h"])
        (sys.stdout if is_help else sys.stderr).write(usage + _parameters(settings))
        sys.exit(0 if is_help else 2)
    if sys.stdin.isatty():
        hint = "There is no request on standard input. Run this plugin from buf or protoc."
        sys.exit(f"{usage}{_parameters(settings)}\n{hint}")
    response = CodeGeneratorResponse(supported_features=CodeGeneratorResponse.FEATURE_PROTO3_OPTIONAL)
    try:
        files = generate(CodeGeneratorRequest.FromString(sys.stdin.buffer.read()))
    except DecodeError:
        sys.exit(f"{name}: standard input holds no CodeGeneratorRequest. Run this plugin from buf or protoc.")
    except ParameterError as error:
        response.error = str(error)
    except (DeclarationError, ContradictionError) as error:
        # buf and protoc write the name of the plugin in front. Every fault starts on a new line.
        response.error = f"\n{error}"
    else:
        for file, content in files.items():
            response.file.add(name=file, content=content)
    sys.stdout.buffer.write(response.SerializeToString())


def _parameters(settings: type[Parameters]) -> str:
    """Return a line for each parameter. Its description is the docstring of its field."""
    source = Path(sys.modules[settings.__module__].__file__ or "").read_text(encoding="utf-8")
    descriptions = dict(re.findall(r'^    (\w+): [\w.]+ = .+\n    """(.+)"""$', source, re.MULTILINE))
    rows = [(f"{field.name}={field.default}", descriptions[field.name]) for field in fields(settings)]
    width = max(len(name) for name, _ in rows)
    return "".join(f"  {name:{width}}  {text}\n" for name, text in rows)
