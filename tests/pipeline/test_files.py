"""Final files and folders are whole or not there, and nothing that lies in wait is written through."""

from __future__ import annotations

import contextlib
import errno
import secrets
from pathlib import Path

import pytest

from pipeline import files
from pipeline.errors import StoppedEarly
from pipeline.files import UNFINISHED, new_folder, open_final, remove_unfinished, write_file


def test_a_link_that_waits_at_the_name_of_the_unfinished_file_is_not_written_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim = tmp_path / "victim.txt"
    victim.write_text("mine")
    monkeypatch.setattr(secrets, "token_hex", lambda size: "guessed")
    (tmp_path / f".report.html.guessed{UNFINISHED}").symlink_to(victim)
    with pytest.raises(FileExistsError):
        write_file(tmp_path / "report.html", "theirs")
    assert victim.read_text() == "mine"


def test_a_block_that_fails_leaves_what_was_there_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "audit.json"
    write_file(path, "old")
    with contextlib.suppress(ValueError), open_final(path) as file:
        file.write("new")
        raise ValueError
    assert path.read_text() == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["audit.json"]


def test_a_disk_that_fails_names_the_file_and_can_be_gone_on_from(tmp_path: Path) -> None:
    for code, told in ((errno.ENOSPC, "the disk is full"), (errno.EIO, "cannot be written")):
        with pytest.raises(StoppedEarly, match=rf"summary\.json: {told}"), open_final(tmp_path / "summary.json"):
            raise OSError(code, "as write() says it, without a file's name")


@pytest.mark.parametrize("in_one_step", [True, False])
def test_a_new_folder_takes_the_place_of_the_old_one_or_leaves_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_one_step: bool
) -> None:
    if not in_one_step:
        monkeypatch.setattr(files, "RENAME_EXCHANGE", 1 << 30)  # a flag that no system knows
    out = tmp_path / "deep" / "out"
    for content in ("first", "second"):
        with new_folder(out) as fresh:
            (fresh / "part").mkdir()
            (fresh / "part" / "file").write_text(content)
    assert (out / "part" / "file").read_text() == "second"
    with contextlib.suppress(ValueError), new_folder(out) as fresh:
        (fresh / "other").write_text("third")
        raise ValueError
    assert [one.name for one in out.iterdir()] == ["part"]
    assert [one.name for one in out.parent.iterdir()] == ["out"]


def test_what_a_killed_process_left_unfinished_is_removed_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / f".dataset.0123{UNFINISHED}").mkdir()
    (tmp_path / f".dataset.0123{UNFINISHED}" / "train-0.parquet").write_text("half")
    (tmp_path / f".findings.jsonl.4567{UNFINISHED}").write_text("half")
    (tmp_path / f".link{UNFINISHED}").symlink_to(tmp_path)
    (tmp_path / ".lock").write_text("1 here")
    (tmp_path / "notes.tmp").write_text("the user's")
    remove_unfinished(tmp_path)
    assert sorted(one.name for one in tmp_path.iterdir()) == [".lock", "notes.tmp"]
