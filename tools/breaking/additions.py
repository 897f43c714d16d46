"""Compatible changes: elements that are new or deprecated."""

from collections.abc import Iterator

from tools.breaking.findings import Note
from tools.breaking.image import Element, Image


def compare(older: Image, newer: Image) -> Iterator[Note]:
    """Yield a note for each new or deprecated element; none for the content of a new message or service."""
    for element in newer.elements.values():
        was = older.counterpart(element) or older.elements.get(element.name)
        if was is None and (element.parent in older.elements or element.parent not in newer.elements):
            yield Note("added", f"{element.kind} {element.name}")
        elif was is not None and _deprecated(element) and not _deprecated(was):
            yield Note("deprecated", f"{element.kind} {element.name}")


def _deprecated(element: Element) -> bool:
    return bool(getattr(element.proto.options, "deprecated", False))
