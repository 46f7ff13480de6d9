"""The data set: loads as it is, split by problem, written whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from datasets import load_dataset

from pipeline.config import ExportSettings
from pipeline.export import export_pairs, is_validation
from pipeline.placed import Placed
from pipeline.types import Finding, Message, Pair


def make_pair(problem: int, number: int = 0, **more: Any) -> Pair:
    fixed = {
        "settings": "s",
        "prompt": (Message(role="system", content="s"), Message(role="user", content=f"q{problem}")),
    }
    values = {
        "id": f"{problem}-{number}",
        "problem_id": f"p{problem}",
        "mistake_id": "m",
        "rejected": "r",
        "chosen": "c",
    }
    return Pair.model_validate({**fixed, **values, "answer": "1", "rejected_answer": None, "rung": "reference", **more})


def export(tmp_path: Path, pairs: list[Pair], **options: Any) -> Any:
    place = Placed(offsets=(), pass_rate=0.25, topic="sums")
    export_pairs([(pair, place) for pair in pairs], tmp_path / "dataset", ExportSettings(**options), ["", "A line."])
    return load_dataset(str(tmp_path / "dataset"), cache_dir=str(tmp_path / "cache"))


def test_both_forms_load_with_their_splits(tmp_path: Path) -> None:
    pairs = [make_pair(i, k, edit_ratio=0.5) for i in range(60) for k in range(3)]
    rows = export(tmp_path, pairs, validation_share=0.2)
    assert len(rows["train"]) + len(rows["validation"]) == 180
    assert not set(rows["train"]["problem_id"]) & set(rows["validation"]["problem_id"])
    first = rows["train"][0]
    assert [turn["role"] for turn in first["prompt"]] == ["system", "user"]
    assert first["chosen"] == [{"role": "assistant", "content": "c"}]
    assert (first["rung"], first["teacher"], first["edit_ratio"], first["view"]) == ("reference", None, 0.5, "direct")

    (tmp_path / "text").mkdir()
    rows = export(tmp_path / "text", pairs[:4], format="text", validation_share=0)
    assert rows["train"][0]["prompt"] == "s\n\nq0\n"
    assert rows["train"][0]["chosen"] == "c"


def test_dropped_pairs_stay_out_and_an_old_data_set_is_replaced(tmp_path: Path) -> None:
    gone = Finding(rule="x", action="drop", reason="r")
    flagged = Finding(rule="y", action="flag", reason="r")
    export(tmp_path, [make_pair(i) for i in range(5)])
    rows = export(tmp_path, [make_pair(7, findings=(gone,)), make_pair(8, findings=(flagged,))])
    assert list(rows["train"]["problem_id"]) == ["p8"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "dataset"]
    assert "A line." in (tmp_path / "dataset" / "README.md").read_text()


def test_a_problem_keeps_its_side_and_the_share_is_met() -> None:
    sides = [is_validation(f"problem-{i}", 0.1) for i in range(5000)]
    assert sum(sides) == pytest.approx(500, abs=90)
    assert sides == [is_validation(f"problem-{i}", 0.1) for i in range(5000)]
    assert not any(is_validation(f"problem-{i}", 0.0) for i in range(100))
