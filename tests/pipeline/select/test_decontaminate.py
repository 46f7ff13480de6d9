"""Training problems that stand in evaluation files are found by what they share, and others are not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ConfigError, DataError
from pipeline.select.decontaminate import EvaluationFiles, Overlap
from pipeline.select.settings import DecontaminateSettings, EvaluationFile
from pipeline.types import Problem

LONG = " ".join(f"w{n}" for n in range(30))


def write(path: Path, *rows: dict[str, Any]) -> str:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return str(path)


def ask(question: str, rationale: str | None = None) -> Problem:
    return Problem(id="p", question=question, answer="1", rationale=rationale)


def open_one(path: Path, *questions: str, n: int = 13, min_share: float = 0) -> EvaluationFiles:
    file = EvaluationFile(path=write(path / "test.jsonl", *({"question": question} for question in questions)))
    return EvaluationFiles([file], n, min_share)


def test_real_training_problems_of_gsm8k_overlap_with_its_test_set_in_four_places(shared_data: Path) -> None:
    files = EvaluationFiles([EvaluationFile(path=str(shared_data / "gsm8k" / "test.jsonl"))])
    rows = [json.loads(line) for line in (shared_data / "gsm8k" / "train.jsonl").read_text().splitlines()]
    found = {at: overlap for at, row in enumerate(rows) if (overlap := files.overlap(ask(row["question"])))}
    assert sorted(found) == [20, 406, 1314, 5162]
    assert found[1314].ngram == "miles in 3 hours at the same rate how many additional hours would"
    assert found[1314].line == found[5162].line == 603
    assert found[406].share < 0.1 < 0.5 < found[1314].share


def test_every_test_problem_is_found_in_its_own_file(shared_data: Path) -> None:
    path = shared_data / "cmath" / "test.jsonl"
    files = EvaluationFiles([EvaluationFile(path=str(path))])
    for line, row in enumerate(map(json.loads, path.read_text().splitlines()), start=1):
        overlap = files.overlap(ask(row["question"]))
        assert overlap is not None
        assert overlap.share == 1
        assert overlap.line <= line


def test_one_shared_ngram_is_enough_and_case_and_punctuation_do_not_matter(tmp_path: Path) -> None:
    files = open_one(tmp_path, "something else", LONG, n=5)
    overlap = files.overlap(ask("Before: W10, w11 w12 -- W13 (w14) after"))
    assert overlap == Overlap(str(tmp_path / "test.jsonl"), 2, "w10 w11 w12 w13 w14", 1 / 3)
    assert overlap.reason == (
        f"shares 33% of its n-grams with evaluation files, most with {tmp_path}/test.jsonl:2, "
        "first 'w10 w11 w12 w13 w14'"
    )
    assert files.overlap(ask("w10 w11 w12 w13 x w14 w15 w16 w17")) is None


def test_of_several_evaluation_problems_the_one_that_shares_most_is_named(tmp_path: Path) -> None:
    files = open_one(tmp_path, "w0 w1 w2 x", LONG, "w4 w5 w6 y", n=3)
    overlap = files.overlap(ask("w0 w1 w2 w3 w4 w5"))
    assert overlap is not None
    assert (overlap.line, overlap.share) == (2, 1.0)


def test_a_short_question_counts_as_a_whole(tmp_path: Path) -> None:
    files = open_one(tmp_path, "What is 2 + 2?", LONG)
    assert files.overlap(ask("what is 2 + 2")) == Overlap(str(tmp_path / "test.jsonl"), 1, "what is 2 2", 1.0)
    assert files.overlap(ask("What is 2 + 3?")) is None
    assert files.overlap(ask("What is 2")) is None
    assert files.overlap(ask("What is 2 + 2, and why is it what it is for everybody here?")) is None
    assert files.overlap(ask("w0 w1 w2")) is None


def test_chinese_is_compared_by_characters(tmp_path: Path) -> None:
    files = open_one(tmp_path, "小林看一本故事书，3天看了24页．照这样计算，全书160页，多少天可以看完？")
    overlap = files.overlap(ask("小红看一本故事书，3天看了24页。照这样计算，7天可以看多少页？"))
    assert overlap is not None
    assert overlap.ngram == "看一本故事书3天看了24页照"
    assert files.overlap(ask("一本故事书，3天看了24页")) is None


def test_below_the_smallest_share_a_standard_phrase_is_spared(tmp_path: Path) -> None:
    files = open_one(tmp_path, f"{LONG} find m plus n", n=4, min_share=0.3)
    assert files.overlap(ask("a b c d e f g find m plus n")) is None
    assert files.overlap(ask("c find m plus n")) is not None


def test_worked_solutions_are_looked_at_where_a_column_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "test.jsonl", {"question": "a b", "why": LONG}, {"question": "c d", "why": None})
    problem, short = ask("other words", rationale=f"so {LONG}"), ask("other words", rationale="a b")
    assert EvaluationFiles([EvaluationFile(path=path)], n=5).overlap(problem) is None
    files = EvaluationFiles([EvaluationFile(path=path, rationale="why")], n=5)
    overlap = files.overlap(problem)
    assert overlap is not None
    assert (overlap.line, overlap.ngram) == (1, "w0 w1 w2 w3 w4")
    assert files.overlap(short) is None
    assert files.overlap(ask("?!", rationale=LONG)) is not None


@given(st.lists(st.sampled_from("abc"), max_size=12), st.lists(st.sampled_from("abc"), max_size=12))
def test_overlaps_are_those_of_the_texts(
    tmp_path_factory: pytest.TempPathFactory, one: list[str], two: list[str]
) -> None:
    def grams(part: list[str]) -> set[tuple[str, ...]]:
        return {tuple(part[at : at + 3]) for at in range(max(1, len(part) - 2))} if part else set()

    files = open_one(tmp_path_factory.mktemp("f"), " ".join(one), n=3)
    overlap = files.overlap(ask(" ".join(two)))
    shared = grams(one) & grams(two)
    assert (overlap is not None) == bool(shared)
    if overlap is not None:
        assert overlap.share == len(shared) / len(grams(two))
        assert tuple(overlap.ngram.split()) in shared


def test_nothing_is_found_without_files() -> None:
    assert EvaluationFiles([]).overlap(ask(LONG)) is None


def test_a_bare_path_is_enough_and_a_missing_file_is_told(tmp_path: Path) -> None:
    settings = DecontaminateSettings.model_validate({"files": ["a.jsonl", {"path": "b.csv", "question": "q"}]})
    assert settings.files == (EvaluationFile(path="a.jsonl"), EvaluationFile(path="b.csv", question="q"))
    with pytest.raises(ConfigError, match=r"problems.decontaminate.files\[0\].path: there is no file a.jsonl"):
        settings.check()
    DecontaminateSettings(files=(EvaluationFile(path="openai/gsm8k"),)).check()


def test_rows_that_cannot_be_read_name_file_and_line(tmp_path: Path) -> None:
    path = write(tmp_path / "test.jsonl", {"question": "fine"}, {"problem": "no question"})
    with pytest.raises(DataError, match=r"test.jsonl:2: field 'question': no such column"):
        EvaluationFiles([EvaluationFile(path=path)])
    with pytest.raises(DataError, match="must be a text or a number"):
        EvaluationFiles([EvaluationFile(path=write(tmp_path / "list.jsonl", {"question": ["a"]}))])
    with pytest.raises(DataError, match="holds no evaluation problem"):
        EvaluationFiles([EvaluationFile(path=write(tmp_path / "empty.jsonl"))])
