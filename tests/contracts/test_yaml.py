"""What a contract or a service.yaml contains changes nothing in the generated manifests but its own value."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ruamel.yaml import YAML

from tests.contracts.mistakes import contract, request
from tools.protoc_gen_istio.generate import generate
from tools.protoc_gen_istio.manifests import Literal, Noted, OneLine, manifest, page

PLAIN = "zebra"
OTHER_TYPES = ("on", "off", "yes", "no", "y", "n", "true", "false", "null", "e3")
"""Names of services and methods that YAML reads as another type, unless they are quoted."""
UNCOMPARED = ("proto_descriptor_bin", "string", "resources")
"""The descriptors, the OpenAPI document and the list of files: binary, or sorted by name."""
TEXTS = (
    *("1e3", "0x10", "0o7", "1_000", "12:30", "2001-01-01", ".inf", "~", "", "<<", "=", "!", "&a", "*", "*a", "?", "-"),
    *("a: b", "a #b", "#a", "[a", "a]", "{a", "a}", "a, b", "'", '"', "%a", "@a", "`a`", "|", ">", " a", "a ", "\ta"),
    *("a\nb: c", "a\n", "\n---\n", "\u2028", "\x85", "\x07", "\ufeff", "😀", "\\", "a: |\n b"),
)


def renamed(value: Any, word: str) -> Any:  # noqa: ANN401  # a YAML document
    """Return a document with PLAIN in place of a word, without UNCOMPARED."""
    if isinstance(value, dict):
        return {renamed(key, word): renamed(each, word) for key, each in value.items() if key not in UNCOMPARED}
    if isinstance(value, list):
        return [renamed(each, word) for each in value]
    return re.sub(rf"\b{word}\b", PLAIN, value) if isinstance(value, str) else value


def built(folder: Path, word: str) -> dict[str, list[Any]]:
    """Generate the manifests of a service, a method, a role, an owner and a package with a name."""
    folder.mkdir()
    service = f'option (mesh.options.v1.service) = {{owner: "{word}"}};'
    policy = f'option (mesh.options.v1.method) = {{audience: AUDIENCE_SIGNED_IN roles: "{word}"}};'
    rule = f'option (google.api.http) = {{get: "/v1/{word}"}};'
    text = contract(policy, rule, service=service).replace("GetOrder", word).replace("acme.v1", f"{word}.v1")
    requested = request(folder, text)
    declaration = f"{{service: {word}, serves: [{word}.v1.Orders], emits: [{word}.v1.Nothing]}}"
    (folder / "services/orders/service.yaml").write_text(declaration, encoding="utf-8")
    requested.parameter += f",namespace={word},gateway={word}/{word},gateway_label=app={word},user_header={word}"
    return {
        name: list(yaml.safe_load_all(each)) for name, each in generate(requested).items() if name.endswith(".yaml")
    }


@pytest.mark.parametrize("word", OTHER_TYPES)
def test_a_name_that_yaml_reads_as_another_type_stays_a_name(tmp_path: Path, word: str) -> None:
    assert renamed(built(tmp_path / "word", word), word) == renamed(built(tmp_path / "plain", PLAIN), word)


@pytest.mark.parametrize("text", [*TEXTS, *OTHER_TYPES])
def test_a_text_is_written_so_that_it_is_read_again(text: str) -> None:
    value = {
        text: text,
        "list": [text, [text]],
        "flow": {"map": {text: text}, "list": [text]},
        "many": f"{text}\n{text}",
    }
    written = {
        text: Noted(text, text),
        "list": [Noted(text, text), [text]],
        "flow": {"map": OneLine({text: text}), "list": OneLine([text])},
        "many": Literal(f"{text}\n{text}"),
    }
    output = page([text], [{**manifest("v1", "ConfigMap", text, text), "spec": written}]).text()
    expected = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": text, "namespace": text}, "spec": value}
    assert yaml.safe_load(output) == expected
    assert YAML(typ="safe", pure=True).load(output) == expected
