"""Scores of given texts: those of a plain forward pass, and those that training logs."""

from __future__ import annotations

import gc
import logging
import math
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from trainer import DPOConfig, DPOTrainer
from trainer.credit import encode_answer, load_scored, pad_token, score_examples, score_rows
from trainer.data import tokenize_rows
from trainer.errors import TrainingInputError
from trainer.reference import ReferenceCache

TEXTS = [
    "5 + 3 = 8\n#### 8",
    "5 - 3 = 2\n#### 2",
    "答案 👩‍👩‍👧 8",
    "#### 8 ",
    "e\u0301",
    "2 * 4 = 8\n8 + 1 = 9\n#### 9",
]


def say(role: str, content: str) -> list[dict[str, str]]:
    return [{"role": role, "content": content}]


def make_rows(count: int = 12) -> list[dict[str, Any]]:
    """Pairs, of which two share each prompt."""
    return [
        {
            "id": f"p{i}",
            "prompt": say("user", f"Tom has {5 + i // 2} apples. Tom finds 3 apples. How many apples?"),
            "chosen": say("assistant", f"{5 + i} + 3 = {8 + i}\n#### {8 + i}"),
            "rejected": say("assistant", TEXTS[i % len(TEXTS)] + f" {i}"),
        }
        for i in range(count)
    ]


def perturb(student: Path, folder: Path, scale: float = 1.2) -> str:
    """A second model: the student with one matrix scaled."""
    model = AutoModelForCausalLM.from_pretrained(student)
    with torch.no_grad():
        model.model.layers[1].mlp.down_proj.weight.mul_(scale)
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(student).save_pretrained(folder)
    return str(folder)


@torch.no_grad()
def plain_logps(model: Any, prompt: Any, text: Any) -> np.ndarray[Any, Any]:
    """By the library alone: one sequence, whole logits."""
    ids = torch.tensor([[*prompt, *text]])
    logits = model(input_ids=ids).logits[0, len(prompt) - 1 : -1].float()
    picked = logits.log_softmax(-1).gather(-1, ids[0, len(prompt) :, None])[:, 0]
    return picked.numpy()  # type: ignore[no-any-return]


def test_each_token_has_the_log_prob_of_a_plain_forward(student_dir: Path, tmp_path: Path) -> None:
    tokenizer, rows = AutoTokenizer.from_pretrained(student_dir), make_rows(8)
    examples = tokenize_rows(rows, tokenizer)
    for folder in (str(student_dir), perturb(student_dir, tmp_path / "other")):
        plain = AutoModelForCausalLM.from_pretrained(folder).eval()
        for layout, tokens in (("tree", None), ("padded", 100)):
            scored = score_rows(folder, rows, layout=layout, max_tokens=tokens)
            for row, example, texts in zip(rows, examples, scored, strict=True):
                for side, ids, text in zip(("chosen", "rejected"), example.completions, texts, strict=True):
                    assert text.logps.dtype == np.float32
                    assert len(text.logps) == len(text.ends) == len(ids)
                    assert np.abs(text.logps - plain_logps(plain, example.prompt, ids)).max() < 1e-4
                    assert text.text == row[side][0]["content"]
                    assert text.ends[-1] == len(text.text)


def test_single_texts_score_as_in_pairs(student_dir: Path) -> None:
    rows = make_rows(4)
    single = [{"prompt": row["prompt"], "completion": row[side]} for row in rows for side in ("chosen", "rejected")]
    paired = [text for texts in score_rows(str(student_dir), rows) for text in texts]
    alone = score_rows(AutoModelForCausalLM.from_pretrained(student_dir), single, form="supervised")
    for a, (b,) in zip(paired, alone, strict=True):
        assert a.ends == b.ends
        assert np.allclose(a.logps, b.logps, atol=1e-4)
    strings = score_rows(str(student_dir), [{"prompt": "2 + 2 =", "completion": " 4"}], form="supervised")
    assert strings[0][0].text == " 4"


