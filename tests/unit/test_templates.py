"""Path templates: which URLs they match, compared with every short URL."""

import re
from itertools import product

import pytest

from tools.protoc_gen_istio.templates import Template, TemplateError, parse

WORDS = ("a", "b", "c")
URLS = ["/" + "/".join(words) for length in range(5) for words in product(WORDS, repeat=length)]
"""All URLs of up to four segments. "c" is in no template, so it stands for every other word."""
TEMPLATES = [
    parse("/" + "/".join(segments))
    for length in range(4)
    for segments in product(("a", "b", "*", "**"), repeat=length)
    if "**" not in segments[:-1]
]
PATTERNS = {"*": "/[^/]+", "**": "(/[^/]+)*"}


def matched(template: Template) -> set[str]:
    """Return the URLs that a template matches, by a regular expression."""
    pattern = "".join(PATTERNS.get(segment, f"/{segment}") for segment in template.segments)
    return {url for url in URLS if re.fullmatch(pattern, url.removesuffix("/"))}


def test_templates_meet_if_they_match_a_common_url_and_cover_if_they_match_all() -> None:
    urls = {template: matched(template) for template in TEMPLATES}
    assert len(TEMPLATES) > 50
    for one, other in product(TEMPLATES, repeat=2):
        assert one.meets(other) == bool(urls[one] & urls[other]), (one, other)
        assert one.covers(other) == (urls[one] >= urls[other]), (one, other)


def test_the_verb_after_a_colon_and_the_fields_of_variables_are_read() -> None:
    assert parse("/v1/{order.name=orders/*}/{number}:cancel") == Template(
        ("v1", "orders", "*", "*"), "cancel", ("order.name", "number")
    )
    assert not parse("/v1/{name}:cancel").meets(parse("/v1/{name}"))


@pytest.mark.parametrize(
    "text", ["", "v1", "/{", "/}", "/{a{b}}", "//", "/v1/", "/**/a", "/a b", "/{a}b", "/a:", "/a:b:c"]
)
def test_other_texts_are_no_templates(text: str) -> None:
    with pytest.raises(TemplateError, match=": "):
        parse(text)
