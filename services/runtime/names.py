"""Resource names, "<collection>/<id>"."""


def resource_id(name: str) -> str:
    """Answer the id in a resource name, for example "p-1" in "products/p-1"."""
    return name.partition("/")[2]
