"""The generated objectives as a table: the README of their folder."""

from collections.abc import Iterator

from tools.protoc_gen_istio.contracts import Method
from tools.protoc_gen_istio.graph import Graph
from tools.protoc_gen_istio.routes import duration

NONE = "-"


def readme(graph: Graph) -> Iterator[str]:
    """Yield the lines of the README: every method with its objective."""
    yield "# Every method: its objective"
    yield ""
    yield "`make generate` writes this folder from the contracts and the `service.yaml` files. Do not edit it."
    yield "[The README of its parent folder](../README.md) explains the files."
    yield ""
    yield "| method | owner | calls that do not fail | fast calls | fast is |"
    yield "|---|---|---|---|---|"
    for declared in graph.declarations:
        for contract in graph.served(declared):
            for method in contract.methods:
                yield f"| `{method.name}` | {contract.owner or NONE} | {' | '.join(_objective(method))} |"


def _objective(method: Method) -> Iterator[str]:
    objective = method.objective
    yield f"{objective.available_percent:g} %"
    yield f"{objective.fast_percent:g} %" if objective.fast_percent else NONE
    yield f"at most {duration(objective.latency_ms)}" if objective.latency_ms else NONE
