"""A small data set with what real ones have: system prompts, a second turn, several pairs of a prompt, two splits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from pipeline.export_as import Exported, export_as
from pipeline.exports.base import make_target


def make_turns(*contents: str, system: str | None = None) -> list[dict[str, str]]:
    turns = [{"role": ("user", "assistant")[i % 2], "content": content} for i, content in enumerate(contents)]
    return turns if system is None else [{"role": "system", "content": system}, *turns]


def make_pair(prompt: Any, chosen: str, rejected: str, **more: Any) -> dict[str, Any]:
    sides = {"chosen": chosen, "rejected": rejected}
    row = {"prompt": prompt, **{name: [{"role": "assistant", "content": text}] for name, text in sides.items()}}
    return (
        row | {"id": f"{len(prompt)}{chosen}{rejected}", "edit_ratio": None, "view": "direct", "teacher": None} | more
    )


BRIEF = "Answer briefly."
TWO = make_turns("What is 2 + 2?", system=BRIEF)
ROWS = {
    "train": [
        make_pair(TWO, "#### 4", "2 + 2 = 5\n#### 5", edit_ratio=0.6),
        make_pair(make_turns("小明有三个苹果。"), "答案：3", "答案：4", edit_ratio=0.3),
        make_pair(TWO, "#### 4", "#### 6", edit_ratio=0.2),
        make_pair(
            make_turns("What is 2 + 2?", "#### 5", "Check your answer.", system=BRIEF),
            "It is 4.\n#### 4",
            "#### 5",
            view="revise",
            teacher="big",
        ),
    ],
    "validation": [
        make_pair(make_turns("What is 3 + 3?", system=BRIEF), "#### 6", "#### 7", edit_ratio=0.1),
        make_pair(make_turns("What is 4 + 4?"), "#### 8", "#### 9", edit_ratio=0.1),
    ],
}


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    """A run's folder with its data set."""
    folder = tmp_path / "run" / "dataset"
    folder.mkdir(parents=True)
    for split, rows in ROWS.items():
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), folder / f"{split}-00000-of-00001.parquet")
    return folder.parent


@pytest.fixture
def export(run_dir: Path, tmp_path: Path) -> Callable[..., tuple[Path, Exported]]:
    """Export the data set; returns the folder and the account."""

    def make(to: str, kind: str = "pairs", **options: Any) -> tuple[Path, Exported]:
        out = tmp_path / f"{to}-{kind}"
        return out, export_as(run_dir, out, make_target(to, kind=kind, **options))

    return make
