"""Resource names, "<collection>/<id>"."""


class InvalidResourceNameError(ValueError):
    """A resource name is not of the collection that its contract states."""


def resource_id(name: str) -> str:
    """Return the id in a resource name that the contract's rules have checked: "p-1" for "products/p-1"."""
    return name.partition("/")[2]


def parse_resource_name(name: str, collection: str) -> str:
    """Return the id in an unchecked resource name, for example from an event. Raises InvalidResourceNameError."""
    prefix, _, resource = name.partition("/")
    if prefix != collection or not resource:
        raise InvalidResourceNameError(f"{name!r} is not of the form {collection}/{{id}}")
    return resource
