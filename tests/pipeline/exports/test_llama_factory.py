"""LLaMA-Factory: what its `data/README.md` and `src/llamafactory/data/` ask of rows and of `dataset_info.json`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from datasets import load_dataset

from pipeline.errors import DataError
from pipeline.export_as import export_as
from pipeline.exports.base import make_target
from pipeline.exports.llama_factory import TURNS
from tests.pipeline.exports.conftest import ROWS, make_pair, make_turns


def read_entry(folder: Path, name: str, cache: Path) -> list[dict[str, Any]]:
    """Rows as prompt, answers and label, read by the entry's own words alone."""
    entry = json.loads((folder / "dataset_info.json").read_text())[name]
    columns, tags = entry["columns"], entry.get("tags")
    data = load_dataset("json", data_files=[str(folder / entry["file_name"])], cache_dir=str(cache))["train"]
    made = []
    for row in data:
        label = row[columns["kto_tag"]] if "kto_tag" in columns else None
        if entry["formatting"] == "alpaca":
            names = ("chosen", "rejected") if entry["ranking"] else ("response",)
            made.append({"prompt": row[columns["prompt"]], "answers": [row[columns[n]] for n in names], "label": label})
            continue
        names = {tags["user_tag"]: "user", tags["assistant_tag"]: "assistant", tags["system_tag"]: "system"}
        read = [(names[turn[tags["role_tag"]]], turn[tags["content_tag"]]) for turn in row[columns["messages"]]]
        sides = [row[columns[side]] for side in ("chosen", "rejected")] if entry["ranking"] else []
        answers = [side[tags["content_tag"]] for side in sides] or [read.pop()[1]]
        spoken = [role for role, _ in read if role != "system"]
        assert spoken == ["user", "assistant"] * (len(spoken) // 2) + ["user"]
        assert "system" not in [role for role, _ in read[1:]]
        made.append({"prompt": read, "answers": answers, "label": label})
    return made


def expected(kind: str, split: str) -> list[tuple[Any, tuple[str, ...], bool | None]]:
    made: dict[Any, None] = {}
    for row in ROWS[split]:
        prompt = tuple((turn["role"], turn["content"]) for turn in row["prompt"])
        chosen, rejected = (row[side][0]["content"] for side in ("chosen", "rejected"))
        one = {"pairs": [((chosen, rejected), None)], "sft": [((chosen,), None)]}
        one["unpaired"] = [((chosen,), True), ((rejected,), False)]
        made |= dict.fromkeys((prompt, answers, label) for answers, label in one[kind])
    return sorted(made, key=str)


@pytest.mark.parametrize("kind", ["pairs", "sft", "unpaired"])
def test_the_entry_leads_to_every_prompt_and_answer(kind: str, export: Callable[..., Any], tmp_path: Path) -> None:
    folder, _ = export("llama_factory", kind)
    for split, name in (("train", f"errata_{kind}"), ("validation", f"errata_{kind}_validation")):
        rows = read_entry(folder, name, tmp_path / "cache")
        found = [(tuple(row["prompt"]), tuple(row["answers"]), row["label"]) for row in rows]
        assert sorted(found, key=str) == expected(kind, split)


@pytest.mark.parametrize("kind", ["pairs", "sft", "unpaired"])
def test_strings_take_the_alpaca_form(kind: str, export: Callable[..., Any], tmp_path: Path) -> None:
    folder, _ = export("llama_factory", kind, format="text")
    rows = read_entry(folder, f"errata_{kind}", tmp_path / "cache")
    assert len(rows) == len(expected(kind, "train"))
    prompt = "Answer briefly.\n\nWhat is 2 + 2?\n\n#### 5\n\nCheck your answer.\n"
    answers = {answer for row in rows if row["prompt"] == prompt for answer in row["answers"]}
    assert answers == ({"It is 4.\n#### 4"} if kind == "sft" else {"It is 4.\n#### 4", "#### 5"})


def test_turns_that_it_would_skip_in_silence_are_left_out_and_counted(tmp_path: Path) -> None:
    system = {"role": "system", "content": "s"}
    bad = [
        make_turns("q", "a"),
        [*make_turns("q"), *make_turns("q")],
        [*make_turns("q"), system, *make_turns("q")],
        [system],
    ]
    rows = [make_pair(prompt, "c", "r") for prompt in (*bad, make_turns("q", system="s"))]
    rows.append(rows[-1] | {"chosen": make_turns("a", "b")[::-1]})
    source = tmp_path / "rows.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    exported = export_as(source, tmp_path / "out", make_target("llama_factory"))
    assert (exported.rows, exported.left_out) == ({"train": 1}, {TURNS: 5})
    source.write_text(json.dumps(rows[0]) + "\n")
    with pytest.raises(DataError, match="leaves nothing to write as pairs: 1 rows with turns"):
        export_as(source, tmp_path / "other", make_target("llama_factory"))


def test_the_card_says_that_answers_within_prompts_must_be_masked(export: Callable[..., Any]) -> None:
    card = (export("llama_factory", "sft")[0] / "README.md").read_text()
    assert "mask_history: true" in card
    assert "eval_dataset: errata_sft_validation" in card
