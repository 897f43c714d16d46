"""Path templates of google.api.http, and which URLs they match.

google/api/http.proto has the grammar. Envoy takes a little more, which is an error here: other gateways reject it.
"""

import re
from dataclasses import dataclass
from itertools import zip_longest

VARIABLE = re.compile(r"\{([^{}]*)\}")
FIELD_PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)
LITERAL = re.compile(r"[A-Za-z0-9._~!$&'()+,;=@-]+")
ONE, MANY = "*", "**"


class TemplateError(Exception):
    """A path is no template. The text says what is wrong with it."""


@dataclass(frozen=True)
class Template:
    """A path, as the URLs that it matches and the request fields that take its variable parts."""

    segments: tuple[str, ...]
    """Literals, ONE and MANY; without variables."""
    verb: str
    """What follows the colon at its end: "cancel" in "/v1/{name=orders/*}:cancel"."""
    fields: tuple[str, ...]

    def meets(self, other: "Template") -> bool:
        """Return whether both match the same URL."""
        if self.verb != other.verb:
            return False
        for mine, yours in zip_longest(self.segments, other.segments):
            if MANY in (mine, yours):
                return True
            if mine != yours and (ONE not in (mine, yours) or None in (mine, yours)):
                return False
        return True

    def covers(self, other: "Template") -> bool:
        """Return whether every URL that the other template matches is one that this template matches."""
        if self.verb != other.verb:
            return False
        for mine, yours in zip_longest(self.segments, other.segments):
            if mine == MANY:
                return True
            if mine != yours and (mine != ONE or yours in (MANY, None)):
                return False
        return True


def parse(text: str) -> Template:
    """Return a template. Raises TemplateError."""
    if not text.startswith("/"):
        raise TemplateError("does not start with /: a path is absolute, so write it with a / in front")
    _check_braces(text)
    fields: list[str] = []

    def flat(found: re.Match[str]) -> str:
        field, equals, pattern = found[1].partition("=")
        if not FIELD_PATH.fullmatch(field):
            raise TemplateError(f"has the variable {found[0]}: write it as {{field}} or {{field=pattern/*}}")
        if found.string[found.start() - 1] != "/" or found.string[found.end() :][:1] not in {"", "/", ":"}:
            raise TemplateError(f"has text beside {found[0]}: a variable is a whole segment between two slashes")
        if field in fields:
            raise TemplateError(f"has the variable {field} twice: use each field once")
        fields.append(field)
        return pattern if equals else ONE

    path = VARIABLE.sub(flat, text)
    path, _, verb = path.partition(":")
    if ":" in text and not LITERAL.fullmatch(verb):
        raise TemplateError("has a colon that starts no verb: only `:verb` at the end of a path may have one")
    segments = tuple(path[1:].split("/")) if path != "/" else ()
    for segment in segments:
        _check_segment(segment)
    if MANY in segments[:-1]:
        raise TemplateError(f"has {MANY} before its end: {MANY} takes all that follows, so it must be the last segment")
    return Template(segments, verb, tuple(fields))


def _check_braces(text: str) -> None:
    is_open = False
    for char in text:
        if char == "{" and is_open:
            raise TemplateError("has a variable inside of another one: close the first one before the second one")
        if char == "}" and not is_open:
            raise TemplateError("has a } without a {: add the brace that is missing")
        is_open = char == "{" or (is_open and char != "}")
    if is_open:
        raise TemplateError("has a { without a }: add the brace that is missing")


def _check_segment(segment: str) -> None:
    if not segment:
        raise TemplateError("has an empty segment: remove the / that is too much")
    if segment in {".", ".."}:
        raise TemplateError(f"has the segment {segment}, which clients remove from a URL: remove it")
    if segment not in {ONE, MANY} and not LITERAL.fullmatch(segment):
        raise TemplateError(
            f"has the segment {segment!r}: a segment is *, ** or letters, digits and -._~!$&'()+,;=@, "
            "so write other characters differently"
        )
