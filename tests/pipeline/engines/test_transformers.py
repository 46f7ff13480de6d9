"""The in-process engine, on the demo's student."""

from __future__ import annotations

import asyncio
import itertools
import json
import shutil
from collections import Counter
from pathlib import Path

import pytest

import pipeline
from errata.demo import world
from pipeline.engines.base import Request
from pipeline.engines.transformers import Settings, Transformers
from pipeline.errors import ConfigError, RequestFailed
from pipeline.identity import model_identity
from pipeline.loading import load_settings
from pipeline.run import build
from pipeline.types import Completion, Message, SamplingParams

GREEDY = SamplingParams(temperature=0.0, max_tokens=96)
SAMPLED = SamplingParams(temperature=1.0, max_tokens=96, seed=1)


def make_requests(count: int, *, n: int = 1, params: SamplingParams = GREEDY) -> list[Request]:
    stories = itertools.islice(world.stories("engine-test"), count)
    return [Request(messages=(Message(role="user", content=s.question),), params=params, n=n) for s in stories]


def run_groups(student: Path, *groups: list[Request], **options: int) -> list[list[list[Completion]]]:
    async def run() -> list[list[list[Completion]]]:
        async with Settings(model=str(student), **options).create() as engine:
            made = [await engine.complete_many(group) for group in groups]
            return [[texts for texts in group if not isinstance(texts, Exception)] for group in made]

    return asyncio.run(run())


def test_texts_are_solutions_with_ids_finish_reason_and_usage(student_dir: Path) -> None:
    ((first,), *_rest) = run_groups(student_dir, make_requests(3))[0]
    assert "####" in first.text
    assert first.finish_reason == "stop"
    assert first.token_ids is not None
    assert first.usage.completion_tokens == len(first.token_ids)
    assert "<|end|>" not in first.text


def test_a_text_cut_off_at_the_limit_says_length(student_dir: Path) -> None:
    short = GREEDY.model_copy(update={"max_tokens": 3})
    ((cut,),) = run_groups(student_dir, make_requests(1, params=short))[0]
    assert cut.finish_reason == "length"
    assert cut.usage.completion_tokens == 3


def test_greedy_texts_do_not_depend_on_the_batch(student_dir: Path) -> None:
    requests = make_requests(12)
    together, *alone = run_groups(student_dir, requests, *[[r] for r in requests])
    assert [t[0].text for t in together] == [t[0][0].text for t in alone]


def test_the_same_group_gives_the_same_samples_and_a_sample_does_not_depend_on_n(student_dir: Path) -> None:
    four = make_requests(6, n=4, params=SAMPLED)
    first, again = run_groups(student_dir, four, four)
    assert first == again
    last_two = [r.model_copy(update={"n": 2, "offset": 2}) for r in four]
    (tail,) = run_groups(student_dir, last_two)
    assert [[t.text for t in texts[2:]] for texts in first] == [[t.text for t in texts] for texts in tail]


def test_seeds_and_indices_give_different_samples(student_dir: Path) -> None:
    requests = make_requests(8, n=4, params=SAMPLED)
    reseeded = [r.model_copy(update={"params": SAMPLED.model_copy(update={"seed": 2})}) for r in requests]
    first, other = run_groups(student_dir, requests, reseeded)
    assert first != other
    assert any(len({t.text for t in texts}) > 1 for texts in first)


