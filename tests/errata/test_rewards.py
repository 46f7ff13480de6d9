"""Implicit rewards on a run's pairs: the trainer's own numbers, token by token, and the KL of what the policy wrote."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import math
import shutil
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

import errata.divergence
from errata.config import ErrataSettings
from errata.divergence import read_samples
from errata.records import PairCredit, Rewards
from errata.rewards import cannot_measure, common_tokenizer, measure_rewards, trusts
from errata.training import read_split, train
from pipeline.errors import ConfigError, DataError
from pipeline.evaluate import trained_engine
from pipeline.measures.answering import Asking, answer_all
from pipeline.problems import read_problems
from pipeline.prompts import Prompts
from tests.pipeline.engines.test_hostile_models import CODE, OWN
from tests.trainer.test_credit import perturb
from trainer.credit import encode_answer, pad_token, score_examples

HELD_OUT = 4


def quiet(*_: object) -> None:
    """No progress is shown."""


def make_pairs(count: int, first: int) -> list[dict[str, Any]]:
    """Two pairs of each problem."""
    made = []
    for i in range(first, first + count):
        asked = [{"role": "user", "content": f"Tom has {i // 2} apples. Tom finds 3 apples. How many apples?"}]
        right = [{"role": "assistant", "content": f"{i // 2} + 3 = {i // 2 + 3}\n#### {i // 2 + 3}"}]
        wrong = [{"role": "assistant", "content": f"{i // 2} - {i % 5} 🍎 = {i}\n#### {i}"}]
        made.append({"id": f"p{i}", "problem_id": f"q{i // 2}", "prompt": asked, "chosen": right, "rejected": wrong})
    return made


def make_run(folder: Path, student: Path, splits: dict[str, list[dict[str, Any]]], **values: Any) -> ErrataSettings:
    """A run's folder with a data set, four held-out problems, and the demo's student."""
    (folder / "run" / "dataset").mkdir(parents=True)
    for split, rows in splits.items():
        table = pyarrow.Table.from_pylist(rows)
        pyarrow.parquet.write_table(table, folder / "run" / "dataset" / f"{split}-00000-of-00001.parquet")
    for name, start in (("train", 0), ("held_out", 500)):
        asked = [
            {"question": f"Ann has {start + i} pens. Ann buys 3 pens. How many pens?", "answer": str(start + i + 3)}
            for i in range(HELD_OUT)
        ]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in asked))
    settings = {
        "name": "run",
        "runs_dir": str(folder),
        "problems": {"path": str(folder / "train.jsonl")},
        "student": {"engine": "transformers", "model": str(student)},
        "evaluate": {"problems": {"path": str(folder / "held_out.jsonl")}, "samples": 2, "params": {"max_tokens": 24}},
        "train": {"beta": 0.2, "batch_pairs": 4, "learning_rate": 1e-3, "epochs": 2},
    }
    for name, value in values.items():
        settings[name] = {**settings[name], **value} if isinstance(value, dict) else value  # type: ignore[dict-item]
    return ErrataSettings(**settings)  # type: ignore[arg-type]


def answer(settings: ErrataSettings, policy: str, samples: int = 2) -> Path:
    """What the policy says to the held-out problems, written as the evaluation writes it."""
    assert settings.evaluate is not None
    wanted = settings.evaluate

    async def ask() -> list[str]:
        async with settings.checker.create() as checker, trained_engine(settings, policy).create() as engine:
            problems, _ = read_problems(wanted.problems, checker)
            asking = Asking(checker, Prompts(settings.prompts).load(settings.sample.prompt), wanted.params, samples)
            told = await answer_all(engine, problems, asking)
        return [row.model_dump_json() + "\n" for one in told for row in one.rows("held_out", "after")]

    file = settings.run_dir / "answers.jsonl"
    file.write_text("".join(asyncio.run(ask())))
    return file


def read_credit(settings: ErrataSettings) -> list[PairCredit]:
    lines = (settings.run_dir / "rewards.jsonl").read_text().splitlines()
    return [PairCredit.model_validate_json(line) for line in lines]


def test_the_summary_is_what_training_logs_of_the_held_out_pairs(student_dir: Path, tmp_path: Path) -> None:
    splits = {"train": make_pairs(16, 0), "validation": make_pairs(10, 100)}
    settings = make_run(tmp_path, student_dir, splits, train={"arguments": {"eval_strategy": "epoch"}})
    trained = train(settings, quiet)
    logged = [line for line in trained.log if "eval_rewards/margins" in line][-1]
    told = []
    rewards = measure_rewards(settings, str(trained.policy), progress=lambda *step: told.append(step), train_pairs=6)
    assert rewards.split == "validation"
    assert rewards.pairs == 10
    assert rewards.beta == 0.2
    assert rewards.reference == str(student_dir)
    assert abs(rewards.margin.value) > 0.01
    assert rewards.margin.value == pytest.approx(logged["eval_rewards/margins"], abs=1e-3)
    assert rewards.accuracy == pytest.approx(logged["eval_rewards/accuracies"])
    assert rewards.chosen_change.value == pytest.approx(logged["eval_logps/chosen_change"], abs=1e-3)
    assert rewards.displaced == pytest.approx(logged["eval_displacement"])
    assert rewards.interval[0] <= rewards.accuracy <= rewards.interval[1]
    assert rewards.divergence is None
    assert told == [("rewards", 0, 2), ("rewards", 1, 2), ("rewards", 2, 2)]
    assert Rewards.model_validate_json((settings.run_dir / "rewards.json").read_text()) == rewards
    _check_tokens(settings, rewards)


def _check_tokens(settings: ErrataSettings, rewards: Rewards) -> None:
    """rewards.jsonl has the held-out pairs and some trained ones; its tokens add up to the summary."""
    credits = read_credit(settings)
    held_out, trained = (read_split(settings.run_dir, name) for name in ("validation", "train"))
    rows = {row["id"]: row for row in (*held_out, *trained)}
    assert [credit.id for credit in credits[:10]] == [row["id"] for row in held_out]
    assert len({credit.id for credit in credits[10:]} & {row["id"] for row in trained}) == len(credits[10:]) == 6
    margins = []
    for credit in credits:
        sides = []
        for side, text in (("chosen", credit.chosen), ("rejected", credit.rejected)):
            written = rows[credit.id][side][0]["content"]
            pieces = [written[a:b] for a, b in zip((0, *text.ends), text.ends, strict=False)]
            assert "".join(pieces) == written
            assert len(text.ends) == len(text.before) == len(text.after)
            sides.append(sum(text.after) - sum(text.before))
        margins.append(credit.beta * (sides[0] - sides[1]))
    assert sum(margins[:10]) / 10 == pytest.approx(rewards.margin.value, abs=1e-3)


def test_a_model_against_itself_has_no_reward_and_ties_are_not_right(student_dir: Path, tmp_path: Path) -> None:
    settings = make_run(tmp_path, student_dir, {"train": make_pairs(4, 0), "validation": make_pairs(6, 100)})
    policy = str(shutil.copytree(student_dir, tmp_path / "copy"))
    answer(settings, policy)
    rewards = measure_rewards(settings, policy, progress=quiet)
    assert rewards.accuracy == rewards.displaced == 0
    assert rewards.margin.value == rewards.chosen_change.value == rewards.rejected_change.value == 0
    assert rewards.divergence is not None
    assert rewards.divergence.texts == 2 * HELD_OUT
    assert rewards.divergence.per_text.value == rewards.divergence.per_token.value == 0
    assert all(text.before == text.after for one in read_credit(settings) for text in (one.chosen, one.rejected))


def test_without_held_out_pairs_the_trained_ones_count(student_dir: Path, tmp_path: Path) -> None:
    settings = make_run(tmp_path, student_dir, {"train": make_pairs(9, 0)}, train={"beta": None, "max_length": 75})
    policy = perturb(student_dir, tmp_path / "policy")
    rewards = measure_rewards(settings, policy, progress=quiet, train_pairs=4)
    assert (rewards.split, rewards.beta) == ("train", 0.1)
    assert rewards.pairs == 9
    shown = read_credit(settings)
    assert len(shown) == 4
    shorter = settings.model_copy(update={"train": settings.train.model_copy(update={"max_length": 5})})
    with pytest.raises(DataError, match="holds no pair"):
        measure_rewards(shorter, policy, progress=quiet)


def test_the_divergence_is_the_kl(student_dir: Path, tmp_path: Path) -> None:
    """Of answers of one token the KL is a sum over the vocabulary."""
    settings = make_run(tmp_path, student_dir, {"validation": make_pairs(2, 0)}, evaluate={"params": {"max_tokens": 1}})
    policy = perturb(student_dir, tmp_path / "policy", 12.0)
    answer(settings, policy, samples=150)
    rewards = measure_rewards(settings, policy, progress=quiet)
    tokenizer = AutoTokenizer.from_pretrained(policy)
    exact, spread = [], []
    for row in map(json.loads, (tmp_path / "held_out.jsonl").read_text().splitlines()):
        prompt = encode_answer([{"role": "user", "content": row["question"]}], "", tokenizer).prompt
        before, after = (
            AutoModelForCausalLM.from_pretrained(name)(torch.tensor([prompt])).logits[0, -1].detach().log_softmax(-1)
            for name in (student_dir, policy)
        )
        change = after - before
        exact.append(float((after.exp() * change).sum()))
        spread.append(float((after.exp() * change**2).sum()) - exact[-1] ** 2)
    error = math.sqrt(sum(spread) / len(spread) / 600)
    assert sum(exact) / HELD_OUT > 0.05
    assert rewards.divergence is not None
    assert rewards.divergence.texts == 600
    assert abs(rewards.divergence.per_text.value - sum(exact) / HELD_OUT) < 4 * error
    assert rewards.divergence.per_token == rewards.divergence.per_text


def test_of_very_many_answers_some_are_drawn_the_same_ones_each_time(
    student_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = make_run(tmp_path, student_dir, {"validation": make_pairs(2, 0)})
    policy = perturb(student_dir, tmp_path / "policy")
    file, tokenizer = answer(settings, policy, samples=4), AutoTokenizer.from_pretrained(policy)
    everything = read_samples(settings, policy, "after", file, tokenizer)
    assert len(everything) == 4 * HELD_OUT
    monkeypatch.setattr(errata.divergence, "TEXTS", 5)
    first, again = (read_samples(settings, policy, "after", file, tokenizer) for _ in range(2))
    assert first == again
    assert len(first) == 5
    assert all(sample in everything for sample in first)


@pytest.mark.parametrize(
    ("evaluate", "model", "why"),
    [
        ({"params": {"temperature": 0.7}}, "after", "temperature 1"),
        ({"params": {"top_p": 0.9}}, "after", "top_p 1"),
        ({"params": {"stop": ["####"]}}, "after", "stop strings"),
        ({}, "other", "do not say how other was asked"),
        ({"after": {"engine": "endpoint", "base_url": "http://127.0.0.1:1/v1", "model": "m"}}, "after", "loads"),
        ({"models": {"a": {"engine": "transformers", "model": "somewhere"}}}, "a", "that loads"),
        ({"problems": {"path": "train.jsonl"}}, "after", "problems that are not in"),
    ],
)
def test_answers_that_would_not_tell_the_kl_are_not_read(
    evaluate: dict[str, Any],
    model: str,
    why: str,
    student_dir: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, logger="errata")
    if "problems" in evaluate:
        evaluate = {"problems": {"path": str(tmp_path / "train.jsonl")}}
    asked = make_run(tmp_path, student_dir, {})
    policy, tokenizer = perturb(student_dir, tmp_path / "policy"), AutoTokenizer.from_pretrained(student_dir)
    file = answer(asked, policy)
    assert read_samples(asked, policy, "after", file, tokenizer)
    told = asked.model_dump(exclude_unset=True)
    settings = ErrataSettings(**{**told, "evaluate": {**told["evaluate"], **evaluate}})
    assert read_samples(settings, policy, model, file, tokenizer) == []
    assert why in caplog.text


def test_texts_that_are_not_all_that_was_sampled_tell_no_kl(
    student_dir: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = make_run(tmp_path, student_dir, {})
    policy, tokenizer = perturb(student_dir, tmp_path / "policy"), AutoTokenizer.from_pretrained(student_dir)
    file = answer(settings, policy)
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    file.write_text("".join(json.dumps({**row, "tokens": row["tokens"] + 9}) + "\n" for row in rows))
    assert read_samples(settings, policy, "after", file, tokenizer) == []
    assert "is something left out?" in caplog.text
    file.write_text("".join(json.dumps(row) + "\n" for row in rows if row["kind"] == "greedy"))
    assert read_samples(settings, policy, "after", file, tokenizer) == []
    assert read_samples(settings, policy, "after", tmp_path / "none.jsonl", tokenizer) == []
    file.write_text(json.dumps(rows[0]) + "\n{}\n")
    with pytest.raises(DataError, match=r"answers\.jsonl:2: is not an answer"):
        read_samples(settings, policy, "after", file, tokenizer)


def test_empty_and_cut_off_answers_count_as_they_were_written(student_dir: Path, tmp_path: Path) -> None:
    settings = make_run(tmp_path, student_dir, {})
    policy, tokenizer = perturb(student_dir, tmp_path / "policy"), AutoTokenizer.from_pretrained(student_dir)
    file = answer(settings, policy)
    row = next(row for row in map(json.loads, file.read_text().splitlines()) if row["kind"] == "sampled")
    truncated = "truncated: the text ends at the token limit"
    told = [{"text": "", "tokens": 1, "reason": "no answer"}, {"text": "1 + 2", "tokens": 4, "reason": truncated}]
    file.write_text("".join(json.dumps({**row, **one}) + "\n" for one in told))
    samples = read_samples(settings, policy, "after", file, tokenizer)
    assert [len(sample.example.completions[0]) for sample in samples] == [1, 4]
    assert samples[0].example.completions[0] == (tokenizer.eos_token_id,)
    scored = score_examples(policy, [sample.example for sample in samples], pad=pad_token(tokenizer))
    assert [len(logps) for (logps,) in scored] == [1, 4]


def test_texts_that_the_template_rewrites_have_no_tokens_to_show(
    student_dir: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = make_run(tmp_path, student_dir, {"validation": make_pairs(3, 100)})
    policy = Path(perturb(student_dir, tmp_path / "policy"))
    template = policy / "chat_template.jinja"
    template.write_text(template.read_text().replace("message['content']", "message['content'] | replace('#', '$')"))
    assert measure_rewards(settings, str(policy), progress=quiet).pairs == 3
    assert read_credit(settings) == []
    assert "3 pairs are left out" in caplog.text


def test_what_can_be_measured_is_known_beforehand(student_dir: Path, tmp_path: Path) -> None:
    settings = make_run(tmp_path / "a", student_dir, {"validation": make_pairs(2, 0)})
    policy = perturb(student_dir, tmp_path / "policy")
    assert cannot_measure(settings, policy) is None
    assert cannot_measure(settings, "a-name-at-a-server")
    assert cannot_measure(make_run(tmp_path / "b", student_dir, {}), policy)
    endpoint = {"engine": "endpoint", "base_url": "http://127.0.0.1:1/v1", "model": "m"}
    elsewhere = ErrataSettings(**{**settings.model_dump(), "student": endpoint})
    assert cannot_measure(elsewhere, policy)
    assert (
        cannot_measure(ErrataSettings(**{**elsewhere.model_dump(), "train": {"model": str(student_dir)}}), policy)
        is None
    )


def test_a_reference_with_other_tokens_is_refused(student_dir: Path, tmp_path: Path) -> None:
    policy = perturb(student_dir, tmp_path / "policy")
    other = Path(perturb(student_dir, tmp_path / "other"))
    trusted = {policy: False, str(other): False}
    assert common_tokenizer(policy, str(other), trusted).eos_token == "<|end|>"
    told = json.loads((other / "tokenizer.json").read_text())
    vocab = told["model"]["vocab"]
    vocab["a"], vocab["b"] = vocab["b"], vocab["a"]
    (other / "tokenizer.json").write_text(json.dumps(told))
    with pytest.raises(ConfigError, match="its tokenizer has other tokens"):
        common_tokenizer(policy, str(other), trusted)


def bring_code(folder: Path, mark: Path) -> None:
    """Let a model's folder bring Python that makes a file."""
    (folder / "evil.py").write_text(CODE.format(mark=str(mark)))
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"model_type": "evil", "auto_map": OWN}))


