"""What the law about tokens finds."""

import pytest

from tests.support.checkout import ROOT
from tests.tidy.conftest import MakeTree
from tests.tidy.tokens import GENERATED, RULES, SIGNER, tokens

AUDIENCE = "audiences: [https://shop.example]\n                from"


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        (SIGNER, "https://identity.shop.example", "https://id.example", f"{SIGNER}: ISSUER is not https://identity."),
        (SIGNER, "https://shop.example", "https://example", f"{SIGNER}: AUDIENCE is not https://shop.example"),
        (GENERATED, "issuer=https://identity.shop.example", "issuer=", f"{GENERATED}: the issuer is not https://"),
        (RULES, AUDIENCE, AUDIENCE.replace("https://shop.example", ""), "audiences of the EnvoyFilter is not"),
        (RULES, "cluster: outbound|8081|", "cluster: outbound|8082|", "remote_jwks of the EnvoyFilter is not"),
        (RULES, 'value_prefix: "Bearer "', 'value_prefix: "bearer "', "from_headers of the EnvoyFilter is not"),
        (
            RULES,
            "      jwksUri:",
            "      outputClaimToHeaders: [{header: x-principal, claim: sub}]\n      jwksUri:",
            "only the EnvoyFilter may output",
        ),
    ],
)
def test_a_file_with_other_values_is_found(make_tree: MakeTree, file: str, old: str, new: str, message: str) -> None:
    files = {name: (ROOT / name).read_text(encoding="utf-8") for name in (SIGNER, GENERATED, RULES)}
    assert old in files[file]
    [violation] = tokens(make_tree(files | {file: files[file].replace(old, new)}))
    assert message in violation
