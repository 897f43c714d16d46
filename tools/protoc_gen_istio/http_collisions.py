"""HTTP paths that match the same URLs, or URLs that the gateway serves itself.

Envoy prefers a literal segment to `*`, and `*` to `**`, segment by segment from the left. So a path may be a special
case of another one. It ignores two paths that match exactly the same URLs: such calls reach no method.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tools.protoc_gen_istio.contracts import Method
from tools.protoc_gen_istio.templates import Template, parse


@dataclass(frozen=True)
class Path:
    """An HTTP path of a method."""

    method: Method
    verb: str
    text: str
    template: Template

    def __str__(self) -> str:
        """Return verb and path, as in a request."""
        return f"{self.verb.upper()} {self.text}"


def collisions(
    paths: Sequence[Path], methods: Sequence[Method], own_paths: Sequence[str]
) -> Iterator[tuple[Path, str]]:
    """Yield each path that matches URLs of something else, with a text. The gateway itself serves `own_paths`."""
    for number, path in enumerate(paths):
        if owned := [own for own in own_paths if path.template.meets(parse(own))]:
            yield path, f"matches {', '.join(owned)}, which the gateway serves itself"
        # gRPC-Web calls are POST requests, and the transcoder sees them first.
        called = (each.path for each in methods if path.verb == "post" and path.template.meets(parse(each.path)))
        if grpc := next(called, ""):
            yield path, f"matches {grpc}, which is the path of gRPC calls"
        for other in paths[:number]:
            if path.verb == other.verb and (kind := _overlap(path.template, other.template)):
                where = f"{other.method.short} ({other.method.http_location})"
                yield path, f"matches {kind} {other} of {where}"


def _overlap(one: Template, other: Template) -> str:
    if not one.meets(other):
        return ""
    covers = one.covers(other), other.covers(one)
    if all(covers):
        return "the same URLs as"
    return "" if any(covers) else "some URLs of, but is neither more nor less specific than,"
