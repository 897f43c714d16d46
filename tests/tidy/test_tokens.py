"""Signer, contracts' policies and gateway agree on whose tokens are good."""

import pytest

from tests.tidy.conftest import Plant
from tests.tidy.tokens import GENERATED, RULES, SIGNER, tokens
from tests.tidy.tree import ROOT, Tree


def test_all_agree_on_whose_tokens_are_good(checkout: Tree) -> None:
    assert list(tokens(checkout)) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        (SIGNER, "https://identity.shop.example", "https://id.example", f"{SIGNER}: ISSUER is not https://identity."),
        (SIGNER, "https://shop.example", "https://example", f"{SIGNER}: AUDIENCE is not https://shop.example"),
        (GENERATED, "issuer=https://identity.shop.example", "issuer=", f"{GENERATED}: the issuer is not https://"),
        (
            RULES,
            "audiences: [https://shop.example]\n                from",
            "audiences: []\n                from",
            "audiences",
        ),
        (RULES, "cluster: outbound|8081|", "cluster: outbound|8082|", "the EnvoyFilter's remote_jwks is not"),
        (RULES, 'value_prefix: "Bearer "', 'value_prefix: "bearer "', "the EnvoyFilter's from_headers is not"),
    ],
)
def test_whoever_says_otherwise_is_found(plant: Plant, file: str, old: str, new: str, told: str) -> None:
    files = {name: (ROOT / name).read_text(encoding="utf-8") for name in (SIGNER, GENERATED, RULES)}
    assert old in files[file]
    [offence] = tokens(plant(files | {file: files[file].replace(old, new)}))
    assert told in offence
