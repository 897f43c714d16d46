"""What may befall a transaction that is no fault of its statements, whichever database it is on."""


class DatabaseBusyError(Exception):
    """No transaction could be begun, or no lock be had, in time. Nothing was changed."""

    def __init__(self) -> None:
        super().__init__("the database is busy")


class WriteConflictError(Exception):
    """The transaction and others stood in each other's way, and the database ended this one. Nothing was changed."""

    def __init__(self) -> None:
        super().__init__("the write met another one; the same request may be sent again")


class DatabaseUnavailableError(Exception):
    """The database does not answer, or no longer. Whether a change that was being committed is there is not known."""

    def __init__(self) -> None:
        super().__init__("the database does not answer; the same request may be sent again")
