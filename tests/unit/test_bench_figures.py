"""The statistics of the benchmark, its tables and its arguments."""

from pathlib import Path

import pytest

from bench import report, results
from bench.__main__ import chosen, parse
from bench.figures import Figure, Summary, differences, slope, with_ratios
from bench.generators import MODULE
from bench.goals import GOALS, goals_reached
from bench.groups import GROUPS
from bench.mesh import stages
from bench.results import GroupResult
from bench.rounds import Case, Sample, Settings, measure
from mesh.local.tools.go_toolchain import MODULES

RUN = {
    "rounds": 3,
    "seconds": 1.0,
    "duration": 20,
    "machine": "2 cores",
    "commit": "abc",
    "date": "2026-01-01 00:00 UTC",
}


def figure(subject: str, *samples: float, baseline: str = "", ratios: tuple[float, ...] = ()) -> Figure:
    return Figure(subject, "1 in flight", "calls/s", samples, baseline, ratios)


def test_a_summary_has_the_median_and_half_of_the_range() -> None:
    summary = Summary.of([10, 1000, 90, 110, 100])
    assert (summary.median, summary.lowest, summary.highest) == (100, 10, 1000)
    assert summary.spread == pytest.approx((1000 - 10) / 2 / 100)


def test_the_spread_of_nothing_but_zeros_is_zero() -> None:
    assert Summary.of([0, 0, 0]).spread == 0


def test_a_ratio_compares_samples_of_the_same_round() -> None:
    """A slow second round halves both sides, so the ratio stays the same."""
    _, own = with_ratios([figure("bare", 100, 50, 100), figure("service", 20, 10, 20, baseline="bare")])
    assert own.ratios == (0.2, 0.2, 0.2)
    assert own.ratio == Summary(0.2, 0.2, 0.2)


@pytest.mark.parametrize(
    "others",
    [[], [figure("bare", 0, 100, 100)], [Figure("bare", "16 in flight", "calls/s", (100, 100, 100))]],
    ids=["baseline not measured", "baseline of zero", "other condition"],
)
def test_there_is_no_ratio_without_a_baseline_under_the_same_condition(others: list[Figure]) -> None:
    [*_, own] = with_ratios([*others, figure("service", 20, 10, 20, baseline="bare")])
    assert own.ratio is None


def test_runs_are_compared_by_their_ratios() -> None:
    """This machine is half as fast, and the ratio is 10 % higher."""
    before = figure("service", 50, 50, 50, baseline="bare", ratios=(0.5, 0.5, 0.5))
    now = figure("service", 27.5, 27.5, 27.5, baseline="bare", ratios=(0.55, 0.55, 0.55))
    [found] = differences([now], [before])
    assert found.of_ratios
    assert found.change == pytest.approx(0.1)
    assert found.beyond_noise


def test_figures_without_a_ratio_are_compared_directly() -> None:
    [found] = differences([figure("sidecar", 30, 31, 32)], [figure("sidecar", 20, 40, 60)])
    assert not found.of_ratios
    assert found.change == pytest.approx(31 / 40 - 1)
    assert not found.beyond_noise, "the ranges overlap"


def test_a_figure_with_another_baseline_is_compared_directly() -> None:
    before = figure("service", 50, 50, baseline="bare", ratios=(0.5, 0.5))
    now = figure("service", 50, 50, baseline="another", ratios=(0.1, 0.1))
    assert [found.of_ratios for found in differences([now], [before])] == [False]


def test_a_figure_that_only_one_run_has_is_no_difference() -> None:
    assert differences([figure("new", 1)], [figure("old", 1)]) == []


def test_a_slope_is_the_cost_of_one_more() -> None:
    assert slope([(2, 14), (8, 26), (16, 42), (32, 74)]) == pytest.approx((2, 10))


async def test_each_round_measures_every_case_and_the_next_one_in_the_opposite_order() -> None:
    order: list[str] = []

    def case(name: str, baseline: str = "") -> Case:
        async def run(seconds: float) -> Sample:
            order.append(f"{name} {seconds:g}")
            return {"calls/s": float(len(order))}

        return Case(name, "1 in flight", run, baseline)

    bare, service = await measure([case("bare"), case("service", "bare")], Settings(rounds=2, seconds=3))
    assert order == ["bare 0.3", "service 0.3", "bare 3", "service 3", "service 3", "bare 3"]
    assert (bare.samples, service.samples, service.ratios) == ((3, 6), (4, 5), (4 / 3, 5 / 6))


