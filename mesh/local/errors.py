"""The one error that the command line shows to its user: what is wrong, why, and what to do."""


class MeshError(Exception):
    """A user's mistake or a condition of the machine. The command line prints it without a traceback."""

    def __init__(self, what: str, *, why: str = "", fix: str = "") -> None:
        super().__init__(what)
        self.what, self.why, self.fix = what, why, fix

    def __str__(self) -> str:
        """Format it: one line each for what is wrong, why, and what to do."""
        details = [f"  {name}: {text}" for name, text in (("why", self.why), ("fix", self.fix)) if text]
        return "\n".join([self.what, *details])
