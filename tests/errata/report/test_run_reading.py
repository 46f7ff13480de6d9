"""Reading a run's folder: what is missing is None, what is broken is named with its fix."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from errata.report.run_contents import numbers, read_contents
from errata.report.run_journals import MOST, read_doubts
from errata.report.run_reading import read_run
from pipeline.errors import DataError
from tests.errata.report.make_run import build_small, finish, make_ablation, make_loop, make_round


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finish(build_small(tmp_path_factory.mktemp("reading"), audit=None))


def copy_run(run: Path, folder: Path) -> Path:
    """The run, its files linked, so that one of them can be replaced."""
    for file in run.rglob("*"):
        if file.is_file():
            target = folder / file.relative_to(run)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read_bytes())
    return folder


def test_all_numbers_of_a_run_come_as_json(run: Path) -> None:
    told = json.loads(json.dumps(numbers(read_contents(run)), allow_nan=False))
    assert told["summary"]["attempts"] == told["flow"]["attempts"]["count"] == 96
    assert told["evaluation"]["sets"]["held_out"]["changes"]["after"]["fixed"] == 77
    assert (told["training"]["pairs"], told["rewards"]["pairs"]) == (33, 66)
    assert told["lengths"]["chosen"]["n"] == sum(row["pairs"] for row in told["writers"]) == 29
    assert told["lengths"]["own right answers"]["n"] == told["summary"]["control"]
    assert {row["gold_visible"] for row in told["writers"]} == {True, False}
    assert told["contamination"]["share"] == "0.4%"
    assert told["doubts"]["reasons"] == {"no final answer found": 5}
    assert len(told["doubts"]["objected"]) == 14
    assert told["loop"] is told["ablation"] is told["audit"] is None


def test_doubts_say_what_the_attempts_make_of_a_gold_answer(run: Path) -> None:
    doubts = read_doubts(read_run(run))
    assert len(doubts.objected) == 14
    wrong = next(told for told in doubts.objected if told.objection == "gold_wrong" and told.gold == "17")
    assert (wrong.gold, wrong.other, wrong.agreeing, wrong.attempts) == ("17", "18", 2, 4)
    assert wrong.question.startswith("What is 12 + 5?")
    assert wrong.diagnosis == "it leads elsewhere"
    assert {told.why.partition(":")[0] for told in doubts.refused} == {"wrong"}
    assert {told.rung for told in doubts.refused} == {"revise"}
    assert {rule: sum(d.rule == rule for d in doubts.dropped) for rule in {d.rule for d in doubts.dropped}} == {
        **{"repeated_mistake": 24, "attempt_right": 7, "gold_wrong": 7}
    }
    assert doubts.reasons == {"no final answer found": 5}
    assert {told.text for told in doubts.undecided} == {"I do not know ''"}
    assert [kind for kind, _ in doubts.left_out] == ["bad_row", "conflicting"]


def read(file: Path) -> list[dict[str, Any]]:
    """The records of a journal, without their checksums, as a person would change them."""
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    return [{name: value for name, value in line.items() if name != "crc32"} for line in lines]


def test_the_last_record_of_an_id_counts_and_records_of_other_settings_do_not(run: Path, tmp_path: Path) -> None:
    copy_run(run, tmp_path)
    for name in ("pairs", "corrections"):
        file = tmp_path / f"{name}.jsonl"
        lines = read(file)
        stale = [{**line, "id": f"stale {number}", "settings": "old"} for number, line in enumerate(lines)]
        with file.open("a") as out:
            out.writelines(json.dumps(line) + "\n" for line in (*stale, *lines))
    assert read_doubts(read_run(tmp_path)) == read_doubts(read_run(run))


def test_tables_are_bounded_and_every_rule_has_its_share(run: Path, tmp_path: Path) -> None:
    copy_run(run, tmp_path)
    lines = read(tmp_path / "pairs.jsonl")
    repeated = next(line for line in lines if line["findings"] and line["findings"][0]["rule"] == "repeated_mistake")
    many = [{**repeated, "id": f"more {number}"} for number in range(2 * MOST)]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(line) + "\n" for line in (*many, *lines)))
    unknown = json.loads((tmp_path / "unknown.jsonl").read_text().splitlines()[0])
    said = [{**unknown, "reason": f"the final answer '{number}' is no number"} for number in range(2 * MOST)]
    (tmp_path / "unknown.jsonl").write_text("".join(json.dumps(line) + "\n" for line in said))
    doubts = read_doubts(read_run(tmp_path))
    assert sum(told.rule == "repeated_mistake" for told in doubts.dropped) == MOST // 3
    assert sum(told.rule == "gold_wrong" for told in doubts.dropped) == 7
    assert len(doubts.undecided) == MOST
    assert doubts.reasons == {"the final answer '…' is no number": 2 * MOST}


def test_a_build_that_goes_on_has_no_doubts_yet(run: Path, tmp_path: Path) -> None:
    copy_run(run, tmp_path)
    (tmp_path / "summary.json").unlink()
    found = read_contents(tmp_path)
    assert found.run is not None
    assert found.run.summary is None
    assert found.doubts.dropped == []
    assert json.dumps(numbers(found))


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("summary.json", "{", "`errata build` writes it anew"),
        ("evaluation.json", '{"n": 500, "before": {}}', "`errata evaluate` writes it anew"),
        ("audit.json", '{"pairs": "many"}', "`errata audit` writes it anew"),
        ("rewards.json", "[]", "`errata evaluate` writes it anew"),
        ("policy/training.json", '{"pairs": 3}', "field 'steps'"),
        ("config.yaml", "a: [", "is no YAML"),
        ("config.yaml", "- 1", "holds no settings"),
        ("config.yaml", "x: !!bool q", "is no YAML"),
        ("config.yaml", "x: 2026-13-01", "is no YAML"),
        ("config.yaml", "[" * 20_000, "is no YAML"),
        ("config.yaml", "student: &a [x]\nteachers: *a", "holds a reference, `*name`"),
        ("objections.jsonl", '{"mistake_id": "m"}\n', "objections.jsonl:1: field 'problem_id'"),
        ("unknown.jsonl", "{}\nnothing\n", "unknown.jsonl:1: field 'attempt_id'"),
        ("findings.jsonl", "nothing\n", "findings.jsonl:1: is no JSON"),
        ("left_out.jsonl", "[]\n", "left_out.jsonl:1: is no object"),
        ("pairs.jsonl", '{"id": "x"}\n', "pairs.jsonl:1"),
        ("attempts.jsonl", "nothing\n", "attempts.jsonl:1"),
        ("control.jsonl", "nothing\n", "control.jsonl:1"),
        ("ablation.json", "{}", "`errata ablate` writes it anew"),
        ("loop.json", "{}", "`errata loop` writes it anew"),
    ],
)
def test_a_broken_file_is_named_with_its_fix(run: Path, tmp_path: Path, file: str, text: str, told: str) -> None:
    copy_run(run, tmp_path)
    (tmp_path / file).write_text(text)
    with pytest.raises(DataError) as raised:
        read_contents(tmp_path)
    assert str(tmp_path / file) in str(raised.value)
    assert told in str(raised.value)


@pytest.mark.parametrize("name", ["attempts.jsonl", "config.yaml", "policy", "dataset"])
def test_a_link_to_what_is_not_in_the_folder_is_refused(run: Path, tmp_path: Path, name: str) -> None:
    copy_run(run, tmp_path / "run")
    (tmp_path / "run" / name).rename(tmp_path / "elsewhere")
    (tmp_path / "run" / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DataError, match=f"is a link out of .*, to {tmp_path / 'elsewhere'}; put what it leads to"):
        read_contents(tmp_path / "run")
    (tmp_path / "run" / name).unlink()
    (tmp_path / "elsewhere").rename(tmp_path / "run" / name)
    (tmp_path / "by-link").symlink_to(tmp_path / "run")
    assert read_contents(tmp_path / "by-link").run is not None


def test_a_folder_that_is_no_run_is_refused_with_the_command_that_makes_one(tmp_path: Path) -> None:
    for folder, told in ((tmp_path / "absent", "no such folder"), (tmp_path, "no summary.json, attempts.jsonl")):
        with pytest.raises(DataError, match=told) as raised:
            read_contents(folder)
        assert "errata build CONFIG" in str(raised.value)


def test_a_loop_is_shown_with_its_best_round(run: Path, tmp_path: Path) -> None:
    copy_run(run, tmp_path / "round-2")
    loop = make_loop(make_round(2, 0.8))
    (tmp_path / "loop.json").write_text(loop.model_dump_json())
    found = read_contents(tmp_path)
    assert found.run is not None
    assert (found.run.path, found.shown) == (tmp_path / "round-2", loop.rounds[0])
    assert numbers(found)["loop"]["best"] == 2
    (tmp_path / "loop.json").write_text(make_loop().model_dump_json())
    with pytest.raises(DataError, match="names the round 'round-1', whose folder is not there"):
        read_contents(tmp_path)


def test_an_ablation_is_shown_with_its_best_cell_and_that_cells_data(run: Path, tmp_path: Path) -> None:
    data = copy_run(run, tmp_path / "ablation" / "data")
    cell = data / "cell"
    cell.mkdir()
    (data / "evaluation.json").rename(cell / "evaluation.json")
    (data / "policy" / "training.json").rename(cell / "training.json")
    (tmp_path / "ablation.json").write_text(make_ablation().model_dump_json())
    found = read_contents(tmp_path)
    assert found.run is not None
    assert (found.run.path, found.cell, found.built) == (data, cell, True)
    assert found.run.evaluation is not None
    assert found.run.training is not None
    told = numbers(found)
    assert [one["label"] for one in told["effects"]["train.beta"]] == ["0.05", "0.3"]
    given = copy_run(cell, tmp_path / "given" / "ablation" / "finished" / "cell")
    (tmp_path / "given" / "ablation.json").write_text(make_ablation("ablation/finished/cell").model_dump_json())
    alone = read_contents(tmp_path / "given")
    assert alone.run is not None
    assert (alone.run.path, alone.built, alone.texts.lengths) == (given, False, {})


@pytest.mark.parametrize("name", ["../run", "round-1/../../run", "{elsewhere}", "", ".", "a\0b"])
def test_a_page_tells_of_nothing_outside_the_folder_that_it_is_of(run: Path, tmp_path: Path, name: str) -> None:
    """Records of somebody else's may name any folder of this machine."""
    copy_run(run, tmp_path / "run")
    copy_run(run, tmp_path / "loop" / "round-1")
    named = name.replace("{elsewhere}", str(tmp_path / "run"))
    (tmp_path / "loop" / "loop.json").write_text(make_loop(make_round(1, 0.5, run=named)).model_dump_json())
    with pytest.raises(DataError, match="is no folder below its own"):
        read_contents(tmp_path / "loop")
    (tmp_path / "grid").mkdir()
    (tmp_path / "grid" / "ablation.json").write_text(make_ablation(named).model_dump_json())
    with pytest.raises(DataError, match="is no folder below its own"):
        read_contents(tmp_path / "grid")


@pytest.mark.parametrize("text", ["a: !!python/object/apply:os.system [x]", "[" * 20_000, "a: 2024-13-45", "a: \x1b"])
def test_settings_of_somebody_elses_are_plain_values_or_an_error(run: Path, tmp_path: Path, text: str) -> None:
    folder = copy_run(run, tmp_path / "run")
    (folder / "config.yaml").write_text(text)
    with pytest.raises(DataError, match="is no YAML"):
        read_run(folder)
