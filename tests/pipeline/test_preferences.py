"""A finished data set is found, read with its splits, and refused with the place of what is wrong."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from pipeline.config import ExportSettings
from pipeline.errors import ConfigError, DataError
from pipeline.export import COLUMNS as EXPORTED
from pipeline.export import export_pairs
from pipeline.preferences import COLUMNS, Preferences, open_preferences
from pipeline.types import Message, Pair


def turn(content: str, role: str = "user") -> dict[str, Any]:
    return {"role": role, "content": content}


def make_row(**more: Any) -> dict[str, Any]:
    sides = {name: [turn(text, "assistant")] for name, text in (("chosen", "c"), ("rejected", "r"))}
    return {"prompt": [turn("q")], **sides, **more}


def write(path: Path, *rows: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def read(source: Path, form: Any = None) -> tuple[Preferences, list[Any]]:
    preferences = open_preferences(source, form)
    return preferences, list(preferences)


@pytest.mark.parametrize("form", ["conversation", "text"])
def test_a_runs_own_data_set_is_read_whole_and_its_text_form_is_ours(tmp_path: Path, form: Any) -> None:
    prompt = (Message(role="system", content="s"), Message(role="user", content="q"))
    fixed = {"settings": "s", "prompt": prompt, "mistake_id": "m", "rejected": "r", "answer": "1"}
    fixed |= {"rejected_answer": None, "rung": "reference", "gold_visible": True, "edit_ratio": 0.5}
    pairs = [Pair.model_validate({**fixed, "id": str(i), "problem_id": f"p{i}", "chosen": f"c{i}"}) for i in range(40)]
    export_pairs(pairs, tmp_path / "run" / "dataset", ExportSettings(validation_share=0.3), [])
    preferences, found = read(tmp_path / "run", form)
    assert set(preferences.columns) == set(EXPORTED) <= set(COLUMNS)
    assert (preferences.rows, preferences.unknown, len(found)) == (40, (), 40)
    assert {row.split for row in found} == {"train", "validation"}
    assert found[0].values["gold_visible"] is True

    export_pairs(pairs, tmp_path / "text" / "dataset", ExportSettings(validation_share=0.3, format="text"), [])
    as_text = {row.values["id"]: row for row in read(tmp_path / "text")[1]}
    if form == "text":
        assert {row.values["id"]: row for row in found} == as_text
    with pytest.raises(ConfigError, match="plain strings, of which no conversation can be made"):
        read(tmp_path / "text", "conversation")


def test_splits_are_read_from_the_names_of_files(tmp_path: Path) -> None:
    for name in ("val.jsonl", "train-00000-of-00001.jsonl", "test_set.jsonl", "gsm8k.jsonl", ".train.jsonl"):
        write(tmp_path / "rows" / name, make_row(id=name))
    _, found = read(tmp_path / "rows")
    assert [(row.split, row.values["id"]) for row in found] == [
        ("train", "gsm8k.jsonl"),
        ("train", "train-00000-of-00001.jsonl"),
        ("validation", "val.jsonl"),
        ("test", "test_set.jsonl"),
    ]


def test_numbers_texts_and_unknown_columns(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", make_row(id=7, chosen_score=1, note="n"), make_row(rejected_score=math.nan))
    preferences, (first, second) = read(path)
    assert preferences.columns == ("id", "chosen_score", "rejected_score")
    assert preferences.unknown == ("note",)
    assert first.values == {"id": "7", "chosen_score": 1.0, "rejected_score": None}
    assert second.values == {"id": None, "chosen_score": None, "rejected_score": None}


def test_pairs_that_tell_nothing_are_left_out_and_counted(tmp_path: Path) -> None:
    same, empty = make_row(chosen=[turn("r", "assistant")]), make_row(rejected=[turn(" \n", "assistant")])
    preferences, found = read(write(tmp_path / "a.jsonl", same, make_row(), empty))
    assert len(found) == 1
    assert preferences.left_out == {"pairs with two equal texts": 1, "pairs with an empty text": 1}


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (make_row(prompt=None), "a.jsonl:2: field 'prompt': is missing"),
        (make_row(prompt=[turn(" ")]), "a.jsonl:2: field 'prompt': is empty"),
        (make_row(chosen="c"), "a.jsonl:2: field 'chosen': is a string, where others are conversations"),
        (make_row(chosen=[turn("c", "tool")]), "with role system, user, assistant"),
        (make_row(prompt={"role": "user"}), "field 'prompt': is not a string, or a list"),
        (make_row(prompt=[turn("q") | {"tool_calls": ["x"]}]), "a message has 'tool_calls', which is not exported"),
        (make_row(edit_ratio="near"), "a.jsonl:2: field 'edit_ratio': is 'near', not a number"),
        (make_row(chosen_score=math.inf), "field 'chosen_score': is inf, not a number"),
        (make_row(gold_visible=1), "field 'gold_visible': is 1, not true or false"),
        (make_row(rung=["a"]), "field 'rung': is .'a'., not a text"),
        (make_row(rejected=[turn("\ud800", "assistant")]), "field 'rejected': is no valid Unicode text"),
    ],
)
def test_what_is_wrong_with_a_row_is_named_with_its_place(tmp_path: Path, row: dict[str, Any], told: str) -> None:
    path = write(tmp_path / "a.jsonl", make_row(), row)
    with pytest.raises(DataError, match=told):
        read(path)


def test_what_is_no_data_set_is_named(tmp_path: Path) -> None:
    (tmp_path / "run" / "dataset").mkdir(parents=True)
    write(tmp_path / "bad" / "a.jsonl", {"prompt": "p", "choosen": "c", "rejected": "r"})
    (tmp_path / "no.parquet").write_text("no")
    (tmp_path / "a.csv").write_text("prompt")
    (tmp_path / "torn.jsonl").write_text('{"prompt": ')
    (tmp_path / "void.jsonl").write_text("")
    for name, told in {
        "nowhere": "there is no such file or folder",
        "run": "is a run without a data set; finish it with `errata build`",
        "bad": "field 'chosen': no such column; .*did you mean 'choosen'",
        "no.parquet": "is not a Parquet file",
        "a.csv": "is neither .parquet nor .jsonl",
        "torn.jsonl": "torn.jsonl:1: malformed JSON",
        "void.jsonl": "holds no row",
    }.items():
        with pytest.raises(DataError, match=told):
            read(tmp_path / name)


def test_strings_and_conversations_in_one_data_set_become_strings_if_asked(tmp_path: Path) -> None:
    strings = {"prompt": "p\n", "chosen": "c", "rejected": "r"}
    path = write(tmp_path / "a.jsonl", make_row(prompt=[turn("p")]), strings)
    with pytest.raises(DataError, match=r"a.jsonl:2: .*is a string, where others are conversations"):
        read(path)
    _, (first, second) = read(path, "text")
    assert first == second


def test_hostile_texts_are_read_as_they_are(tmp_path: Path) -> None:
    texts = ["\0" * 100_000, "a" * 100_000, "\u2028```{{x}}'\"\\n" * 5000]
    rows = [make_row(prompt=[turn(text)], chosen=[turn(text[::-1] + "c", "assistant")]) for text in texts]
    table = pyarrow.Table.from_pylist(rows)
    pyarrow.parquet.write_table(table, tmp_path / "train.parquet")
    assert [row.prompt for row in read(tmp_path)[1]] == [[turn(text)] for text in texts]