@pytest.mark.parametrize("trusted", [False, True])
def test_a_reference_that_a_record_names_runs_no_code_whatever_the_student_may(
    student_dir: Path, tmp_path: Path, trusted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    student = Path(shutil.copytree(student_dir, tmp_path / "student"))
    made = make_run(tmp_path, student, {"validation": make_pairs(2, 0)}).model_dump()
    made["student"] = {"engine": "transformers", "model": str(student), "trust_remote_code": trusted}
    settings = ErrataSettings(**made)
    policy, reference, mark = settings.policy_dir, Path(perturb(student_dir, tmp_path / "other")), tmp_path / "owned"
    perturb(student_dir, policy)
    bring_code(reference, mark)
    (policy / "training.json").write_text(json.dumps({"reference": str(reference)}))
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n" * 9))
    with pytest.raises(ConfigError, match="other cannot be loaded"):
        measure_rewards(settings, str(policy), progress=quiet)
    assert not mark.exists()
    bring_code(student, mark)
    (policy / "training.json").write_text("{}")
    if not trusted:
        with pytest.raises(ConfigError, match="student cannot be loaded"):
            measure_rewards(settings, str(policy), progress=quiet)
    else:
        assert measure_rewards(settings, str(policy), progress=quiet).pairs == 2
    assert mark.exists() == trusted
    assert [trusts(settings, str(model)) for model in (student, policy, reference)] == [trusted, trusted, False]
