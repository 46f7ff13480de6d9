"""The four verdicts on natural texts; what is said where little can be said; the same audit for the same data."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.shortcuts import sign_tests
from pipeline.shortcuts.audit import NO_CONTROL, audit
from pipeline.shortcuts.excess import Excess
from pipeline.shortcuts.features.base import Family
from pipeline.shortcuts.markers import Search
from pipeline.shortcuts.records import Audit, FoundMarker, Leak
from pipeline.shortcuts.settings import AuditSettings
from pipeline.shortcuts.verdict import Evidence, decide
from pipeline.types import Finding
from tests.pipeline.shortcuts.test_markers import (
    CLOSER,
    OPENER,
    PHRASE,
    QUICK,
    TEACHER,
    close_with,
    make_pairs,
    open_with,
    plant,
    plant_three,
    read_control,
    read_real,
)

WIDE = QUICK.model_copy(update={"bound": 0.2})
"""A bound that two hundred prompts can keep."""


def test_texts_of_one_author_are_clean() -> None:
    found = audit(make_pairs(200, sample=1), make_pairs(200), WIDE)
    assert (found.verdict, found.markers, found.prompts_needed) == ("clean", (), None)
    assert (found.pairs, found.prompts, found.probe_prompts) == (200, 200, 200)
    assert all(probe.ci95[1] <= 0.2 for probe in found.probes.values())
    assert set(found.probes) == {"length", "format", "style", "ngrams"}
    assert found.control is not None
    assert (found.control.paired, found.control.shared_prompts) == (True, 200)
    assert found.notes == ()


def test_planted_sentences_are_markers_that_explain_the_excess() -> None:
    found = audit(plant_three(make_pairs(200, sample=1)), make_pairs(200), WIDE)
    assert found.verdict == "marker"
    assert [marker.phrase for marker in found.markers] == [OPENER, CLOSER, PHRASE]
    assert f"{OPENER!r} (90% of pairs, chosen) and 2 more" in found.grounds
    for probe in found.probes.values():
        assert probe.ci95[0] > 0.05, "it is told before"
        assert probe.residual is not None
        assert abs(probe.residual) < 0.1, "and is not told once the markers are gone"
        assert probe.p_value < 0.001
    first = found.features[0]
    assert OPENER in first.feature
    assert (first.class_, first.chosen, first.rejected) == ("artefact", 180, 0)


def test_error_signals_are_told_as_such_and_are_no_markers() -> None:
    found = audit(plant(make_pairs(200, sample=1), open_with, 0.5), make_pairs(200), WIDE)
    signals = [f for f in found.features if f.class_ == "error_signal"]
    assert {"=", "equations"} <= {f.feature for f in signals}
    assert [marker.phrase for marker in found.markers] == [OPENER]
    assert found.features_significant["error_signal"] >= len(signals)
    assert sum(found.features_significant.values()) <= found.features_tested


def test_another_author_throughout_is_diffuse() -> None:
    found = audit(make_pairs(200, TEACHER, sample=1), make_pairs(200), QUICK)
    assert found.verdict == "diffuse"
    assert "the texts have another author throughout" in found.grounds
    assert "restyle" in found.advice


def test_an_opener_and_a_closer_in_real_texts_are_named_and_then_the_authors_still_differ(shared_data: Path) -> None:
    data = read_real(shared_data, "175b_verification", "6b_finetuning")[:300]
    found = audit(plant(plant(data, open_with, 1), close_with, 1), read_control(shared_data), QUICK)
    assert [marker.phrase for marker in found.markers] == [OPENER, CLOSER]
    assert repr(OPENER) in found.grounds
    probe = found.probes["ngrams"]
    assert probe.accuracy > 0.95
    assert probe.residual is not None
    assert 0.02 < probe.residual < 0.2


def test_without_a_control_the_numbers_are_absolute_and_the_audit_says_what_that_costs() -> None:
    found = audit(plant(make_pairs(200), open_with, 0.9), (), QUICK)
    assert found.control is None
    assert NO_CONTROL in found.notes
    assert "beyond chance" in found.grounds
    assert {feature.class_ for feature in found.features} == {"unattributed"}
    for probe in found.probes.values():
        assert (probe.control, probe.p_value) == (None, probe.p_swap)
        assert probe.excess == pytest.approx(probe.accuracy - 0.5)
    assert found.markers[0].phrase == OPENER
    assert all(feature.control_chosen is None for feature in found.features)


@pytest.mark.parametrize("control", [0, 10, 300])
def test_ten_pairs_are_too_few_and_the_audit_says_how_many_would_do(control: int) -> None:
    found = audit(make_pairs(10, sample=1), make_pairs(control), QUICK)
    assert (found.verdict, found.prompts, found.probes, found.markers) == ("underpowered", 10, {}, ())
    assert found.prompts_needed is not None
    assert 500 < found.prompts_needed < 5000
    assert found.minimum_detectable_prevalence is None
    assert "build from more problems" in found.advice


def test_many_pairs_of_one_prompt_are_one_prompt() -> None:
    pairs = [replace(pair, prompt="the same") for pair in plant(make_pairs(200), open_with, 1)]
    for control in ([], make_pairs(60)):
        found = audit(pairs, control, QUICK)
        assert (found.verdict, found.pairs, found.prompts, found.features) == ("underpowered", 200, 1, ())
        assert found.prompts_needed is not None


@pytest.mark.parametrize("prompts", [39, 45])
def test_from_forty_prompts_on_a_probe_is_tried_and_proves_nothing(prompts: int) -> None:
    found = audit(make_pairs(prompts, sample=1), make_pairs(prompts), QUICK)
    assert found.verdict == "underpowered"
    assert bool(found.probes) is (prompts == 45)
    assert found.prompts_needed is not None
    assert found.prompts_needed > prompts


def test_pairs_of_equal_texts_have_nothing_that_tells_them() -> None:
    same = [replace(pair, rejected=pair.chosen) for pair in make_pairs(100)]
    found = audit(same, (), QUICK)
    assert (found.verdict, found.features) == ("clean", ())
    assert {probe.accuracy for probe in found.probes.values()} == {0.5}


def test_no_pair_at_all_is_underpowered() -> None:
    assert audit([], (), QUICK).verdict == "underpowered"


def test_the_same_data_give_the_same_audit() -> None:
    data, control = plant(make_pairs(80, sample=1), open_with, 0.5), make_pairs(80)
    first, again = (audit(data, control, QUICK).model_dump_json() for _ in range(2))
    assert first == again
    assert Audit.model_validate_json(first).model_dump_json() == first


def test_the_order_of_rows_changes_neither_votes_nor_markers() -> None:
    """Folds are cut by the order of prompts, so that accuracies move a little; nothing that is counted does."""
    data, control = plant_three(make_pairs(200, sample=1)), make_pairs(200)
    rng = random.Random(0)
    shuffled, other = rng.sample(data, len(data)), rng.sample(control, len(control))
    one, two = audit(data, control, QUICK), audit(shuffled, other, QUICK)
    assert (one.features, one.features_tested, one.markers) == (two.features, two.features_tested, two.markers)
    assert one.verdict == two.verdict
    for family, probe in one.probes.items():
        assert probe.accuracy == pytest.approx(two.probes[family].accuracy, abs=0.06)


def test_probes_look_at_a_sample_where_there_are_many_prompts_and_the_audit_says_so() -> None:
    settings = QUICK.model_copy(update={"probe_prompts": 100})
    found = audit(plant(make_pairs(150, sample=1), open_with, 1), make_pairs(150), settings)
    assert (found.prompts, found.probe_prompts) == (150, 100)
    assert found.notes == ("probes and markers were looked for in 100 of 150 prompts",)
    assert found.features[0].chosen == 150, "sign tests see all"
    assert found.markers[0].share == 1.0


def test_leaks_are_counted_by_rule() -> None:
    finding = Finding(rule="leak", action="drop", reason="it says so", span=(0, 3), score=None)
    leaks = [Leak(pair=str(n), finding=finding) for n in range(3)]
    found = audit(make_pairs(20), (), QUICK, leaks)
    assert (found.leaks_by_rule, len(found.leaks)) == ({"leak": 3}, 3)


def test_no_more_features_of_a_class_are_listed_than_the_settings_say() -> None:
    settings = QUICK.model_copy(update={"listed": 5})
    found = audit(plant(make_pairs(150, sample=1), open_with, 0.5), make_pairs(150), settings)
    listed = [feature.class_ for feature in found.features]
    assert listed == ["artefact"] * 5 + ["unattributed"] * listed.count("unattributed") + ["error_signal"] * 5
    assert found.features_significant["artefact"] > 5


def test_the_report_has_the_form_that_others_read() -> None:
    told = json.loads(audit(plant(make_pairs(120), open_with, 1), make_pairs(120, sample=1), QUICK).model_dump_json())
    wanted = {"pairs", "prompts", "verdict", "probes", "features", "leaks", "minimum_detectable_prevalence"}
    assert wanted <= set(told)
    assert {"accuracy", "control", "excess", "ci95", "p_value"} <= set(told["probes"]["style"])
    assert len(told["probes"]["style"]["ci95"]) == 2
    assert {"feature", "kind", "chosen", "rejected", "q_value", "class"} <= set(told["features"][0])


HOSTILE = (
    "so we get 1 + 1 = 2 and " * 4000,
    "a" * 100_000,
    "\x00\x01\x1f\x7f\u2028\u202e\ue000▒\ufffd" * 2000,
    " " * 50_000 + "\n" * 50_000,
    "**" * 50_000,
    "\\boxed{" * 14_000,
    "#### " * 20_000,
    "$" * 100_000,
    "一" * 100_000,
    "\ud83d" * 1000,
    "",
)


def test_hostile_texts_are_audited_like_others() -> None:
    pairs = make_pairs(80, sample=1)
    for number, text in enumerate(HOSTILE):
        pairs[number] = replace(pairs[number], chosen=text)
        pairs[20 + number] = replace(pairs[20 + number], rejected=text, answer=text, rejected_answer=text)
    found = audit(pairs, (), QUICK)
    assert (found.pairs, found.prompts) == (80, 80)
    assert Audit.model_validate_json(found.model_dump_json()) == found


def make_excess(excess: float, half_width: float = 0.03, p_value: float = 0.5) -> Excess:
    return Excess(0.5 + excess, 0.5, excess, half_width, p_value, p_value, 0.55)


def make_search(*phrases: str) -> Search:
    told = {
        "kind": "words",
        "more_in": "chosen",
        "pairs": 9,
        "share": 0.9,
        "q_value": 0.0,
        "shown": True,
        "removed": True,
    }
    found = [FoundMarker.model_validate({"feature": phrase, "phrase": phrase, **told}) for phrase in phrases]
    return Search(tuple(found), None, None, True)  # type: ignore[arg-type]


SEEN: dict[str, Excess] = {"style": make_excess(0.3, p_value=1e-6), "length": make_excess(0.0)}
LITTLE: dict[str, Excess] = {"style": make_excess(0.01), "length": make_excess(0.0)}


@pytest.mark.parametrize(
    ("measured", "residual", "markers", "verdict", "grounds"),
    [
        (SEEN, LITTLE, ["so there"], "marker", "'so there' (90% of pairs, chosen) gives texts away, and explain"),
        (SEEN, {}, ["so there"], "marker", "300 prompts are too few to measure the rest"),
        (
            SEEN,
            {"style": make_excess(0.02, 0.09)},
            ["so there"],
            "marker",
            "up to 11.0% beyond the control could be left",
        ),
        (SEEN, SEEN, ["so there", "x"], "diffuse", "without 'so there' (90% of pairs, chosen) and 1 more, +30.0%"),
        (SEEN, {"style": make_excess(0.04, 0.01, 1e-6)}, ["so there"], "marker", "explains"),  # within the bound
        (SEEN, {}, [], "diffuse", "no marker explains it"),
        (LITTLE, {}, [], "clean", "by more than 4.0% (style)"),
        ({"style": make_excess(0.04, 0.03, 0.06)}, {}, [], "underpowered", "up to 7.0% beyond the control"),
        ({}, {}, [], "underpowered", "too few for a probe"),
    ],
)
def test_the_verdict_follows_from_what_was_measured(
    measured: dict[Family, Excess],
    residual: dict[Family, Excess],
    markers: Sequence[str],
    verdict: str,
    grounds: str,
) -> None:
    evidence = Evidence(measured, residual, make_search(*markers), sign_tests.Tested([], [], 0), 300, 300)
    made = decide(evidence, AuditSettings(), control=True)
    assert made.verdict == verdict
    assert grounds in made.grounds
    assert (made.prompts_needed is not None) is (verdict == "underpowered")


def test_a_setting_that_cannot_be_is_refused() -> None:
    for wrong in ({"q": 0.0}, {"bound": 0.6}, {"permutations": 3}, {"features": [{"feature": "nothing"}]}):
        told: dict[str, Any] = wrong
        with pytest.raises(ValueError, match=next(iter(told))):
            AuditSettings(**told)


def test_kinds_of_features_can_be_chosen() -> None:
    settings = QUICK.model_copy(update={"features": AuditSettings(features=({"feature": "lengths"},)).features})
    found = audit(make_pairs(60, sample=1), make_pairs(60), settings)
    assert set(found.probes) == {"length"}
    assert {feature.kind for feature in found.features} <= {"lengths"}


def test_pairs_have_a_prompt_by_key_alone() -> None:
    """The audit sees two texts, and which pairs belong together; nothing else about the prompt."""
    renamed = [replace(pair, id="x", prompt=f"x{pair.prompt}", group="x") for pair in make_pairs(60)]
    one, two = audit(make_pairs(60), (), QUICK), audit(renamed, (), QUICK)
    assert one.model_dump_json() == two.model_dump_json()


def test_a_control_that_is_too_small_is_what_is_told() -> None:
    found = audit(make_pairs(200, sample=1), make_pairs(10), QUICK)
    assert "200 prompts are too few" not in found.grounds
    assert "the control has other prompts" not in " ".join(found.notes)
