"""The spans of a trace as a tree, and in words."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from mesh.local.clients.signals import Span


def walk(spans: Iterable[Span]) -> Iterator[tuple[int, Span]]:
    """Yield each span with its depth, parents before their children. A span whose parent is missing is a root."""
    children = by_parent(spans)
    stack = [(0, span) for span in reversed(children.get("", ()))]
    while stack:
        depth, span = stack.pop()
        yield depth, span
        stack += [(depth + 1, child) for child in reversed(children.get(span.id, ()))]


def by_parent(spans: Iterable[Span]) -> Mapping[str, Sequence[Span]]:
    """Return the children of each span, by its id. The roots have the id ""."""
    spans = list(spans)
    ids = {span.id for span in spans}
    children: defaultdict[str, list[Span]] = defaultdict(list)
    for span in spans:
        children[span.parent if span.parent in ids else ""].append(span)
    return children


def describe(span: Span) -> str:
    """Return what a span did in a few words: `→ Service/Method` for a call. Zipkin has the names in lower case."""
    if method := span.tags.get("rpc.method") or span.tags.get("grpc.path", "").lstrip("/"):
        text = method.rpartition(".")[2]
    elif span.tags.get("upstream_cluster", "").startswith("outbound"):
        text = span.tags["upstream_cluster"].rpartition("|")[2].partition(".")[0]
    else:
        text = span.name
    return f"→ {text}" if span.kind == "CLIENT" else text
