"""`mesh why` decides about a call as the proxies do, and names the rule, its line, and what would allow the call."""

import json
import re
import shutil
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from random import Random

import pytest
import yaml

from mesh.local.why.decision import Details
from mesh.local.why.sources import Line
from mesh.local.why.verdict import Reason
from tests.mesh.harness import MESH, SERVICES, Manifest, Mesh
from tests.mesh.matrix import (
    Explained,
    call_through_own_sidecars,
    caller_access,
    disagreements,
    explainer,
    live_objects,
)
from tests.mesh.mutations import SEEN_IN_MATRIX, SEEN_IN_POLICIES, mutated
from tests.mesh.policy_batches import NAME, SHARED, explain_policies
from tests.support.checkout import ROOT
from tests.support.clock import eventually
from tests.support.generator import generated
from tests.support.report import Measured

CAPTURE = "shop.payments.v1.PaymentsService/CapturePayment"
KIND = "AuthorizationPolicy"
NO_CALL = re.compile("serves it|would be a cycle|that wait for each other")
"""Words of the advice about calls that no declaration may allow."""
POLICIES = 300
SEED = 11


def agreement(explained: list[Explained]) -> str:
    reasons = Counter(each.decision.decisive.reason.name for each in explained)
    counts = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
    agreed = len(explained) - len(disagreements(explained))
    return f"{agreed} of {len(explained)} calls ended as decided ({counts})"


def decided_again(explained: Iterable[Explained]) -> list[Explained]:
    return [Explained.of(each.cell, each.live) for each in explained]


def test_every_cell_of_the_matrix_ends_as_decided(matrix: list[Explained], measured: Measured) -> None:
    measured(f"mesh why, matrix: {agreement(matrix)}")
    assert disagreements(matrix) == []


def test_calls_under_random_policies_end_as_decided(under_policies: list[Explained], measured: Measured) -> None:
    measured(f"mesh why, 10 random policies: {agreement(under_policies)}")
    assert disagreements(under_policies) == []


async def test_calls_through_the_sidecars_of_the_services_end_as_decided(mesh: Mesh, measured: Measured) -> None:
    live = live_objects(mesh)
    explained = [Explained.of(cell, live) for cell in await call_through_own_sidecars(mesh, SERVICES)]
    measured(f"mesh why, own sidecars: {agreement(explained)}")
    assert disagreements(explained) == []
    assert {each.decision.decisive.reason for each in explained} >= {Reason.NO_ROUTE, Reason.ALLOW_RULE}


@pytest.mark.parametrize("defect", SEEN_IN_MATRIX)
def test_a_wrong_evaluator_disagrees_with_the_matrix(matrix: list[Explained], defect: str) -> None:
    with mutated(*SEEN_IN_MATRIX[defect]):
        assert disagreements(decided_again(matrix))
    assert disagreements(decided_again(matrix)) == []


@pytest.mark.prove
async def test_calls_under_300_random_policies_end_as_decided(mesh: Mesh, measured: Measured) -> None:
    async with caller_access(mesh, SHARED) as ways:
        explained = await explain_policies(mesh, ways, SEED, POLICIES)
    verdicts = [verdict for each in explained for verdict in each.decision.verdicts]
    matched = {rule.name for each in verdicts for rule in each.rules if each.reason is not Reason.NO_ALLOW_RULE}
    count = sum(name.startswith(NAME) for name in matched)
    measured(f"mesh why, {POLICIES} random policies: {agreement(explained)}; rules of {count} policies matched a call")
    assert disagreements(explained) == []
    for defect, replaced in (SEEN_IN_MATRIX | SEEN_IN_POLICIES).items():
        with mutated(*replaced):
            assert disagreements(decided_again(explained)), f"nothing shows that {defect}"


def test_each_refusal_and_permission_has_its_line(matrix: list[Explained]) -> None:
    for each in matrix:
        method, caller = each.cell.method, each.cell.caller
        line = explainer(each.live).origin(each.decision, each.decision.decisive).line
        assert line, each
        text = text_of(line)
        short = method.name.rpartition("/")[2]
        if caller.inside and (ROOT / f"services/{caller.name}/service.yaml").is_file():
            assert line.file == f"services/{caller.name}/service.yaml", each
            if not each.decision.allowed:
                assert text == f"service: {caller.name}" or text.strip().startswith("methods: ["), (str(each), text)
            assert bool(re.search(rf"\b{short}\b", text)) == each.decision.allowed, (str(each), text)
        else:
            package = method.name.rpartition("/")[0].rpartition(".")[0]
            assert line.file.startswith(f"proto/{package.replace('.', '/')}/"), each
            assert re.search(rf"rpc {short}\b", text), (str(each), text)


def text_of(line: Line) -> str:
    return (ROOT / line.file).read_text(encoding="utf-8").splitlines()[line.number - 1]


def test_each_rule_is_one_that_selects_the_workload_and_lists_the_method(matrix: list[Explained]) -> None:
    for each in matrix:
        for verdict in each.decision.verdicts:
            app = "shop-gateway" if verdict.place == "gateway" else verdict.place.rpartition(" ")[2]
            policies = [explainer(each.live).policy(rule) or {} for rule in verdict.rules]
            selectors = [policy["spec"].get("selector", {"matchLabels": {"app": app}}) for policy in policies]
            assert selectors == [{"matchLabels": {"app": app}}] * len(verdict.rules), each
            if verdict.reason is Reason.ALLOW_RULE:
                rule = policies[0]["spec"]["rules"][verdict.rules[0].index]
                paths = [path for to in rule["to"] for path in to["operation"]["paths"]]
                assert each.cell.method.path in paths, each


