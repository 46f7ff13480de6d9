"""An export is a folder that is there whole or not at all, and that replaces only what an export wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from datasets import load_dataset

from pipeline.errors import ConfigError, DataError
from pipeline.export_as import export_as
from pipeline.exports.base import BYTES_PER_GROUP, make_target


def write(path: Path, *rows: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def make_row(number: int = 0, **more: Any) -> dict[str, Any]:
    return {"prompt": f"p{number}\n", "chosen": "c", "rejected": "r", "id": str(number)} | more


def test_the_account_of_an_export_adds_up(tmp_path: Path) -> None:
    write(tmp_path / "in" / "train.jsonl", make_row(1), make_row(1, rejected="s"), make_row(2, rejected="c"))
    write(tmp_path / "in" / "validation.jsonl", make_row(3, note="n"))
    told: list[tuple[str, int, int]] = []
    exported = export_as(
        tmp_path / "in", tmp_path / "out", make_target("jsonl", kind="sft"), progress=lambda *step: told.append(step)
    )
    assert (exported.pairs, exported.rows) == ({"train": 2, "validation": 1}, {"train": 1, "validation": 1})
    assert exported.left_out == {"pairs with two equal texts": 1, "repeats of texts, which are written once": 1}
    assert exported.columns_left_out == ["note"]
    assert told == [("read", 4, 4)]
    assert json.loads((tmp_path / "out" / "export.json").read_text()) == exported.model_dump()
    card = (tmp_path / "out" / "README.md").read_text()
    assert "- train: 1 rows" in card
    assert "- left out: 1 pairs with two equal texts" in card
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out"]


def test_a_new_export_replaces_an_old_one_and_nothing_else(tmp_path: Path) -> None:
    source, out = write(tmp_path / "train.jsonl", make_row(1)), tmp_path / "out"
    target = make_target("parquet")
    out.mkdir()
    export_as(source, out, target)
    (out / "stray").write_text("")
    export_as(write(source, make_row(2)), out, target)
    assert load_dataset(str(out), cache_dir=str(tmp_path / "cache"))["train"]["prompt"] == ["p2\n"]
    assert not (out / "stray").exists()

    (out / "export.json").unlink()
    with pytest.raises(ConfigError, match="no earlier output; name another folder, or give --overwrite"):
        export_as(source, out, target)
    export_as(source, out, target, overwrite=True)
    (tmp_path / "link").symlink_to(out)
    (tmp_path / "file").write_text("")
    for name in ("link", "file"):
        with pytest.raises(ConfigError, match="is no folder"):
            export_as(source, tmp_path / name, target, overwrite=True)


def test_what_is_read_and_where_one_works_is_never_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "run" / "dataset" / "train.jsonl", make_row(1))
    monkeypatch.chdir(tmp_path)
    for out in ("run", "run/dataset", "run/dataset/train.jsonl", ".", "..", "/"):
        with pytest.raises(ConfigError, match="name another folder"):
            export_as(
                Path("run/dataset/train.jsonl" if out[-1] == "l" else "run"),
                Path(out),
                make_target("jsonl"),
                overwrite=True,
            )
    export_as(Path("run"), Path("run/exported"), make_target("jsonl"))
    assert (tmp_path / "run" / "exported" / "train.jsonl").is_file()


def test_an_export_that_fails_leaves_the_old_one(tmp_path: Path) -> None:
    source, out = write(tmp_path / "train.jsonl", make_row(1)), tmp_path / "out"
    export_as(source, out, make_target("trl", kind="unpaired"))
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    write(source, make_row(1), make_row(2, rejected=7))
    with pytest.raises(DataError, match=r"train.jsonl:2: field 'rejected'"):
        export_as(source, out, make_target("trl", kind="unpaired"))
    write(source, make_row(1, rejected="c"))
    with pytest.raises(DataError, match="leaves nothing to write as sft: 1 pairs with two equal texts"):
        export_as(source, out, make_target("trl", kind="sft"))
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "train.jsonl"]


def test_the_same_pairs_give_the_same_bytes(tmp_path: Path) -> None:
    source = write(tmp_path / "train.jsonl", *(make_row(i % 7, rejected=f"r{i}") for i in range(40)))
    made = []
    for name in ("one", "two"):
        export_as(source, tmp_path / name, make_target("parquet", kind="unpaired"))
        made.append({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()})
    assert made[0] == made[1]
    assert {Path(name).suffix for name in made[0]} == {".parquet", ".md", ".json"}


def test_the_cards_of_other_rows_differ_so_that_datasets_reads_them_anew(tmp_path: Path) -> None:
    cache, source = str(tmp_path / "cache"), tmp_path / "train.jsonl"
    for text in ("first", "other"):
        export_as(write(source, make_row(1, chosen=text)), tmp_path / "out", make_target("jsonl"))
        assert load_dataset(str(tmp_path / "out"), cache_dir=cache)["train"]["chosen"] == [text]


def test_what_the_runs_card_says_of_the_pairs_goes_with_them(tmp_path: Path) -> None:
    write(tmp_path / "run" / "dataset" / "train.jsonl", make_row(1))
    (tmp_path / "run" / "dataset" / "README.md").write_text(
        "---\na: b\n---\n\n# Preference pairs made by Errata\n\nX.\n"
    )
    export_as(tmp_path / "run", tmp_path / "out", make_target("trl"))
    card = (tmp_path / "out" / "README.md").read_text()
    assert card.endswith("## The pairs\n\nX.\n")
    assert "a: b" not in card


def test_nothing_in_a_card_of_somebodys_acts_in_the_new_one(tmp_path: Path) -> None:
    source = write(tmp_path / "in" / "train.jsonl", make_row(1))
    acts = "<script>x()</script> ![](http://t/x.png) [go](javascript:x()) \x1b[31m"
    head = "# Preference pairs made by Errata\n\n"
    (tmp_path / "in" / "README.md").write_bytes(f"{head}Verdict: **marker**.\n---\n{acts}\n".encode() + b"\xff")
    export_as(source.parent, tmp_path / "out", make_target("jsonl"))
    card = (tmp_path / "out" / "README.md").read_text()
    assert "Verdict: **marker**." in card
    assert not any(sign in card.partition("## The pairs")[2] for sign in ("<", "](", "\x1b"))


def test_long_texts_make_short_row_groups(tmp_path: Path) -> None:
    import pyarrow.parquet

    text = "x" * (BYTES_PER_GROUP // 16)
    source = write(tmp_path / "train.jsonl", *(make_row(i, chosen=text + str(i)) for i in range(40)))
    export_as(source, tmp_path / "out", make_target("parquet"))
    (shard,) = (tmp_path / "out").glob("*.parquet")
    with pyarrow.parquet.ParquetFile(shard) as file:
        assert (file.num_row_groups, file.metadata.num_rows) == (3, 40)


def test_options_that_do_not_go_together_are_named() -> None:
    for name, options, told in (
        ("trll", {}, "unknown target 'trll'; did you mean 'trl'?"),
        ("trl", {"kind": "ranking"}, "kind: Input should be 'pairs', 'sft', 'unpaired' or 'rankings'"),
        ("openrlhf", {"kind": "rankings"}, "it takes pairs, sft, unpaired .rankings: jsonl, parquet."),
        ("jsonl", {"max_completions": 3}, "max_completions is for rankings"),
        ("jsonl", {"kind": "rankings", "max_completions": 1}, "max_completions: Input should be greater than or equal"),
        ("jsonl", {"format": "chat"}, "format: Input should be 'conversation' or 'text'"),
    ):
        with pytest.raises(ConfigError, match=told):
            make_target(name, **options)
