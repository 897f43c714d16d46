"""Edits of the contracts by kind, each with the expected verdict of `make breaking`."""

from tests.contracts.edits import http, options, rules, structure

KINDS = {"structure": structure, "options": options, "http": http, "rules": rules}
EDITS = {f"{kind}: {name}": edit for kind, module in KINDS.items() for name, edit in module.EDITS.items()}