def test_the_numbers_are_those_of_the_training_log(
    student_dir: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """And the reference's are known from training: nothing is computed twice."""
    rows, cache = make_rows(24), ReferenceCache(tmp_path / "reference.sqlite")
    args = DPOConfig(
        output_dir=str(tmp_path / "t"),
        max_steps=4,
        global_batch_pairs=4,
        learning_rate=1e-3,
        beta=0.3,
        save_strategy="no",
        disable_tqdm=True,
        reference_cache=str(tmp_path / "reference.sqlite"),
    )
    trainer = DPOTrainer(str(student_dir), args=args, train_dataset=rows[:12], eval_dataset=rows[12:])
    trainer.train()
    logged = trainer.evaluate()
    trainer.save_model(str(tmp_path / "policy"))
    caplog.set_level(logging.INFO, logger="trainer")
    before = score_rows(str(student_dir), rows, cache=cache)
    assert "reference log-probs: 24 of 24 examples known" in caplog.text
    after = score_rows(str(tmp_path / "policy"), rows[12:], cache=cache)
    changes = np.array(
        [
            [float(new.logps.sum() - old.logps.sum()) for old, new in zip(olds, news, strict=True)]
            for olds, news in zip(before[12:], after, strict=True)
        ]
    )
    margins = 0.3 * (changes[:, 0] - changes[:, 1])
    assert abs(margins.mean()) > 0.01
    assert margins.mean() == pytest.approx(logged["eval_rewards/margins"], abs=1e-4)
    assert (margins > 0).mean() == pytest.approx(logged["eval_rewards/accuracies"])
    assert changes[:, 0].mean() == pytest.approx(logged["eval_logps/chosen_change"], abs=1e-4)
    assert (changes[:, 0] < 0).mean() == pytest.approx(logged["eval_displacement"])
    score_rows(str(tmp_path / "policy"), rows[12:], cache=cache)
    assert "reference log-probs: 12 of 12 examples known" in caplog.text


def test_a_model_that_was_loaded_is_freed_and_one_that_was_given_is_not(
    student_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[weakref.ref[Any]] = []
    load = AutoModelForCausalLM.from_pretrained

    def watch(*given: Any, **options: Any) -> Any:
        model = load(*given, **options)
        loaded.append(weakref.ref(model))
        return model

    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", watch)
    gc.disable()  # it is freed at once, not some time later
    try:
        scored = score_rows(str(student_dir), make_rows(4))
        assert [ref() for ref in loaded] == [None]
        assert scored
        model = watch(student_dir)
        score_rows(model, make_rows(4))
        assert model(input_ids=torch.tensor([[5, 6]])).logits.shape[1] == 2
    finally:
        gc.enable()


def test_an_adapters_folder_is_its_base_with_the_adapter(student_dir: Path, tmp_path: Path) -> None:
    from peft import LoraConfig

    args = DPOConfig(
        output_dir=str(tmp_path / "t"),
        max_steps=3,
        learning_rate=1e-2,
        save_strategy="no",
        disable_tqdm=True,
        lr_scheduler_type="constant",
    )
    lora = LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM")
    rows = make_rows(16)
    trainer = DPOTrainer(str(student_dir), args=args, train_dataset=rows, eval_dataset=rows, peft_config=lora)
    trainer.train()
    logged = trainer.evaluate()
    trainer.save_model(str(tmp_path / "adapter"))
    before = score_rows(str(student_dir), rows)
    after = score_rows(str(tmp_path / "adapter"), rows, AutoTokenizer.from_pretrained(student_dir), dtype="auto")
    change = np.mean([new[0].logps.sum() - old[0].logps.sum() for old, new in zip(before, after, strict=True)])
    assert abs(change) > 0.01
    assert change == pytest.approx(logged["eval_logps/chosen_change"], abs=1e-3)


def test_autocast_computes_in_the_precision_of_training(student_dir: Path) -> None:
    rows = make_rows(1)
    exact, coarse = score_rows(str(student_dir), rows), score_rows(str(student_dir), rows, autocast=torch.bfloat16)
    off = [np.abs(a[0].logps - b[0].logps).max() for a, b in zip(exact, coarse, strict=True)]
    assert 1e-4 < max(off) < 0.5


def test_an_answer_is_scored_as_it_was_written(student_dir: Path) -> None:
    """Empty, cut off, or with white space that a template would trim."""
    tokenizer = AutoTokenizer.from_pretrained(student_dir)
    tokenizer.chat_template = tokenizer.chat_template.replace("message['content']", "message['content'] | trim")
    asked, end = say("user", "How many?"), tokenizer.eos_token_id
    answers = [("", True), (" 4 ", True), ("5 + 3", False), ("x" * 500, True)]
    examples = [encode_answer(asked, text, tokenizer, ended=ended) for text, ended in answers]
    for (text, ended), example in zip(answers, examples, strict=True):
        (ids,) = example.completions
        assert tokenizer.decode(ids) == text + ("<|end|>" if ended else "")
        assert (end in ids) == ended
    plain = AutoModelForCausalLM.from_pretrained(student_dir).eval()
    scored = score_examples(str(student_dir), examples, pad=pad_token(tokenizer), max_tokens=64)
    for example, (logps,) in zip(examples, scored, strict=True):
        assert np.abs(logps - plain_logps(plain, example.prompt, example.completions[0])).max() < 1e-4


def test_a_probability_is_that_of_one_token_among_all(student_dir: Path) -> None:
    """The log-probs of all first tokens behind a prompt add up to 1."""
    tokenizer = AutoTokenizer.from_pretrained(student_dir)
    empty = encode_answer(say("user", "How many?"), "", tokenizer)
    every = [type(empty)(empty.prompt, ((token,),)) for token in range(512)]
    scored = score_examples(load_scored(str(student_dir)), every, pad=0)
    assert math.fsum(math.exp(float(logps[0])) for (logps,) in scored) == pytest.approx(1, abs=1e-5)


def test_a_row_that_cannot_be_scored_is_named(student_dir: Path) -> None:
    rows = [*make_rows(2), {"id": "bad", "prompt": say("user", "q"), "chosen": say("assistant", "a")}]
    with pytest.raises(TrainingInputError, match=r"row 2 \(id bad\): no rejected"):
        score_rows(str(student_dir), rows)
