"""Any options and any names give files that can be read, or faults of one line each, and never a traceback."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.api import annotations_pb2
from google.api.http_pb2 import CustomHttpPattern, HttpRule
from google.protobuf.compiler.plugin_pb2 import CodeGeneratorRequest
from google.protobuf.descriptor_pb2 import FieldDescriptorProto
from google.protobuf.duration_pb2 import Duration
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mesh.options.v1 import options_pb2
from tests.contracts.mistakes import ANYONE, contract, request
from tools.protoc_gen_istio.declarations import DeclarationError
from tools.protoc_gen_istio.generate import ContradictionError, generate

LINE = re.compile(r"\S+:\d+: \S.*")
EXAMPLES = 150
HTTP: Any = annotations_pb2.http  # google's type stubs do not say which message it extends

texts = st.text(max_size=12)
fields = st.sampled_from(["", "*", "name", "parent", "parent.name", "tags", "others.value", "file", "missing"]) | texts
parts = st.sampled_from(["v1", "*", "**", "{name}", "{parent.name=orders/*}", "{tags}", "{", "}", "", "a:b"]) | texts
paths = st.lists(parts, max_size=4).map(lambda each: "/" + "/".join(each)) | texts
patterns: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.just({}),
    st.tuples(st.sampled_from(["get", "put", "post", "delete", "patch"]), paths).map(lambda pair: dict([pair])),
    st.builds(CustomHttpPattern, kind=texts, path=paths).map(lambda custom: {"custom": custom}),
)


def rules(depth: int = 2) -> st.SearchStrategy[HttpRule]:
    more = st.lists(rules(depth - 1), max_size=2) if depth else st.just([])
    return st.builds(
        lambda pattern, **others: HttpRule(**pattern, **others),
        patterns,
        body=fields,
        response_body=fields,
        additional_bindings=more,
    )


durations = st.builds(
    Duration, seconds=st.integers(-(2**63), 2**63 - 1) | st.just(1), nanos=st.integers(-(2**31), 2**31 - 1)
)
policies = st.builds(
    options_pb2.MethodPolicy,
    timeout=st.none() | durations,
    audience=st.integers(0, 4) | st.integers(-(2**31), 2**31 - 1),
    roles=st.lists(texts | st.just("clerk"), max_size=3),
    calls_per_minute=st.integers(0, 2**32 - 1),
)
services = st.builds(options_pb2.ServicePolicy, owner=texts, tier=st.integers(-1, 9))


@dataclass(frozen=True)
class Base:
    """The request for a contract without mistakes. pytest would print a request that is an argument in full."""

    folder: Path
    request: CodeGeneratorRequest = field(repr=False)

    def copy(self) -> CodeGeneratorRequest:
        """Return a copy."""
        copy = CodeGeneratorRequest()
        copy.CopyFrom(self.request)
        return copy


@pytest.fixture
def base(tmp_path: Path) -> Base:
    """Return a request for a contract without mistakes."""
    return Base(
        tmp_path, request(tmp_path, contract(ANYONE, 'option (google.api.http) = {get: "/v1/{name=orders/*}"};'))
    )


def assert_files_or_lines(changed: CodeGeneratorRequest) -> None:
    """Assert that the plugin writes manifests that can be read, or reports faults of one line each."""
    files, text = {}, ""
    try:
        files = generate(changed)
    except (ContradictionError, DeclarationError) as error:
        text = str(error)
    assert all(LINE.fullmatch(line) for line in text.splitlines()), text
    assert all(each["kind"] for manifests in loaded(files).values() for each in manifests)


def loaded(files: Mapping[str, str]) -> dict[str, list[Any]]:
    """Return the manifests of each file."""
    return {name: list(yaml.safe_load_all(text)) for name, text in files.items() if name.endswith(".yaml")}


@settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)
@given(data=st.data())
def test_any_option_gives_files_or_faults_of_one_line(base: Base, data: st.DataObject) -> None:
    changed = base.copy()
    [service] = changed.proto_file[-1].service
    [method] = service.method
    service.options.Extensions[options_pb2.service].CopyFrom(data.draw(services))
    if data.draw(st.booleans()):
        method.options.Extensions[options_pb2.method].CopyFrom(data.draw(policies))
    if data.draw(st.booleans()):
        method.options.Extensions[HTTP].CopyFrom(data.draw(rules()))
    method.client_streaming, method.server_streaming = data.draw(st.booleans()), data.draw(st.booleans())
    method.options.idempotency_level = data.draw(st.sampled_from([0, 1, 2]))  # type: ignore[assignment]
    assert_files_or_lines(changed)


OTHER = st.sampled_from(
    [FieldDescriptorProto.TYPE_STRING, FieldDescriptorProto.TYPE_INT32, FieldDescriptorProto.TYPE_BYTES]
)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
@given(data=st.data())
def test_another_copy_of_the_options_gives_files_or_faults_of_one_line(base: Base, data: st.DataObject) -> None:
    changed = base.copy()
    [copy] = [file for file in changed.proto_file if file.name == "mesh/options/v1/options.proto"]
    for message in copy.message_type:
        for each in message.field:
            change = data.draw(st.sampled_from(["none", "type", "list", "name"]))
            if change == "type":
                each.type = data.draw(OTHER)
                each.ClearField("type_name")
            elif change == "list":
                each.label = FieldDescriptorProto.LABEL_REPEATED
            elif change == "name":
                each.name = f"other_{each.name}"
    for enum in copy.enum_type:
        enum.value[1].number, enum.value[2].number = data.draw(st.permutations([1, 2]))
    if data.draw(st.booleans()):
        copy.extension[0].type, copy.extension[0].type_name = FieldDescriptorProto.TYPE_STRING, ""
        copy.extension[0].ClearField("type_name")
    if data.draw(st.booleans()):
        copy.extension[data.draw(st.sampled_from([0, 1]))].extendee = ".google.protobuf.FieldOptions"
    assert_files_or_lines(changed)


keys = st.sampled_from(["service", "serves", "calls", "emits", "consumes", "owns", "other"])
names = st.sampled_from(["orders", "acme.v1.Orders", "acme.v1.Nothing", "", "on", "1"]) | texts
entries = st.one_of(
    names,
    st.dictionaries(st.sampled_from(["to", "methods", "during", "on_demand"]), names | st.lists(names, max_size=2)),
)
declarations = st.dictionaries(keys, names | st.lists(entries, max_size=3)).map(json.dumps) | texts


@settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)
@given(text=declarations)
def test_any_declaration_gives_files_or_faults_of_one_line(base: Base, text: str) -> None:
    (base.folder / "services/orders/service.yaml").write_text(text, encoding="utf-8", errors="surrogatepass")
    assert_files_or_lines(base.copy())
