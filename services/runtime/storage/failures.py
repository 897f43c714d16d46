"""Failures of the database that no statement is to blame for."""


class DatabaseBusyError(Exception):
    """No connection or no lock became free in time. Nothing was changed."""

    def __init__(self) -> None:
        super().__init__("the database is busy")


class WriteConflictError(Exception):
    """The database rolled this transaction back because it conflicted with others. Nothing was changed."""

    def __init__(self) -> None:
        super().__init__("the write conflicted with another one; send the same request again")


class DatabaseUnavailableError(Exception):
    """The database does not respond. A change that was being committed may or may not be stored."""

    def __init__(self) -> None:
        super().__init__("the database does not respond; send the same request again")
