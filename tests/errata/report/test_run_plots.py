"""Numbers, styles and legends of the figures, and what the tables of an evaluation say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errata.report.run_accuracy_plots import plot_gains, plot_samples
from errata.report.run_accuracy_tables import greedy_cells, sample_grid
from errata.report.run_plots import Axis, Curve, pick, plot_curves, precise
from pipeline.measures.records import Evaluation
from tests.errata.report.make_run import make_change, make_evaluation, make_score


def make_many(models: int) -> Evaluation:
    """An evaluation of so many models on one set."""
    found = make_evaluation()
    names = [f"model {number}" for number in range(models)]
    scores = {name: make_score(0.3) for name in names}
    changes = {name: make_change(0.02) for name in names[1:]}
    held_out = found.held_out.model_copy(update={"scores": scores, "changes": changes})
    told = {"models": {name: name for name in names}, "sets": {"held_out": held_out}}
    return found.model_copy(update=told)


@pytest.mark.parametrize(
    ("value", "digits", "told"),
    [
        (0.0006, 3, "0.000600"),
        (-0.0227, 3, "−0.0227"),
        (0.43, 2, "0.43"),
        (1234.5, 3, "1,234.50"),
        (0.0, 3, "0.00"),
        (2e-9, 3, "2.00e−09"),
    ],
)
def test_small_numbers_keep_their_digits(value: float, digits: int, told: str) -> None:
    assert precise(value, digits) == told


@given(st.floats(-1e6, 1e6, allow_subnormal=False))
def test_a_number_that_is_said_is_within_a_percent_of_itself(value: float) -> None:
    told = float(precise(value).replace("−", "-").replace(",", ""))
    assert told == pytest.approx(value, rel=0.01)


def test_no_two_of_36_models_look_the_same() -> None:
    styles = pick([str(number) for number in range(36)])
    assert len(set(styles.values())) == 36
    assert styles["0"] == ("--series-1", "circle-open")


def test_ticks_are_written_without_prefixes_of_units() -> None:
    figure = plot_curves([Curve("kl", "--series-1", [1, 2], [0.0001, 0.0002])], "step", Axis("nats a token"))
    assert figure["layout"]["yaxis"]["exponentformat"] == "none"
    assert figure["data"][0]["hovertext"][1].endswith("0.000200")


def test_the_legend_of_pass_at_k_names_each_model_once_and_has_room() -> None:
    few, many = plot_samples(make_many(2)), plot_samples(make_many(9))
    assert [trace["name"] for trace in few["data"] if trace["showlegend"]] == ["model 0", "model 1"]
    assert sum(trace["showlegend"] for trace in many["data"]) == 9
    assert many["layout"]["height"] >= few["layout"]["height"] + 100
    assert "maj@k dotted" in few["layout"]["xaxis"]["title"]["text"]
    assert "model 1, maj@k" in few["data"][3]["hovertext"][0]


def test_gains_are_drawn_in_points() -> None:
    figure = plot_gains(make_many(2))
    assert figure["data"][0]["x"] == pytest.approx([2.0])
    assert "+2.0 points" in figure["data"][0]["hovertext"][0]
    assert "%" not in figure["layout"]["xaxis"]["tickformat"]
    assert figure["layout"]["xaxis"]["title"]["text"].endswith("points")


def test_samples_that_were_cut_or_failed_are_told_where_there_are_some() -> None:
    def measures(**more: int) -> dict[str, list[str]]:
        found = make_many(2)
        scores = {"model 0": make_score(0.3, **more), "model 1": make_score(0.3)}
        held_out = found.held_out.model_copy(update={"scores": scores})
        grid = sample_grid(found.model_copy(update={"sets": {"held_out": held_out}}))
        return {str(row[0]): [str(cell) for cell in row[1:]] for row in grid.rows}

    assert "truncated or failed" not in measures()
    assert measures(samples_truncated=1200, samples_failed=3)["truncated or failed"] == ["1,200 cut, 3 failed", ""]
    assert measures()["gain of pass@1, points"][0] == ""


def test_cells_are_short_because_their_heads_say_the_unit() -> None:
    cells = greedy_cells(make_score(0.3), make_change(0.32))
    assert cells["unknown"] == "5 (2 cut, 1 failed)"
    assert cells["gain, points"] == "+32.0"
    assert cells["longest, characters"] == "1,234"
