"""A checker is tried on the gold answers before anything is paid for."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from errata.init.guess import guess_problems, look
from errata.init.proof import ABOUT, Proof, guess_checker, make_checker, prove
from pipeline.errors import ConfigError

ENGINE = {"engine": "endpoint", "base_url": "http://127.0.0.1:9/v1", "model": "m"}


def proof_of(path: Path, rows: list[dict[str, Any]], name: str | None = None, engine: Any = None) -> Proof:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    sample = look(str(path))
    problems = guess_problems(sample)
    checker = make_checker(name, sample, problems, engine) if name else guess_checker(sample, problems)
    return asyncio.run(prove(checker, sample, problems))


def test_answers_that_a_checker_cannot_read_are_told_with_their_lines(tmp_path: Path) -> None:
    rows = [{"question": f"{i} + {i}?", "answer": str(2 * i)} for i in range(100)]
    rows[7]["answer"] = "five or six"
    proof = proof_of(tmp_path / "d.jsonl", rows)
    assert (proof.read, proof.of) == (99, 100)
    assert len(proof.bad_rows) == 1
    assert "d.jsonl:8: field 'answer': checker 'numeric' cannot read" in proof.bad_rows[0]


def test_the_shared_data_are_read_whole(shared_data: Path) -> None:
    for name, checker in (("gsm8k/train", "numeric"), ("math_attempts/attempts", "math"), ("cmath/test", "numeric")):
        sample = look(str(shared_data / f"{name}.jsonl"))
        guessed = guess_checker(sample, guess_problems(sample))
        proof = asyncio.run(prove(guessed, sample, guess_problems(sample)))
        assert (guessed.name, proof.read, proof.bad_rows, proof.doubted) == (checker, proof.of, (), ())


def test_a_checker_that_asks_a_model_asks_nothing_for_its_proof(tmp_path: Path) -> None:
    rows = [{"question": f"{i}?", "answer": str(i)} for i in range(10)]
    for name in ("judge", "chain"):
        assert proof_of(tmp_path / "d.jsonl", rows, name, ENGINE).read == 10


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("maths", "unknown checker 'maths'; did you mean 'math'"),
        ("rater", "needs settings of its own"),
        ("judge", "asks a model"),
        ("code", "needs a column with unit tests"),
    ],
)
def test_a_checker_that_cannot_be_made_says_what_it_lacks(tmp_path: Path, name: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        proof_of(tmp_path / "d.jsonl", [{"question": "1?", "answer": "1"}], name)


def test_every_checker_that_is_offered_is_one() -> None:
    from pipeline.settings import available

    assert set(ABOUT) <= set(available("checkers"))


def test_code_is_run_against_its_tests(tmp_path: Path) -> None:
    rows = [
        {"text": f"Add {i}.", "code": f"def f(x): return x + {i}", "test_list": [f"assert f(1) == {i + 1}"]}
        for i in range(3)
    ]
    rows[1]["code"] = "def f(x): return 0"
    try:
        proof = proof_of(tmp_path / "d.jsonl", rows)
    except ConfigError as error:
        pytest.skip(str(error))
    assert (proof.read, proof.of) == (2, 3)
    assert "itself wrong" in proof.doubted[0]
