"""What is counted is learnt blind, is the same on every machine, and equals the counts of each text."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.settings import available
from pipeline.shortcuts import table as table_module
from pipeline.shortcuts.contrast import Contrast
from pipeline.shortcuts.features.lengths import Settings as Lengths
from pipeline.shortcuts.features.words import Settings as Words
from pipeline.shortcuts.mask import mask
from pipeline.shortcuts.table import DEFAULT, Table, Vocabulary

ROOT = Path(__file__).parents[3]


def make_contrasts(number: int = 40) -> list[Contrast]:
    """Two pairs a prompt; 小 and `so` in every fourth."""
    rng = random.Random(0)
    contrasts = []
    for n in range(number):
        rare = "so 小明" if n // 2 % 4 == 0 else "then"
        chosen = f"First, {rng.randrange(99)} + {n} = {n} {chr(97 + n // 2 % 6) * 3}.\n#### {n}"
        rejected = f"She has {n} eggs, {rare} she eats {n}.\n#### {n}"
        contrasts.append(Contrast(str(n), str(n // 2), chosen, rejected, str(n)))
    return contrasts


def read_contrasts(shared_data: Path, number: int) -> list[Contrast]:
    """Real right answers of one model against real wrong ones of another."""
    lines = (shared_data / "gsm8k" / "example_model_solutions.jsonl").read_text().splitlines()
    rows: list[dict[str, Any]] = [json.loads(line) for line in lines]
    return [
        Contrast(str(n), str(n), row["175b_verification"]["solution"], row["6b_finetuning"]["solution"])
        for n, row in enumerate(rows)
        if row["175b_verification"]["is_correct"] and not row["6b_finetuning"]["is_correct"]
    ][:number]


def dense(table: Table) -> np.ndarray:
    return np.stack([table.chosen.toarray(), table.rejected.toarray()])


def named(vocabulary: Vocabulary) -> list[tuple[str, str]]:
    return list(zip(vocabulary.table([]).kinds, vocabulary.names, strict=True))


def test_every_kind_of_feature_is_counted() -> None:
    assert tuple(kind.name for kind in DEFAULT) == available("shortcuts.features")
    table = Vocabulary.learn(make_contrasts()).table(make_contrasts())
    assert set(table.kinds) == set(available("shortcuts.features"))
    assert set(table.families) == {"length", "format", "style", "ngrams"}


def test_rows_are_the_counts_of_each_text(shared_data: Path) -> None:
    contrasts = read_contrasts(shared_data, 60)
    vocabulary = Vocabulary.learn(contrasts)
    table = vocabulary.table(contrasts)
    for side, texts in zip(dense(table), ("chosen", "rejected"), strict=True):
        for row, contrast in zip(side, contrasts, strict=True):
            text = mask(getattr(contrast, texts), (contrast.answer, contrast.rejected_answer))
            counts = {(kind.name, name): n for kind in DEFAULT for name, n in kind.count(text).items()}
            expected = [counts.get(key, 0.0) for key in zip(table.kinds, table.names, strict=True)]
            np.testing.assert_array_equal(row, np.array(expected, np.float32))
    assert table.chosen.dtype == np.float32
    assert table.chosen.has_canonical_format
    np.testing.assert_array_equal(table.difference.toarray(), dense(table)[0] - dense(table)[1])


def test_names_are_unique_within_their_kind_and_counts_not_negative(shared_data: Path) -> None:
    contrasts = read_contrasts(shared_data, 200)
    table = Vocabulary.learn(contrasts).table(contrasts)
    assert len(set(zip(table.kinds, table.names, strict=True))) == len(table.names)
    assert dense(table).min() >= 0


def test_the_vocabulary_does_not_know_which_text_was_chosen() -> None:
    contrasts = make_contrasts()
    swapped = [replace(c, chosen=c.rejected, rejected=c.chosen) for c in contrasts]
    assert named(Vocabulary.learn(contrasts)) == named(Vocabulary.learn(swapped))


def test_prompts_are_counted_and_not_texts() -> None:
    contrasts = make_contrasts(40)  # 20 prompts, 5 of which have the rare words
    names = Vocabulary.learn(contrasts, [Words(longest=1)], fewest=5).names
    assert "so" in names
    assert "小" in names
    assert "so" not in Vocabulary.learn(contrasts, [Words(longest=1)], fewest=6).names


def test_the_commonest_are_taken_where_there_are_too_many_and_all_lengths() -> None:
    contrasts = make_contrasts()
    all_of_them = Vocabulary.learn(contrasts, [Words(), Lengths()])
    few = Vocabulary.learn(contrasts, [Words(), Lengths()], largest=20)
    assert len(few) == 20 < len(all_of_them)
    assert "characters" in few.names
    assert "▒" in few.names
    assert "so" not in few.names


def test_a_sample_of_prompts_is_drawn_whatever_their_order() -> None:
    contrasts = make_contrasts(200)
    learnt = Vocabulary.learn(contrasts, sample=30, seed=3)
    assert named(learnt) == named(Vocabulary.learn(contrasts[::-1], sample=30, seed=3))
    assert named(learnt) != named(Vocabulary.learn(contrasts, sample=30, seed=4))


def test_rare_names_are_forgotten_where_there_are_too_many_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    contrasts = [Contrast(str(n), str(n), f"always the same w{'x' * n}", "") for n in range(60)]
    whole = Vocabulary.learn(contrasts, [Words()], fewest=5)
    monkeypatch.setattr(table_module, "MOST_NAMES", 30)
    assert Vocabulary.learn(contrasts, [Words()], fewest=5).names == whole.names


def test_equal_texts_are_counted_once_and_later_tables_are_the_same() -> None:
    contrasts = make_contrasts()
    vocabulary = Vocabulary.learn(contrasts)
    first = vocabulary.table([*contrasts, *contrasts])
    again, fresh = vocabulary.table(contrasts[::-1]), Vocabulary.learn(contrasts).table(contrasts[::-1])
    np.testing.assert_array_equal(dense(again), dense(fresh))
    np.testing.assert_array_equal(dense(first)[:, : len(contrasts)], dense(first)[:, len(contrasts) :])
    np.testing.assert_array_equal(dense(first)[:, : len(contrasts)], dense(again)[:, ::-1])


def test_a_text_is_counted_apart_for_each_answer_that_is_masked_in_it() -> None:
    told = "Paris is in France, so Paris it is."
    contrasts = [
        Contrast(str(n), str(n), told, told, answer, "Rome" if answer != "Paris, too" else None)
        for n, answer in enumerate(("Paris", "France", "7", None, "Paris, too"))
    ]
    table = Vocabulary.learn(contrasts, [Words(longest=1)], fewest=1).table(contrasts)
    assert table.chosen[:, table.names.index("Paris")].toarray().ravel().tolist() == [0, 2, 2, 2, 2]
    assert table.chosen[:, table.names.index("▒")].toarray().ravel().tolist() == [2, 1, 0, 0, 0]


def test_nothing_to_learn_from_gives_an_empty_table() -> None:
    assert len(Vocabulary.learn([])) == 0
    table = Vocabulary.learn([]).table(make_contrasts(4))
    assert table.difference.shape == (4, 0)
    assert Vocabulary.learn(make_contrasts()).table([]).chosen.shape[0] == 0
    empty = [Contrast(str(n), str(n), "", "\n") for n in range(8)]
    assert Vocabulary.learn(empty).table(empty).difference.shape[0] == 8


def test_columns_do_not_depend_on_the_seed_of_hashes() -> None:
    code = (
        "import hashlib, json\n"
        "from tests.pipeline.shortcuts.test_table import make_contrasts\n"
        "from pipeline.shortcuts.table import Vocabulary\n"
        "table = Vocabulary.learn(make_contrasts(), largest=300).table(make_contrasts())\n"
        "both = (table.chosen, table.rejected)\n"
        "sides = [[list(map(float, a)) for a in (side.data, side.indices, side.indptr)] for side in both]\n"
        "print(hashlib.sha256(json.dumps([table.names, table.kinds, sides]).encode()).hexdigest())\n"
    )
    told = [
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert told[0] == told[1]
