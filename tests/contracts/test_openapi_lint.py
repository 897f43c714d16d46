"""Two public validators accept openapi.json, and each one refuses what only it knows to be wrong."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.checkout import ROOT
from tools.openapi_lint.__main__ import faults, main

COMMITTED = ROOT / "mesh/istio/contracts/openapi.json"


def edited(edit: Callable[[dict[str, Any]], object], folder: Path) -> Path:
    """Write the document with an edit of the operation CreateProduct."""
    document = json.loads(COMMITTED.read_text(encoding="utf-8"))
    edit(document["paths"]["/v1/products"]["post"])
    path = folder / "openapi.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def test_both_validators_accept_the_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(COMMITTED)]) == 0, capsys.readouterr().out


@pytest.mark.parametrize(
    ("edit", "fault"),
    [
        pytest.param(
            lambda operation: operation.update(parameters={}),
            "is not of type 'array' (openapi-spec-validator)",
            id="against the schema of OpenAPI",
        ),
        pytest.param(
            lambda operation: operation["responses"].update({"400": {"$ref": "#/components/responses/None"}}),
            "/components/responses/None: nothing is there (openapi-spec-validator)",
            id="reference to nothing",
        ),
        pytest.param(
            lambda operation: operation.pop("summary"),
            "Operation object should contain `summary` field. (operation-summary of Redocly)",
            id="no summary",
        ),
        pytest.param(
            lambda operation: operation["requestBody"]["content"]["application/json"].update(example={"name": 1}),
            "(no-invalid-media-type-examples of Redocly)",
            id="example that its schema does not accept",
        ),
    ],
)
def test_a_broken_document_is_refused(
    edit: Callable[[dict[str, Any]], object], fault: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(edited(edit, tmp_path))]) == 1
    assert fault in capsys.readouterr().out


def test_a_fault_is_one_line_with_its_place(tmp_path: Path) -> None:
    path = edited(lambda operation: operation.pop("summary"), tmp_path)
    [fault] = faults(path)
    assert fault.startswith(f"{path}: paths/~1v1~1products/post/summary: ")


def test_what_is_no_json_is_refused_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.json").write_text("{", encoding="utf-8")
    assert main([str(tmp_path / "a.json")]) == 2
    assert "cannot read it as JSON" in capsys.readouterr().err
