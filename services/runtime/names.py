"""Resource names, "<collection>/<id>"."""


class ForeignNameError(ValueError):
    """A resource name in an event is none of the collection that its contract says."""


def resource_id(name: str) -> str:
    """Answer the id in a resource name, for example "p-1" in "products/p-1"."""
    return name.partition("/")[2]


def foreign_id(name: str, collection: str) -> str:
    """Answer the id in a name that nothing has checked before: an event's. Raises ForeignNameError."""
    prefix, _, found = name.partition("/")
    if prefix != collection or not found:
        raise ForeignNameError(f"{name!r} is not of the form {collection}/{{id}}")
    return found