def test_the_advice_to_log_in_is_right(matrix: list[Explained]) -> None:
    """Each caller outside that is advised to use a role is denied, and a user with that role is allowed."""
    allowed = {(each.cell.caller.name, each.cell.method.name) for each in matrix if each.cell.allowed}
    advised = 0
    for each in matrix:
        if each.cell.caller.inside:
            continue
        for step in explainer(each.live).advice(each.decision, Details()):
            if login := re.search(r"`mesh token(?: --role (\w+))?`", step):
                advised += 1
                assert (login[1] or "user", each.cell.method.name) in allowed, (str(each), step)
            else:
                assert not each.cell.method.is_public, (str(each), step)
    assert advised


def freeze() -> Manifest:
    """Build a policy that an operator applies by hand: no payments now."""
    rule = {"to": [{"operation": {"paths": ["*/CapturePayment"]}}]}
    return {
        "apiVersion": "security.istio.io/v1",
        "kind": "AuthorizationPolicy",
        "metadata": {"name": "freeze", "namespace": "shop"},
        "spec": {"selector": {"matchLabels": {"app": "payments"}}, "action": "DENY", "rules": [rule]},
    }


async def test_a_policy_applied_by_hand_is_named_and_its_advice_works(mesh: Mesh) -> None:
    why = (MESH, "why", "--kubeconfig", mesh.environment["KUBECONFIG"], "orders", "CapturePayment")
    async with mesh.applied(freeze()):
        async for attempt in eventually():
            with attempt:
                run = await mesh.run(*why, "--json")
                assert run.returncode == 1, run.stderr
        decision = json.loads(run.stdout)
        assert (decision["method"], decision["allowed"]) == (CAPTURE, False)
        decided = decision["decided_by"]
        assert (decided["proxy"], decided["note"], decided["line"]) == ("sidecar of payments", "applied by hand", None)
        assert [(rule["name"], rule["rule"]) for rule in decided["rules"]] == [("freeze", 0)]
        [step] = decision["to_allow"]
        await mesh.kubectl(*step.partition("kubectl ")[2].split())
        async for attempt in eventually():
            with attempt:
                run = await mesh.run(*why)
                assert run.returncode == 0, run.stdout
    [line] = re.findall(r"services/orders/service.yaml:(\d+)", run.stdout)
    assert "CapturePayment" in (ROOT / "services/orders/service.yaml").read_text().splitlines()[int(line) - 1]


def changed_as_advised(step: str, root: Path) -> None:
    """Change a service.yaml in a copy of the checkout as an advice says."""
    if found := re.match(r"add this to the list in (\S+):(\d+),.*\n  (- .*)", step):
        file, number = root / found[1], int(found[2])
        lines = file.read_text(encoding="utf-8").splitlines()
        lines.insert(number - 1, f"  {found[3]}")
    elif found := re.match(r"add (\w+) to the list in (\S+):(\d+),", step):
        file, number = root / found[2], int(found[3])
        lines = file.read_text(encoding="utf-8").splitlines()
        lines[number - 1] = lines[number - 1].replace("[", f"[{found[1]}, ", 1)
    else:
        found = re.match(r"add this to (\S+), .*\n  (calls: .*)", step)
        assert found, step
        file = root / found[1]
        lines = [*file.read_text(encoding="utf-8").splitlines(), found[2]]
    file.write_text("\n".join([*lines, ""]), encoding="utf-8")


@pytest.mark.prove
def test_the_advice_to_declare_a_call_is_right(matrix: list[Explained], tmp_path: Path) -> None:
    """With the service.yaml changed as advised, the generated policies allow the call, and give it a route."""
    denied = [each for each in matrix if each.cell.caller.inside and not each.cell.allowed]
    services = [each for each in denied if (ROOT / "services" / each.cell.caller.name / "service.yaml").is_file()]
    for number, each in enumerate(Random(SEED).sample(services, 30)):  # noqa: S311  # a seed repeats a run
        caller, method = each.cell.caller.name, each.cell.method
        root = tmp_path / str(number)
        shutil.copytree(ROOT / "services", root / "services", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
        [step] = explainer(each.live).advice(each.decision, Details())
        if NO_CALL.search(step):
            continue
        changed_as_advised(step, root)
        files = generated(root=root)
        objects = [
            (each["kind"], each["metadata"]["name"], each)
            for name in {f"{method.service}.yaml", f"{caller}.yaml"}
            for each in yaml.safe_load_all(files[name])
        ]
        [policy] = [each for kind, name, each in objects if (kind, name) == (KIND, method.service)]
        allowing = [rule for rule in policy["spec"]["rules"] if f"/sa/{caller}'" in str(rule["from"])]
        assert any(method.path in to["operation"]["paths"] for rule in allowing for to in rule["to"]), str(each)
        [sidecar] = [each for kind, name, each in objects if (kind, name) == ("Sidecar", caller)]
        assert f"./{method.service}.shop.svc.cluster.local" in str(sidecar["spec"]["egress"]), str(each)
