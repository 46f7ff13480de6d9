"""The figures, as plotly checks them."""

from __future__ import annotations

import math
from typing import Any

import pytest

from errata.report.figures import as_label, feature_reach, plot_accuracy, plot_excess, plot_features
from pipeline.shortcuts.records import Audit


def painted(value: Any) -> Any:
    """The figure with every named colour black."""
    if isinstance(value, dict):
        return {key: painted(part) for key, part in value.items()}
    if isinstance(value, list):
        return [painted(part) for part in value]
    return "#000000" if isinstance(value, str) and value.startswith("--") else value


@pytest.mark.parametrize("repaired", [False, True])
def test_plotly_knows_every_property_of_the_figures(before: Audit, after: Audit, repaired: bool) -> None:
    import plotly.graph_objects as go

    audit, earlier = (after, before) if repaired else (before, None)
    reach = feature_reach(before.features)
    figures = [
        plot_excess(audit, earlier, bound=0.05),
        plot_accuracy(audit, earlier),
        plot_features(audit.features, reach),
    ]
    for figure in figures:
        go.Figure(painted(figure))  # raises for a property that is not there


def test_the_excess_and_its_bounds_are_where_the_audit_has_them(before: Audit) -> None:
    whole, left = plot_excess(before, None, bound=0.05)["data"]
    probe = before.probes["length"]
    assert whole["x"][0] == probe.excess
    assert math.isclose(whole["x"][0] + whole["error_x"]["array"][0], probe.ci95[1])
    assert math.isclose(whole["x"][0] - whole["error_x"]["arrayminus"][0], probe.ci95[0])
    assert left["x"] == [0.0123]


def test_features_with_the_same_votes_are_one_point_that_names_them(before: Audit) -> None:
    twins = [before.features[0], before.features[0].model_copy(update={"feature": "another"})]
    (trace,) = plot_features(twins, 6.0)["data"]
    assert len(trace["x"]) == 1
    assert "^ Let us see." in trace["hovertext"][0]
    assert "another" in trace["hovertext"][0]
    assert "300 : 1" in trace["hovertext"][0]
    assert "2 : 3" in trace["hovertext"][0]


def test_without_a_control_features_stand_over_their_prompts(before: Audit) -> None:
    alone = [feature.model_copy(update={"control_chosen": None}) for feature in before.features[:1]]
    figure = plot_features(alone, feature_reach(alone))
    assert figure["data"][0]["x"] == [301.0]
    assert figure["layout"]["xaxis"]["type"] == "log"


def test_a_label_holds_no_tag_and_no_invisible_character() -> None:
    assert as_label('<a href="x">&amp;\u202e') == '&lt;a href="x"&gt;&amp;amp;·'