def test_a_file_of_results_can_be_read_again(tmp_path: Path) -> None:
    figures = [figure("bare", 100, 50), figure("service", 20, 10, baseline="bare", ratios=(0.2, 0.2))]
    saved = {"read": GroupResult(RUN, figures)}
    results.write(tmp_path / "results.json", saved)
    assert results.read(tmp_path / "results.json") == saved
    assert results.read(tmp_path / "missing.json") == {}


def test_tables_show_medians_ratios_and_what_has_changed() -> None:
    figures = [figure("bare", 1000, 1100, 900), figure("service", 550, 500, 450, baseline="bare", ratios=(0.5,))]
    now = {"read": GroupResult(RUN, figures)}
    text = report.results_as_markdown(now)
    assert "| bare | 1 in flight | 1,000 ±10 % |" in text
    assert "| service ÷ bare | calls/s | 0.50 |" in text
    slower = {"read": GroupResult(RUN, [figure("bare", 400, 500), figures[1]])}
    found = report.differences_as_markdown(now, slower)
    assert "1 of 2 figures are within the noise" in found
    assert "| read | bare, 1 in flight, calls/s | 450 ±11 % | 1,000 ±10 % | +122 % |" in found


def test_a_table_has_as_columns_what_there_is_less_of() -> None:
    start = [
        Figure("mesh up", "warm", metric, (value,)) for metric, value in (("API s", 7), ("shop s", 2), ("all s", 9))
    ]
    memory = [Figure(subject, "", "PSS MiB", (value,)) for subject, value in (("Envoy", 22), ("istiod", 98))]
    text = report.results_as_markdown({"start": GroupResult(RUN, start + memory)})
    assert "|  | mesh up, warm |\n|---|---|\n| API s | 7.00 |\n| shop s | 2.00 |\n| all s | 9.00 |\n" in text
    assert "|  |  | PSS MiB |\n|---|---|---|\n| Envoy |  | 22.0 |\n| istiod |  | 98.0 |" in text


@pytest.mark.parametrize(("ratio", "met"), [(0.84, "**no**"), (0.85, "yes"), (1.1, "yes")])
def test_a_goal_is_shown_with_what_was_measured(ratio: float, met: str) -> None:
    key = "catalog through two sidecars", "16 in flight", "calls/s"
    measured = {"read": GroupResult(RUN, [Figure(*key, (100.0,), "catalog, no mesh", (ratio,))])}
    [line] = [line for line in report.results_as_markdown(measured).splitlines() if "at least 0.85" in line]
    assert line.endswith(f"| {ratio:.2f} | {met} |")


def test_every_goal_has_a_figure_in_the_committed_results() -> None:
    assert [goal for goal, _ in goals_reached(results.read(results.COMMITTED))] == [*GOALS]


def test_a_goal_with_an_upper_limit_is_met_below_it() -> None:
    goal = next(goal for goal in GOALS if not goal.at_least)
    assert [goal.is_met(Summary.of([goal.limit + more])) for more in (-0.1, 0, 0.1)] == [True, True, False]


def test_the_readme_shows_the_committed_results() -> None:
    assert report.results_as_markdown(results.read(results.COMMITTED)) in report.README.read_text(encoding="utf-8")


def test_a_run_measures_the_groups_that_are_named_in_their_order() -> None:
    assert chosen(parse(["scale", "read"])) == [name for name in GROUPS if name in {"scale", "read"}]
    assert chosen(parse([])) == [*GROUPS]
    without_mesh = chosen(parse([*GROUPS, "--without-mesh"]))
    assert without_mesh == [name for name, group in GROUPS.items() if not group.needs_mesh]


@pytest.mark.parametrize("words", [["reads"], ["--rounds", "0"], ["--seconds", "0"], ["--against", "/"]])
def test_a_wrong_argument_is_an_error(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        parse(words)
    assert stopped.value.code == 2
    assert "usage: make bench" in capsys.readouterr().err


def test_a_new_version_of_a_load_generator_rebuilds_no_tool_of_the_mesh() -> None:
    assert (MODULE / "go.mod").exists()
    assert MODULE not in MODULES


def test_the_stages_of_a_start_are_read_from_its_output() -> None:
    output = "building\n✓ Kubernetes API ready 7.1 s\n✓ orders/9f2 confirmed: gateway → orders 0.4 s\n\nthe mesh is up."
    assert stages(output) == {"Kubernetes API ready": 7.1, "an order confirmed": 0.4}
