"""Pairs become supervised, labelled and ranked rows: every text once, in an order that means something."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.kinds import BEYOND, CONTRADICTED, KINDS, ONE_SIDED, REPEATED, columns, make_rows
from pipeline.preferences import COLUMNS, Preference


def make(prompt: str, chosen: str, rejected: str, split: str = "train", **values: Any) -> Preference:
    return Preference(split, prompt, chosen, rejected, values)


def rows_of(kind: Any, pairs: list[Preference], folder: Path, **options: Any) -> tuple[list[Any], Counter[str]]:
    left_out: Counter[str] = Counter()
    rows = list(make_rows(kind, pairs, folder, left_out, **options))
    assert not list(folder.glob(".by_*")), "what was sorted on disk is gone"
    return rows, Counter({reason: count for reason, count in left_out.items() if count})


def test_sft_has_each_chosen_text_of_a_prompt_once_wherever_its_pairs_stand(tmp_path: Path) -> None:
    pairs = [
        make("p", "a", "x", id="1", rung="reference", chosen_score=0.5),
        make("q", "a", "x", id="2"),
        make("p", "b", "a", id="3"),
        make("p", "a", "y", id="4", rung="own_correct"),
        make("p", "a", "x", "validation", id="5"),
    ]
    rows, left_out = rows_of("sft", pairs, tmp_path)
    told = [(split, row["prompt"], row["completion"], row["pair_ids"]) for split, row in rows]
    assert told == [
        ("train", "p", "a", ["1", "4"]),
        ("train", "p", "b", ["3"]),
        ("train", "q", "a", ["2"]),
        ("validation", "p", "a", ["5"]),
    ]
    assert (rows[0][1]["rung"], rows[0][1]["score"]) == ("reference", 0.5)
    assert left_out == {REPEATED: 1}
    assert rows[0][1]["id"] == rows[3][1]["id"] != rows[1][1]["id"]


def test_a_text_that_is_chosen_and_rejected_has_no_label(tmp_path: Path) -> None:
    pairs = [make("p", "a", "b"), make("p", "b", "c"), make("p", "a", "c"), make("q", "b", "a")]
    rows, left_out = rows_of("unpaired", pairs, tmp_path)
    found = {(row["prompt"], row["completion"], row["label"]) for _, row in rows}
    assert found == {("p", "a", True), ("p", "c", False), ("q", "b", True), ("q", "a", False)}
    assert left_out == {CONTRADICTED: 1, REPEATED: 2}


def test_what_is_said_of_the_chosen_text_is_not_said_of_the_rejected_one(tmp_path: Path) -> None:
    values = {"rung": "reference", "teacher": "big", "gold_visible": True, "rejected_answer": "5", "answer": "4"}
    rows, _ = rows_of("unpaired", [make("p", "a", "b", chosen_score=0.9, rejected_score=0.1, **values)], tmp_path)
    good, bad = (next(row for _, row in rows if row["label"] is label) for label in (True, False))
    assert (good["rung"], good.get("rejected_answer"), good["answer"], good["score"]) == ("reference", None, "4", 0.9)
    assert (bad.get("rung"), bad.get("gold_visible"), bad["rejected_answer"], bad["score"]) == (None, None, "5", 0.1)


def test_labelled_rows_of_one_prompt_stand_apart_and_both_labels_are_mixed(tmp_path: Path) -> None:
    pairs = [make(f"p{i}", f"good{i}", f"bad{i}-{k}") for i in range(20) for k in range(3)]
    rows, _ = rows_of("unpaired", pairs, tmp_path)
    prompts = [row["prompt"] for _, row in rows]
    assert len(rows) == 80
    assert all(len(set(prompts[i : i + 20])) == 20 for i in range(0, 80, 20))
    assert all(3 <= sum(row["label"] for _, row in rows[i : i + 20]) <= 7 for i in range(0, 80, 20))


def ranking(pairs: list[Preference], folder: Path, **options: Any) -> tuple[Any, Any, Any]:
    ((_, row),), _ = rows_of("rankings", pairs, folder, **options)
    return row["completions"], row["ranks"], row["scores"]


def test_rankings_go_by_score_where_all_rejected_texts_have_one(tmp_path: Path) -> None:
    pairs = [
        make("p", "a", "x", rejected_score=0.1, edit_ratio=0.1, chosen_score=0.7),
        make("p", "b", "y", rejected_score=0.6, edit_ratio=0.9, chosen_score=0.8),
        make("p", "a", "z", rejected_score=0.1, edit_ratio=0.5, chosen_score=0.7),
    ]
    assert ranking(pairs, tmp_path) == (["b", "a", "y", "x", "z"], [1, 2, 3, 4, 4], [0.8, 0.7, 0.6, 0.1, 0.1])


def test_without_all_scores_the_rejected_text_closest_to_a_chosen_one_comes_first(tmp_path: Path) -> None:
    pairs = [
        make("p", "a", "far", rejected_score=0.9, edit_ratio=0.9),
        make("p", "a", "near", edit_ratio=0.4),
        make("p", "b", "unknown"),
        make("p", "b", "far", edit_ratio=0.2),
    ]
    texts, ranks, scores = ranking(pairs, tmp_path)
    assert (texts, ranks) == (["a", "b", "far", "near", "unknown"], [1, 1, 2, 3, 4])
    assert scores == [None, None, 0.9, None, None]


def test_a_shortened_ranking_keeps_a_rejected_text_and_counts_the_rest(tmp_path: Path) -> None:
    pairs = [make("p", chosen, f"r{i}", edit_ratio=i / 10) for i, chosen in enumerate("abcd")]
    ((_, row),), left_out = rows_of("rankings", pairs, tmp_path, max_completions=3)
    assert (row["completions"], left_out[BEYOND]) == (["a", "b", "r0"], 5)
    assert ranking(pairs, tmp_path, max_completions=2)[0] == ["a", "r0"]


def test_a_prompt_whose_texts_contradict_one_another_has_no_ranking(tmp_path: Path) -> None:
    rows, left_out = rows_of("rankings", [make("p", "a", "b"), make("p", "b", "a"), make("q", "a", "b")], tmp_path)
    assert [row["prompt"] for _, row in rows] == ["q"]
    assert left_out == {CONTRADICTED: 2, ONE_SIDED: 1}


def test_every_row_has_the_columns_that_are_announced(tmp_path: Path) -> None:
    values = {name: {"text": "t", "number": 0.5, "truth": True}[kind] for name, kind in COLUMNS.items()}
    for kind in KINDS:
        rows, _ = rows_of(kind, [make("p", "a", "b", **values), make("p", "a", "c", **values)], tmp_path)
        given = {name for _, row in rows for name, value in row.items() if value is not None}
        assert set(columns(kind, tuple(COLUMNS))) <= given
    assert "score" not in columns("sft", ("rejected_score",))
    assert "pair_ids" not in columns("sft", ("view",))


texts = st.sampled_from(["a", "b", "c", "d"])
pairs = st.builds(
    make,
    st.sampled_from(["p", "q", "r"]),
    texts,
    texts,
    split=st.sampled_from(["train", "validation"]),
    edit_ratio=st.none() | st.floats(0, 1),
    rejected_score=st.none() | st.floats(-5, 5),
).filter(lambda pair: pair.chosen != pair.rejected)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(pairs, max_size=25), st.none() | st.integers(2, 5))
def test_no_text_is_lost_or_doubled_whatever_the_order(
    tmp_path: Path, pairs: list[Preference], most: int | None
) -> None:
    chosen, rejected = defaultdict(set), defaultdict(set)
    for pair in pairs:
        chosen[pair.split, pair.prompt].add(pair.chosen)
        rejected[pair.split, pair.prompt].add(pair.rejected)
    rows, _ = rows_of("sft", pairs, tmp_path)
    assert sorted((s, r["prompt"], r["completion"]) for s, r in rows) == sorted(
        (*k, t) for k in chosen for t in chosen[k]
    )

    rows, told = rows_of("unpaired", pairs, tmp_path)
    clear = {True: {k: chosen[k] - rejected[k] for k in chosen}, False: {k: rejected[k] - chosen[k] for k in chosen}}
    wanted = sorted((*k, t, label) for label in clear for k in chosen for t in clear[label][k])
    assert sorted((s, r["prompt"], r["completion"], r["label"]) for s, r in rows) == wanted
    assert 2 * len(pairs) == len(rows) + told[REPEATED] + 2 * told[CONTRADICTED]

    rows, told = rows_of("rankings", pairs, tmp_path, max_completions=most)
    for split, row in rows:
        key, listed, ranks = (split, row["prompt"]), row["completions"], row["ranks"]
        good = [text in clear[True][key] for text in listed]
        assert good == sorted(good, reverse=True)
        assert good[0]
        assert not good[-1]
        assert len(set(listed)) == len(listed) <= (most or 8)
        assert ranks == sorted(ranks)
        assert {rank for rank, ok in zip(ranks, good, strict=True) if ok}.isdisjoint(
            rank for rank, ok in zip(ranks, good, strict=True) if not ok
        )


@pytest.mark.parametrize("kind", KINDS)
def test_no_pairs_give_no_rows(kind: str, tmp_path: Path) -> None:
    assert rows_of(kind, [], tmp_path) == ([], Counter())
