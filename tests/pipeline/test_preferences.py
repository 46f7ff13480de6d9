"""A finished data set is found, read with its splits, and refused with the place of what is wrong."""

from __future__ import annotations

import datetime
import decimal
import gzip
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
from pipeline.export import OF_PROBLEM, export_pairs
from pipeline.placed import Placed
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


def read(source: Path | str, form: Any = None, columns: Any = None) -> tuple[Preferences, list[Any]]:
    preferences = open_preferences(source, form, columns)
    return preferences, list(preferences)


@pytest.mark.parametrize("form", ["conversation", "text"])
def test_a_runs_own_data_set_is_read_whole_and_its_text_form_is_ours(tmp_path: Path, form: Any) -> None:
    prompt = (Message(role="system", content="s"), Message(role="user", content="q"))
    fixed = {"settings": "s", "prompt": prompt, "mistake_id": "m", "rejected": "r", "answer": "1"}
    fixed |= {"rejected_answer": None, "rung": "reference", "gold_visible": True, "edit_ratio": 0.5}
    pairs = [Pair.model_validate({**fixed, "id": str(i), "problem_id": f"p{i}", "chosen": f"c{i}"}) for i in range(40)]
    placed = [(pair, Placed(offsets=(), pass_rate=0.5, topic=None)) for pair in pairs]
    export_pairs(placed, tmp_path / "run" / "dataset", ExportSettings(validation_share=0.3), [])
    preferences, found = read(tmp_path / "run", form)
    assert set(preferences.columns) == {*EXPORTED, *OF_PROBLEM} <= set(COLUMNS)
    assert (preferences.rows, preferences.unknown, len(found)) == (40, (), 40)
    assert {row.split for row in found} == {"train", "validation"}
    assert found[0].values["gold_visible"] is True

    export_pairs(placed, tmp_path / "text" / "dataset", ExportSettings(validation_share=0.3, format="text"), [])
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
    (tmp_path / "a.txt").write_text("prompt")
    (tmp_path / "a.csv").write_text("prompt,chosen,rejected\np,c\n")
    (tmp_path / "torn.jsonl").write_text('{"prompt": ')
    (tmp_path / "void.jsonl").write_text("")
    for name, told in {
        "nowhere": "there is no such file or folder",
        "run": "is a run without a data set; finish it with `errata build`",
        "bad": "field 'chosen': no such column; .*did you mean 'choosen'",
        "no.parquet": "is not a Parquet file",
        "a.txt": "cannot be read; a file of pairs is one of .parquet, .jsonl, .ndjson, .jsonl.gz, .csv, .json",
        "a.csv": "a.csv:2: has no cell for 'rejected'",
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


def whole(question: str, answer: str) -> list[dict[str, Any]]:
    return [turn(question), turn(answer, "assistant")]


STRINGS = [{"prompt": f"p{i}", "chosen": f"c{i}", "rejected": f"r{i}", "margin": i / 2} for i in range(3)]


@pytest.mark.parametrize(
    "name", ["a.json", "lines.json", "a.json.gz", "a.jsonl", "a.JSONL", "a.jsonl.gz", "a.ndjson", "a.csv"]
)
def test_every_kind_of_file_holds_the_same_rows(tmp_path: Path, name: str) -> None:
    lines = "".join(json.dumps(row) + "\n" for row in STRINGS)
    text = json.dumps(STRINGS) if name.startswith("a.json") and "jsonl" not in name else lines
    if name == "a.csv":
        text = "prompt,chosen,rejected,margin\n" + "".join(",".join(map(str, row.values())) + "\n" for row in STRINGS)
    data = text.encode()
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    for source in (tmp_path, str(tmp_path / name)):
        preferences, found = read(source)
        assert (preferences.rows, preferences.form, preferences.columns) == (3, "text", ("margin",))
        expected = [(row["prompt"], row["chosen"], row["rejected"], {"margin": row["margin"]}) for row in STRINGS]
        assert [(row.prompt, row.chosen, row.rejected, row.values) for row in found] == expected


def test_a_folder_is_read_in_the_first_kind_of_file_that_it_has(tmp_path: Path) -> None:
    (tmp_path / "test.json").write_text(json.dumps(STRINGS))
    (tmp_path / "export.json").write_text("{}")
    assert [row.split for row in read(tmp_path)[1]] == ["test"] * 3
    (tmp_path / "train.csv").write_text("prompt,chosen,rejected\np,c,r\n")
    assert [row.split for row in read(tmp_path)[1]] == ["train"]
    for name in ("train_prefs.jsonl", "train_sft.jsonl", "val.jsonl"):
        write(tmp_path / name, *STRINGS)
    preferences, found = read(tmp_path)
    assert [row.split for row in found] == ["train"] * 3 + ["validation"] * 3
    assert preferences.tables_left_out == ("train_sft.jsonl",)


def test_cells_of_texts_become_values_and_empty_ones_none(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(
        'prompt,chosen,rejected,id,margin,confirms,answer\n"p\nq",c,r,,0.5,TRUE,\np,,r,7,,false,x\np,c,r,7,,,x\n'
    )
    preferences, (first, second) = read(path)
    assert (first.prompt, first.values) == ("p\nq", {"id": None, "margin": 0.5, "confirms": True, "answer": None})
    assert second.values == {"id": "7", "margin": None, "confirms": None, "answer": "x"}
    assert preferences.left_out == {"pairs with an empty text": 1}
    assert len(list(preferences)) == 2
    assert preferences.left_out == {"pairs with an empty text": 1}


def test_columns_of_other_types_are_converted_where_their_meaning_stays(tmp_path: Path) -> None:
    more = {
        "id": [7, 8], "margin": pyarrow.nulls(2), "answer": [True, None], "weight": [decimal.Decimal("0.5"), None],
        "rung": [datetime.date(2026, 8, 1), None], "chosen_score": ["3", ""], "rejected_score": [1, 10**15],
        "teacher": [{"name": "x"}, None],
    }  # fmt: skip
    sides = {name: [name, name] for name in ("prompt", "chosen", "rejected")}
    pyarrow.parquet.write_table(pyarrow.table({**sides, **more}), tmp_path / "a.parquet")
    with pytest.raises(
        DataError, match=r"a.parquet:1: field 'teacher': is {'name': 'x'}, not a text; .*{\"teacher\": None}"
    ):
        read(tmp_path / "a.parquet")
    preferences, (first, second) = read(tmp_path / "a.parquet", columns={"teacher": None})
    assert preferences.unknown == ("teacher",)
    expected = {"id": "7", "margin": None, "answer": "true", "weight": 0.5, "rung": "2026-08-01", "chosen_score": 3.0}
    assert first.values == {**expected, "rejected_score": 1.0}
    assert second.values == {**dict.fromkeys(first.values), "id": "8", "rejected_score": 1e15}
    with pytest.raises(DataError, match=r"field 'weight': is 1000+…, not a number"):
        read(write(tmp_path / "a.jsonl", make_row(weight=10**400)))


def test_a_prompt_inside_conversations_is_found(tmp_path: Path) -> None:
    rows = [{"chosen": whole(f"q{i}", "c"), "rejected": whole(f"q{i}", "r")} for i in range(3)]
    preferences, found = read(write(tmp_path / "a.jsonl", *rows))
    assert preferences.form == "conversation"
    assert [row.prompt for row in found] == [[turn(f"q{i}")] for i in range(3)]
    assert {(row.chosen[0]["content"], row.rejected[0]["content"]) for row in found} == {("c", "r")}
    assert [(row.prompt, row.chosen) for row in read(tmp_path, "text")[1]] == [(f"q{i}\n", "c") for i in range(3)]
    write(tmp_path / "b.jsonl", *({"prompt": f"q{i}", **row} for i, row in enumerate(rows)))
    assert read(tmp_path / "b.jsonl")[1] == found

    apart = {"chosen": whole("q", "c"), "rejected": whole("other", "r"), "question": "q"}
    equal = {"chosen": whole("q", "c"), "rejected": whole("q", "c")}
    empty = {"chosen": [turn(" ")], "rejected": [turn("")]}
    with pytest.raises(
        DataError, match=r"c.jsonl:4: field 'prompt': is missing, and chosen and rejected begin with noth"
    ):
        read(write(tmp_path / "c.jsonl", *rows[:1], equal, empty, apart))
    preferences, found = read(write(tmp_path / "d.jsonl", *rows[:1], equal, empty))
    assert (len(found), preferences.left_out.total()) == (1, 2)
    with pytest.raises(DataError, match=r"e.jsonl:1: field 'prompt': is a string, and chosen and rejected are conv"):
        read(write(tmp_path / "e.jsonl", {**apart, "prompt": "q"}))


def test_a_prompt_inside_strings_is_found_and_one_beside_them_asked_for(tmp_path: Path) -> None:
    asked = [f"\n\nHuman: q{i}\n\nAssistant:" for i in range(3)]
    rows = [{"chosen": f"{prompt} Yes, I do", "rejected": f"{prompt} Yes, I will", "n": 1} for prompt in asked]
    preferences, found = read(write(tmp_path / "a.jsonl", *rows))
    assert [row.prompt for row in found] == asked
    assert (found[0].chosen, preferences.form, preferences.unknown) == (" Yes, I do", "text", ("n",))

    other = write(tmp_path / "b.jsonl", *({**row, "question": "q"} for row in rows))
    told = (
        r"b.jsonl: field 'prompt': no such column; did you mean 'question'\? available: chosen, n, question, rejected; "
    )
    with pytest.raises(
        DataError, match=told + r"rename it, or give columns={\"prompt\": \"question\"}; if .*\"prompt\": None}"
    ):
        read(other)
    assert [row.prompt for row in read(other, columns={"prompt": "question"})[1]] == ["q"] * 3
    assert read(other, columns={"prompt": None})[1] == found
    with pytest.raises(DataError, match=r"c.jsonl:2: field 'prompt': is missing, .*available: chosen, rejected"):
        read(write(tmp_path / "c.jsonl", {"chosen": "a b", "rejected": "a c"}, {"chosen": "b", "rejected": "c"}))


def test_answers_that_are_strings_lose_their_prompt_if_all_repeat_it(tmp_path: Path) -> None:
    rows = [{"prompt": f"Q{i}:", "chosen": f"Q{i}: c", "rejected": f"Q{i}: r"} for i in range(3)]
    preferences, found = read(write(tmp_path / "a.jsonl", *rows))
    assert preferences.repeats
    assert [(row.prompt, row.chosen, row.rejected) for row in found] == [(f"Q{i}:", " c", " r") for i in range(3)]
    greeting = {"prompt": "Hello", "chosen": "Hello! You?", "rejected": "Hello you"}
    preferences, found = read(write(tmp_path / "b.jsonl", *STRINGS, greeting))
    assert not preferences.repeats
    assert found[-1].chosen == "Hello! You?"


def test_columns_of_other_names_are_read_where_they_are_named(tmp_path: Path) -> None:
    rows = [{"question": "q", "accepted": "c", "response_rejected": "r", "score": 2, "prompt": "x"}]
    path = write(tmp_path / "a.jsonl", *rows)
    names = {"prompt": "question", "chosen": "accepted", "rejected": "response_rejected", "chosen_score": "score"}
    preferences, (pair,) = read(path, columns=names)
    assert (pair.prompt, pair.chosen, pair.rejected, pair.values) == ("q", "c", "r", {"chosen_score": 2.0})
    assert (preferences.columns, preferences.unknown) == (("chosen_score",), ("prompt",))
    for columns, told in (
        (None, r"field 'chosen': no such column; .* did you mean 'accepted'\?.*columns={\"chosen\": \"accepted\"}"),
        ({"chosen": "accepted"}, r"field 'rejected': no such column; .* did you mean 'response_rejected'\?"),
        ({"prompt": "qestion"}, r"field 'qestion': no such column, to be read as prompt; did you mean 'question'\?"),
        ({"chosen": None}, r"field 'chosen': no such column"),
    ):
        with pytest.raises(DataError, match=told):
            read(path, columns=columns)
    with pytest.raises(ConfigError, match="columns: unknown column 'promt'; did you mean 'prompt'"):
        read(path, columns={"promt": "question"})
    write(tmp_path / "two" / "train.jsonl", *STRINGS)
    write(tmp_path / "two" / "test.jsonl", {"chosen": "a b", "rejected": "a c"})
    with pytest.raises(DataError, match=r"test.jsonl: field 'prompt': no such column"):
        read(tmp_path / "two")
