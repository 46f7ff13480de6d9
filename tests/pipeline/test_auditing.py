"""From files to an audit: runs, files of others, samples of large ones."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from pipeline.auditing import CARD, audit_files, audit_run, control_of, every_filter, prompt_key, read_material
from pipeline.errors import DataError, UsageError
from pipeline.filters.leak import Settings as Leak
from pipeline.preferences import Preference, open_preferences
from pipeline.settings import available
from pipeline.shortcuts.contrast import Contrast
from pipeline.shortcuts.records import Audit
from tests.pipeline.shortcuts.test_markers import OPENER, QUICK, make_pairs, open_with, plant
from tests.pipeline.test_control import build_run


def make_rows(pairs: Sequence[Contrast], *, turns: bool = False, **names: str | None) -> list[dict[str, Any]]:
    """Pairs as rows of a file; `names`: other names of columns, None for a column that is left out."""
    rows = []
    for pair in pairs:
        row: dict[str, Any] = {"id": pair.id, "problem_id": pair.prompt, "prompt": f"What of {pair.prompt}?"}
        row |= {"chosen": pair.chosen, "rejected": pair.rejected}
        row |= {"answer": pair.answer, "rejected_answer": pair.rejected_answer}
        if turns:
            row["prompt"] = [{"role": "user", "content": row["prompt"]}]
            row |= {side: [{"role": "assistant", "content": row[side]}] for side in ("chosen", "rejected")}
        rows.append({names.get(key, key): value for key, value in row.items() if names.get(key, key)})
    return rows


def write_pairs(path: Path, pairs: Sequence[Contrast], *, turns: bool = False, **names: str | None) -> Path:
    rows = make_rows(pairs, turns=turns, **names)
    if path.suffix == ".parquet":
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    elif path.suffix == ".csv":
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    elif path.suffix == ".json":
        path.write_text(json.dumps(rows))
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


PLANTED, CONTROL = plant(make_pairs(60, sample=1), open_with, 1), make_pairs(60)


def test_the_same_pairs_have_the_same_audit_in_every_form(tmp_path: Path) -> None:
    control = write_pairs(tmp_path / "control.jsonl", CONTROL)
    told = []
    for name in ("pairs.jsonl", "pairs.parquet", "pairs.json", "pairs.csv"):
        source = write_pairs(tmp_path / name, PLANTED)
        told.append(audit_files(source, control, QUICK, every_filter()).model_dump_json())
    source = write_pairs(tmp_path / "turns.jsonl", PLANTED, turns=True)
    told.append(audit_files(source, control, QUICK, every_filter()).model_dump_json())
    (tmp_path / "folder").mkdir()
    write_pairs(tmp_path / "folder" / "train.jsonl", PLANTED)
    told.append(audit_files(str(tmp_path / "folder"), str(control), QUICK, every_filter()).model_dump_json())
    assert len(set(told)) == 1
    found = Audit.model_validate_json(told[0])
    assert (found.verdict, found.markers[0].phrase) == ("marker", OPENER)
    assert found.control is not None
    assert (found.control.paired, found.control.shared_prompts) == (True, 60)


def test_a_run_is_audited_as_its_last_step_and_the_data_card_has_the_verdict(tmp_path: Path) -> None:
    run, summary = build_run(tmp_path)
    found = Audit.model_validate_json((run / "audit.json").read_text())
    assert summary.audit == found.verdict == "marker"
    assert found.markers[0].phrase == OPENER
    assert (found.pairs, found.prompts) == (summary.kept, 60)
    assert found.control is not None
    assert found.control.pairs == summary.control
    assert json.loads((run / "summary.json").read_text())["audit"] == "marker"
    card = (run / "dataset" / "README.md").read_text()
    assert card.count(CARD) == 1
    assert "Verdict: **marker**" in card.partition(CARD)[2]
    assert "| style | 1.000 |" in card
    before, _, _ = card.partition(CARD)
    again = audit_run(run, QUICK, ())
    card = (run / "dataset" / "README.md").read_text()
    assert card.partition(CARD)[0] == before
    assert card.count("Verdict") == 1, "a second audit takes the place of the first"
    assert Audit.model_validate_json((run / "audit.json").read_text()) == again
    assert [row.values["id"] for row in open_preferences(run)], "and the card is still one that readers take"


def test_a_run_without_an_audit_has_none(tmp_path: Path) -> None:
    run, summary = build_run(tmp_path, 8, audit=None)
    assert summary.audit is None
    assert not (run / "audit.json").exists()
    assert CARD not in (run / "dataset" / "README.md").read_text()


def test_the_control_of_a_run_is_found_where_it_holds_a_pair(tmp_path: Path) -> None:
    (tmp_path / "dataset").mkdir()
    assert control_of(tmp_path) is None
    (tmp_path / "control.jsonl").write_text("")
    assert control_of(tmp_path) is None
    write_pairs(tmp_path / "control.jsonl", CONTROL)
    assert control_of(tmp_path) == tmp_path / "control.jsonl"


FOREIGN: dict[str, str | None] = {
    **{"id": None, "problem_id": None, "answer": None, "rejected_answer": None},
    **{"prompt": "question", "chosen": "good", "rejected": "bad"},
}
COLUMNS = {"prompt": "question", "chosen": "good", "rejected": "bad"}


def test_data_of_others_are_read_by_the_columns_that_are_named(tmp_path: Path) -> None:
    source = write_pairs(tmp_path / "foreign.jsonl", PLANTED, **FOREIGN)
    found = audit_files(source, None, QUICK, columns=COLUMNS)
    assert (found.pairs, found.prompts, found.control) == (60, 60, None)
    assert found.markers[0].phrase == OPENER
    assert {feature.class_ for feature in found.features} == {"unattributed"}
    with pytest.raises(DataError, match=r"no such column.*available: bad, good, question"):
        audit_files(source, None, QUICK)


def test_a_control_with_ids_and_data_without_are_matched_by_their_prompts(tmp_path: Path) -> None:
    source = write_pairs(tmp_path / "foreign.jsonl", PLANTED, **FOREIGN)
    control = write_pairs(tmp_path / "control.jsonl", CONTROL, turns=True)
    found = audit_files(source, control, QUICK, columns=COLUMNS)
    assert found.control is not None
    assert (found.control.shared_prompts, found.control.paired) == (60, True)


def test_prompts_are_told_apart_by_their_text_or_by_the_problem() -> None:
    text = Preference("train", "How many?\n", "c", "r", {"problem_id": "p"})
    turns = replace(text, prompt=[{"role": "user", "content": "How many?"}], values={"problem_id": "p2"})
    assert prompt_key(text, by_id=False) == prompt_key(turns, by_id=False)
    assert (prompt_key(text, by_id=True), prompt_key(turns, by_id=True)) == ("p", "p2")
    assert prompt_key(replace(text, values={"problem_id": None}), by_id=True) == prompt_key(text, by_id=False)


def test_many_pairs_of_one_problem_are_one_prompt_however_it_is_asked(tmp_path: Path) -> None:
    rows = make_rows(make_pairs(50))
    rows = [row | {"problem_id": "one", "prompt": f"{n} ways"} for n, row in enumerate(rows)]
    source = tmp_path / "pairs.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = audit_files(source, None, QUICK)
    assert (found.pairs, found.prompts, found.verdict) == (50, 1, "underpowered")


def test_of_too_many_prompts_a_sample_is_audited_and_filters_see_all(tmp_path: Path) -> None:
    pairs = [*make_pairs(120, sample=1), *make_pairs(120, sample=2)]
    pairs[3] = replace(pairs[3], chosen=f"The student's attempt is wrong.\n{pairs[3].chosen}")
    pairs[200] = replace(pairs[200], chosen=f"The student's attempt is wrong.\n{pairs[200].chosen}")
    source = write_pairs(tmp_path / "pairs.jsonl", pairs)
    settings = QUICK.model_copy(update={"most_prompts": 100})
    found = audit_files(source, None, settings, [Leak()])
    assert (found.prompts, found.pairs) == (100, 200)
    assert "a sample of 100 of 120 prompts was audited" in found.notes
    assert found.leaks_by_rule == {"leak": 2}
    assert {leak.pair for leak in found.leaks} == {"3.1", "80.2"}
    shuffled = write_pairs(tmp_path / "shuffled.jsonl", pairs[::-1])
    drawn = [
        {c.prompt for c in read_material(open_preferences(file), settings, (), by_id=True).contrasts}
        for file in (source, shuffled)
    ]
    assert drawn[0] == drawn[1], "drawn by their hashes, not by their order"
    assert "sample" not in " ".join(audit_files(source, None, QUICK).notes)


def test_of_too_many_pairs_those_of_so_many_prompts_are_audited_as_fit(tmp_path: Path) -> None:
    pairs = [*make_pairs(120, sample=1), *make_pairs(120, sample=2), *make_pairs(10, sample=3)]
    source = write_pairs(tmp_path / "pairs.jsonl", pairs)
    found = audit_files(source, None, QUICK.model_copy(update={"most_pairs": 101}))
    assert 90 <= found.pairs <= 101
    assert f"a sample of {found.prompts} of 120 prompts was audited" in found.notes


def test_the_control_is_sampled_to_the_same_prompts(tmp_path: Path) -> None:
    source, control = (write_pairs(tmp_path / f"{n}.jsonl", make_pairs(150, sample=n)) for n in (1, 0))
    found = audit_files(source, control, QUICK.model_copy(update={"most_prompts": 100}))
    assert found.control is not None
    assert (found.control.shared_prompts, found.control.paired) == (100, True)


def test_rows_that_are_no_pair_are_counted_in_the_notes(tmp_path: Path) -> None:
    rows = make_rows(make_pairs(20))
    rows[0]["chosen"] = rows[0]["rejected"]
    rows[1]["chosen"] = ""
    source = tmp_path / "pairs.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = audit_files(source, None, QUICK)
    assert found.pairs == 18
    assert "1 pairs with two equal texts left out" in found.notes
    assert "1 pairs with an empty text left out" in found.notes


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([{"prompt": "q", "chosen": "a", "rejected": "a"}], "holds no pair to audit: 1 pairs with two equal texts"),
        ([{"prompt": "q", "chosen": "a"}], "rejected"),
        ([{"question": "q", "chosen": "a", "rejected": "b"}], "prompt"),
        ([{"prompt": "q", "chosen": 3, "rejected": "b"}], "chosen"),
        ([], "holds no row"),
    ],
)
def test_what_cannot_be_audited_is_told_with_the_file_and_the_column(
    rows: list[dict[str, Any]], told: str, tmp_path: Path
) -> None:
    source = tmp_path / "pairs.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(DataError, match=told) as caught:
        audit_files(source, None, QUICK)
    assert "pairs.jsonl" in str(caught.value)
    assert caught.value.exit_code == UsageError.exit_code == 2


def test_every_filter_looks_at_the_data_of_others() -> None:
    assert tuple(filter.name for filter in every_filter()) == available("filters")


def test_a_control_with_other_names_of_columns_is_read_as_told(tmp_path: Path) -> None:
    source, control = (
        write_pairs(tmp_path / f"{name}.jsonl", pairs, **FOREIGN) for name, pairs in (("a", PLANTED), ("b", CONTROL))
    )
    found = audit_files(source, control, QUICK, columns=COLUMNS, control_columns=COLUMNS)
    assert found.control is not None
    assert found.control.paired
    with pytest.raises(DataError, match="no such column"):
        audit_files(source, control, QUICK, columns=COLUMNS)


def test_rows_of_which_some_name_no_problem_are_told_apart_by_their_texts(tmp_path: Path) -> None:
    rows = make_rows(make_pairs(30))
    rows = [row | {"problem_id": "one" if n % 2 else None} for n, row in enumerate(rows)]
    source = tmp_path / "pairs.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert audit_files(source, None, QUICK).prompts == 30


def test_an_audit_that_is_no_longer_wanted_does_not_stay(tmp_path: Path) -> None:
    run, _ = build_run(tmp_path, 12)
    assert (run / "audit.json").exists()
    build_run(tmp_path, 12, audit=None)
    assert not (run / "audit.json").exists()
