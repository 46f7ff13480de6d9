"""Reference log-probs: the same in any packing, kept by content, computed once."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

import trainer.reference
from trainer.data import Example
from trainer.errors import NotSaved, TrainingInputError
from trainer.head import attach
from trainer.layouts import Padded, Tree
from trainer.reference import ReferenceCache, add_reference, hash_weights


def make_model(student: Path, scale: float = 1.0) -> Any:
    model = AutoModelForCausalLM.from_pretrained(student).eval()
    with torch.no_grad():
        model.model.layers[0].mlp.down_proj.weight.mul_(scale)
    attach(model)
    return model


def make_examples(count: int = 9, seed: int = 0) -> list[Example]:
    rng = random.Random(seed)

    def draw(length: int) -> tuple[int, ...]:
        return tuple(rng.randrange(5, 100) for _ in range(length))

    prompts = [draw(rng.randrange(3, 12)) for _ in range(4)]
    return [Example(rng.choice(prompts), (draw(rng.randrange(2, 30)), draw(5)), f"row {i}") for i in range(count)]


def run(model: Any, examples: list[Example], layout: Any = None, budget: int = 500, **more: Any) -> list[Any]:
    done = add_reference(model, examples, layout or Tree(), pad=0, budget=budget, **more)
    return [vector for example in done for vector in example.reference]


def test_packing_and_layout_do_not_matter(student_dir: Path) -> None:
    model, examples = make_model(student_dir), make_examples()
    first = run(model, examples)
    assert [len(v) for v in first] == [len(text) for e in examples for text in e.texts]
    for layout, budget in ((Tree(), 60), (Padded(), 100), (Padded(), 2000), (Padded(whole_logits=True), 500)):
        for a, b in zip(first, run(model, examples, layout, budget), strict=True):
            assert np.allclose(a, b, atol=1e-4)


def test_known_texts_are_never_computed_again(
    student_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed: list[int] = []
    compute = trainer.reference.compute_logps

    def count(model: Any, examples: Any, layout: Any, **more: Any) -> Any:
        computed.append(len(examples))
        return compute(model, examples, layout, **more)

    monkeypatch.setattr(trainer.reference, "compute_logps", count)
    cache = ReferenceCache(tmp_path / "deep" / "reference.sqlite")
    model, examples = make_model(student_dir), make_examples()
    first = run(model, examples, cache=cache)
    again = run(
        make_model(student_dir), list(reversed(examples)), cache=ReferenceCache(tmp_path / "deep" / "reference.sqlite")
    )
    assert all(np.array_equal(a, b) for a, b in zip(sorted(first, key=bytes), sorted(again, key=bytes), strict=True))
    run(model, [*examples, *make_examples(2, seed=1)], cache=cache)
    run(make_model(student_dir, 1.5), examples, cache=cache)
    assert computed == [9, 0, 2, 9]


def test_an_interrupted_pass_keeps_what_it_has(
    student_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer.reference, "TOGETHER", 3)
    cache = ReferenceCache(tmp_path / "reference.sqlite")
    model, examples = make_model(student_dir), make_examples()
    parts = trainer.reference.compute_logps
    seen = []

    def stop(*given: Any, **more: Any) -> Any:
        for number, part in enumerate(parts(*given, **more)):
            if number == 2:
                raise KeyboardInterrupt
            yield part

    monkeypatch.setattr(trainer.reference, "compute_logps", stop)
    with pytest.raises(KeyboardInterrupt):
        run(model, examples, cache=cache)

    def count(model: Any, examples: Any, *given: Any, **more: Any) -> Any:
        seen.append(len(examples))
        return parts(model, examples, *given, **more)

    monkeypatch.setattr(trainer.reference, "compute_logps", count)
    run(model, examples, cache=cache)
    assert seen == [3]


def test_the_hash_follows_weights_and_configuration(student_dir: Path) -> None:
    hashes = {hash_weights(make_model(student_dir)), hash_weights(make_model(student_dir, 1.01))}
    other = make_model(student_dir)
    other.config.rms_norm_eps = 1e-3
    hashes |= {hash_weights(other), hash_weights(make_model(student_dir).double())}
    assert len(hashes) == 4
    assert hash_weights(make_model(student_dir)) in hashes


def test_ranks_share_the_work_by_tokens_and_together_have_all(
    student_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer.reference, "TOGETHER", 3)
    model, examples = make_model(student_dir), make_examples(14)
    alone = {key: v for part in parts_of(model, examples) for key, v in part.items()}
    shares = [parts_of(model, examples, rank=rank, ranks=2) for rank in range(2)]
    assert [len(parts) for parts in shares] == [3, 3], "as often as the other, or one would wait for ever"
    sizes = [sum(len(vector) for part in parts for vector in part.values()) for parts in shares]
    assert max(sizes) < 1.5 * min(sizes)
    both = [pair for parts in shares for part in parts for pair in part.items()]
    assert len(both) == len(alone)
    for key, vector in both:
        assert np.allclose(vector, alone[key], atol=1e-5)


def parts_of(model: Any, examples: list[Example], **more: Any) -> list[Any]:
    return list(trainer.reference.compute_logps(model, examples, Tree(), pad=0, budget=500, **more))


def test_a_full_disk_is_told_and_what_was_kept_is_found_again(
    student_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer.reference, "TOGETHER", 4)
    connect = sqlite3.connect

    def small(*given: Any, **named: Any) -> Any:
        connection = connect(*given, **named)
        connection.execute("PRAGMA max_page_count = 3")
        return connection

    model, examples = make_model(student_dir), make_examples(40)
    with monkeypatch.context() as patched:
        patched.setattr(sqlite3, "connect", small)
        with pytest.raises(NotSaved, match="reference log-probs was not written: no space left; make room"):
            run(model, examples, cache=ReferenceCache(tmp_path / "reference.sqlite"))
    run(model, examples, cache=ReferenceCache(tmp_path / "reference.sqlite"))


def test_what_a_run_used_is_what_the_cache_gives_its_restart(
    student_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also for a text that several examples share, and that is computed more than once."""
    monkeypatch.setattr(trainer.reference, "TOGETHER", 5)
    pairs = [
        Example(e.prompt, (e.completions[0], (*other.completions[1], 7)), "x")
        for e in make_examples(4)
        for other in make_examples(6)
    ]
    cache = ReferenceCache(tmp_path / "reference.sqlite")
    first = run(make_model(student_dir), pairs, cache=cache, budget=150)
    again = run(make_model(student_dir), pairs, cache=cache, budget=150)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))


def test_a_damaged_cache_names_its_file_and_the_fix(student_dir: Path, tmp_path: Path) -> None:
    model, examples, file = make_model(student_dir), make_examples(), tmp_path / "cache.sqlite"
    run(model, examples, cache=ReferenceCache(file))
    content = file.read_bytes()
    other = sqlite3.connect(tmp_path / "other.sqlite")
    other.execute("CREATE TABLE logps (name TEXT)")
    other.close()
    for broken in (b"x" * 4096, content[:4096] + b"\xff" * 4096, (tmp_path / "other.sqlite").read_bytes()):
        for left in tmp_path.glob("cache.sqlite*"):
            left.unlink()
        file.write_bytes(broken)
        with pytest.raises(TrainingInputError, match=rf"reference_cache {file} cannot be used: .*remove this one"):
            run(model, examples, cache=ReferenceCache(file))
    file.unlink()
    assert run(model, examples, cache=ReferenceCache(file))
