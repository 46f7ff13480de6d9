"""Near-duplicates of other problems are found, and nothing else is."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.select.candidates import Candidate
from pipeline.select.near_duplicates import PERMUTATIONS, RECALL, band_width, drop_near_duplicates, sketch
from pipeline.select.ngrams import words
from pipeline.types import Finding


def find(texts: list[str], threshold: float = 0.8, problems: list[str] | None = None) -> dict[int, Finding]:
    """Findings by row; without `problems`, each text is of a problem of its own."""
    of = problems or [f"p{row}" for row in range(len(texts))]
    candidates = [Candidate(str(row), of[row], None, 0.5, 1, 1) for row in range(len(texts))]
    found = drop_near_duplicates(candidates, np.stack([sketch(text) for text in texts]), threshold)
    return {int(id): finding for id, finding in found.items()}


def jaccard(one: str, other: str) -> float:
    a, b = (
        {tuple(part[at : at + 3]) for at in range(len(part) - 2)} for part in (words(text) for text in (one, other))
    )
    return len(a & b) / len(a | b)


def make_text(rng: random.Random, vocabulary: int, length: int) -> list[str]:
    return [f"w{rng.randrange(vocabulary)}" for _ in range(length)]


def test_planted_near_duplicates_are_found_and_unrelated_texts_stay() -> None:
    rng = random.Random(0)
    texts, planted = [], []
    for _ in range(400):
        text = make_text(rng, 500, 120)
        changed = list(text)
        for _ in range(rng.randint(1, 8)):
            changed[rng.randrange(120)] = f"new{rng.randrange(10**6)}"
        texts += [" ".join(text), " ".join(changed)]
        planted.append(jaccard(texts[-2], texts[-1]))
    found = find(texts, 0.8)
    assert not [row for row in found if row % 2 == 0]
    like = [2 * row + 1 in found for row, similarity in enumerate(planted) if similarity >= 0.9]
    unlike = [2 * row + 1 in found for row, similarity in enumerate(planted) if similarity < 0.7]
    assert len(like) > 50
    assert len(unlike) > 50
    assert np.mean(like) >= 0.99
    assert np.mean(unlike) <= 0.05


def test_the_estimate_is_close_to_the_jaccard_similarity() -> None:
    rng = random.Random(1)
    errors = []
    for _ in range(300):
        text = make_text(rng, 500, 150)
        other = text[: rng.randrange(150)]
        other += make_text(rng, 500, 150 - len(other))
        estimate = (sketch(" ".join(text)) == sketch(" ".join(other))).mean()
        errors.append(float(estimate) - jaccard(" ".join(text), " ".join(other)))
    assert abs(np.mean(errors)) < 0.01
    assert np.std(errors) < 0.044


def test_real_problems_are_their_own_and_the_one_told_twice_is_found(shared_data: Path) -> None:
    rows = [json.loads(line) for line in (shared_data / "gsm8k" / "train.jsonl").read_text().splitlines()]
    questions = [row["question"] for row in rows]
    ((row, finding),) = find(questions, 0.8).items()
    assert questions[row].startswith("Amanda received $50 as a gift.")
    assert questions[int(finding.reason.split()[2])].startswith("Josie received $50 as a gift.")
    assert finding.score == pytest.approx(0.93, abs=0.05)
    assert not find([row["question"] + row["answer"] for row in rows], 0.8)


def test_real_chinese_problems_are_compared_by_characters(shared_data: Path) -> None:
    lines = (shared_data / "cmath" / "test.jsonl").read_text().splitlines()
    questions = [json.loads(line)["question"] for line in lines]
    assert not find(questions, 0.8)
    told_again = [question.replace("。", " ").replace("，", ",") for question in questions]
    assert len(find(questions + told_again, 0.8)) == len(questions)


def test_sketches_are_the_same_on_every_machine() -> None:
    assert sketch("a b c d")[:4].tolist() == [17748, 23963, 38353, 7270]


def test_texts_of_one_problem_are_no_duplicates_of_each_other() -> None:
    assert not find(["the same words"] * 3, problems=["p"] * 3)
    assert set(find(["the same words"] * 4, problems=["p", "p", "q", "p"])) == {2}


def test_of_texts_in_a_row_only_those_like_a_kept_one_go() -> None:
    text = [f"w{number}" for number in range(110)]
    steps = [" ".join(text[start : start + 80]) for start in range(0, 28, 7)]
    assert jaccard(steps[0], steps[1]) > 0.8 > 0.75 > jaccard(steps[0], steps[2])
    assert set(find(steps, 0.75)) == {1, 3}


def test_a_finding_names_the_most_similar_kept_pair() -> None:
    (finding,) = find(["one two three four five", "six seven eight", "six, seven: EIGHT"]).values()
    assert finding == Finding(
        rule="near_duplicate",
        action="drop",
        reason="like pair 1 of problem p1: estimated Jaccard similarity 1.00",
        score=1.0,
    )


def test_short_and_wordless_texts_are_like_their_equals_alone() -> None:
    assert set(find(["!", "?", "a", "b", "a b", "b a", "!", "a"])) == {6, 7}


@pytest.mark.parametrize("threshold", [0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0])
def test_bands_let_texts_at_the_threshold_be_compared(threshold: float) -> None:
    width = band_width(threshold)
    assert 1 - (1 - threshold**width) ** (PERMUTATIONS // width) >= RECALL


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3)), min_size=1, max_size=25))
def test_every_dropped_text_is_like_a_kept_one_of_another_problem(picks: list[tuple[int, int]]) -> None:
    stock = [" ".join(f"w{number % 12}{number}" for number in range(start, start + 40)) for start in range(0, 30, 3)]
    texts, problems = [stock[text] for text, _ in picks], [str(problem) for _, problem in picks]
    found = find(texts, 0.8, problems)
    for row, finding in found.items():
        other = int(finding.reason.split()[2])
        assert other not in found
        assert other < row
        assert problems[other] != problems[row]
    kept = [row for row in range(len(texts)) if row not in found]
    for row in kept:
        assert not [other for other in kept if texts[other] == texts[row] and problems[other] != problems[row]]


@pytest.mark.parametrize("hostile", ["a b ", "中", "x", "12.", "\u0301\u0316"])
def test_a_long_text_takes_no_time_and_little_memory(hostile: str) -> None:
    sketch(hostile * 100_000)
