"""Edits of the contracts by kind, each with the expected verdict of `make breaking`."""

from tests.support.edits import (
    annotations,
    declarations,
    fields,
    http,
    options,
    policies,
    rules,
    structure,
    types,
)

KINDS = {
    "structure": structure,
    "fields": fields,
    "types": types,
    "options": options,
    "http": http,
    "annotations": annotations,
    "declarations": declarations,
    "policies": policies,
    "rules": rules,
}
EDITS = {f"{kind}: {name}": edit for kind, module in KINDS.items() for name, edit in module.EDITS.items()}
