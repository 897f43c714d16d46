"""What may befall a transaction, or a call, that is no fault of its own."""


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


class StoppingError(Exception):
    """The process is about to end, and so does what it streams; another process goes on with it."""

    def __init__(self) -> None:
        super().__init__("this instance is about to end; the stream may be opened anew")
