"""The one error that the command line shows to its user: what happened, why, what to do."""


class MeshError(Exception):
    """A user's mistake or a condition of the machine: printed as one message, never as a traceback."""

    def __init__(self, what: str, *, why: str = "", fix: str = "") -> None:
        super().__init__(what)
        self.what, self.why, self.fix = what, why, fix

    def __str__(self) -> str:
        """What, why and what to do, a line each."""
        return "\n".join(
            [self.what, *(f"  {name}: {text}" for name, text in (("why", self.why), ("fix", self.fix)) if text)]
        )