def test_sampled_tokens_follow_the_models_own_distribution(student_dir: Path) -> None:
    """The first token's frequencies over 4,000 draws match the softmax within four standard errors."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(student_dir)
    model = AutoModelForCausalLM.from_pretrained(student_dir)
    content, draws = "Tom has 10 pears. Then", 4000
    params = SamplingParams(temperature=1.5, max_tokens=1, seed=0)
    request = Request(messages=(Message(role="user", content=content),), params=params, n=draws)
    (texts,) = run_groups(student_dir, [request], batch_size=1000)[0]
    ids = tokenizer(f"<|user|>{content}<|end|><|assistant|>", return_tensors="pt")["input_ids"]
    expected = (model(ids).logits[0, -1] / 1.5).softmax(-1)
    seen = Counter(t.token_ids[0] for t in texts if t.token_ids)
    for token in expected.topk(5).indices.tolist():
        p = expected[token].item()
        assert abs(seen[token] / draws - p) < 4 * (p * (1 - p) / draws) ** 0.5 + 1e-9
    assert torch.isclose(expected.sum(), torch.tensor(1.0))


def test_stop_strings_end_a_text(student_dir: Path) -> None:
    params = GREEDY.model_copy(update={"stop": ("\n",)})
    ((one,),) = run_groups(student_dir, make_requests(1, params=params))[0]
    assert "\n" not in one.text
    assert one.finish_reason == "stop"


def test_single_calls_are_answered_together(student_dir: Path) -> None:
    requests = make_requests(10)

    async def ask() -> list[str]:
        async with Settings(model=str(student_dir)).create() as engine:
            made = await asyncio.gather(*(engine.complete(r.messages, params=r.params) for r in requests))
            return [texts[0].text for texts in made]

    (together,) = run_groups(student_dir, requests)
    assert asyncio.run(ask()) == [texts[0].text for texts in together]


def test_a_request_beyond_the_context_fails_alone(student_dir: Path) -> None:
    long = Request(messages=(Message(role="user", content="Tom " * 2000),), params=GREEDY)
    good = make_requests(1)[0]

    async def run() -> list[list[Completion] | Exception]:
        async with Settings(model=str(student_dir)).create() as engine:
            return await engine.complete_many([long, good])

    failed, fine = asyncio.run(run())
    assert isinstance(failed, RequestFailed)
    assert "context of 512" in str(failed)
    assert isinstance(fine, list)


@pytest.mark.parametrize(
    ("gone", "told"),
    [("config.json", "config.json"), ("tokenizer_config.json", "tokenizer"), ("chat_template.jinja", "chat template")],
)
def test_a_folder_that_lacks_a_part_is_named_before_anything_loads(student_dir, tmp_path, gone, told) -> None:
    shutil.copytree(student_dir, tmp_path / "model")
    (tmp_path / "model" / gone).unlink()
    with pytest.raises(ConfigError, match=told):
        Settings(model=str(tmp_path / "model")).check()


def test_identity_follows_content_not_place(student_dir: Path, tmp_path: Path) -> None:
    shutil.copytree(student_dir, tmp_path / "moved")
    assert model_identity(str(tmp_path / "moved")) == model_identity(str(student_dir))
    config = json.loads((tmp_path / "moved" / "config.json").read_text())
    (tmp_path / "moved" / "config.json").write_text(json.dumps(config | {"rms_norm_eps": 1e-5}))
    assert model_identity(str(tmp_path / "moved")) != model_identity(str(student_dir))


def open_model(model: str) -> None:
    async def enter() -> None:
        async with Settings(model=model).create():
            pass

    asyncio.run(enter())


def test_a_model_that_does_not_exist_or_cannot_be_read_is_a_setting_to_mend(student_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="neither a folder nor a model of the hub"):
        open_model("no-such-model-anywhere")
    shutil.copytree(student_dir, tmp_path / "model")
    (tmp_path / "model" / "model.safetensors").write_bytes(b"not weights")
    with pytest.raises(ConfigError, match="cannot be loaded"):
        open_model(str(tmp_path / "model"))
    (tmp_path / "model" / "tokenizer_config.json").write_text("{")
    with pytest.raises(ConfigError, match="cannot be read as JSON"):
        open_model(str(tmp_path / "model"))


def test_a_text_is_scored_by_the_mean_log_prob_of_its_tokens(student_dir: Path) -> None:
    """Against the log-probs of the model itself, the end token included; a begun answer is part of the prompt."""
    import torch

    asked = Message(role="user", content=next(world.stories("scores")).question)
    right = world.solve(next(world.stories("scores")))

    async def run() -> tuple[float, float, float, float]:
        async with Settings(model=str(student_dir)).create() as engine:
            assert isinstance(engine, Transformers)
            prompt = engine._encode([asked])
            ids = torch.tensor([prompt + engine.tokenizer(right)["input_ids"] + [engine.tokenizer.eos_token_id]])
            with torch.inference_mode():
                log_probs = engine.model(input_ids=ids).logits.log_softmax(-1)[0]
            own = [float(log_probs[i - 1, ids[0, i]]) for i in range(len(prompt), ids.shape[1])]
            head, tail = right.split("\n", 1)
            begun = (asked, Message(role="assistant", content=f"{head}\n"))
            cut = len(engine._encode(begun)) - len(prompt)
            rest = sum(own[cut:]) / len(own[cut:])
            expected = sum(own) / len(own)
            return expected, await engine.score([asked], right), rest, await engine.score(begun, tail)

    expected, scored, rest, scored_rest = asyncio.run(run())
    assert scored == pytest.approx(expected, rel=1e-4)
    assert scored_rest == pytest.approx(rest, rel=1e-4)


def test_the_text_that_the_student_finds_likeliest_is_chosen(tmp_path: Path, student_dir: Path) -> None:
    rows = []
    for story in itertools.islice(world.stories("likely"), 12):
        solution = world.solve(story)
        odd = "So then, let us see.\n" + solution
        rows.append({"question": story.question, "answer": world.answer_of(solution), "odd": odd, "plain": solution})
    (tmp_path / "p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    settings = {
        "name": "run",
        "runs_dir": str(tmp_path),
        "problems": {"path": str(tmp_path / "p.jsonl")},
        "student": {"engine": "transformers", "model": str(student_dir)},
        "sample": {"n": 2, "params": {"max_tokens": 96}},
        "teachers": {"t": {"engine": "recorded", "path": str(tmp_path / "t.jsonl"), "answers": ["odd", "plain"]}},
        "correct": {
            "rungs": [{"rung": "gold_guided", "teacher": "t", "prompt": "bare", "reply": "plain", "samples": 2}],
            "choose": "student_logprob",
        },
        "prompts": str(tmp_path),
    }
    (tmp_path / "bare.jinja").write_text("{{ question }}")
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "c.yaml").write_text(json.dumps(settings))
    summary = asyncio.run(build(load_settings(tmp_path / "c.yaml")))
    corrections = pipeline.load_run(tmp_path / "run").corrections
    won = corrections[corrections.won]
    assert len(won) == summary.kept > 5
    assert not any(text.startswith("So then") for text in won.text)
    assert corrections[corrections.verdict == "correct"].log_prob.notna().all()
