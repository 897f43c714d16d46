"""Adds the generated code to the wheel of the contracts.

An editable install must not contain it. hatchling would copy the files into site-packages, where the copies hide gen/,
and `make generate` would have no effect on the code that runs.
"""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FILES = {
    "../gen/buf": "buf",
    "../gen/mesh": "mesh",
    "../gen/shop": "shop",
    "py.typed": "buf/validate/py.typed",
}


class GeneratedCode(BuildHookInterface[Any]):
    """Adds FILES to a wheel. An editable install reads gen/ itself (`dev-mode-dirs`)."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the files, unless the install is editable."""
        if version != "editable":
            build_data["force_include"].update(FILES)
