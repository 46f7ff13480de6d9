"""Finished runs whose files a disk has had its way with -> the same run again, or an error that names the file."""

from __future__ import annotations

import json
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from pipeline.errors import DataError
from pipeline.journal import scan_journal
from pipeline.store import RunFolder
from pipeline.types import Attempt, Correction, Pair
from tests.fuzz.edits import apply, edits
from tests.fuzz.target import Target, command, keep, told
from tests.fuzz.texts import SOLUTIONS

REPLIES = ["3 + 4 = 7\n#### 7", "3 + 4 = 8\n#### 8", "3 + 5 = 8\nSo it is 9.\n#### 9", "I do not know."]
JOURNALS: dict[str, Any] = {
    "attempts.jsonl": Attempt,
    "corrections.jsonl": Correction,
    "pairs.jsonl": Pair,
    "second_tries.jsonl": Attempt,
}
OTHERS = (
    "format.json",
    "config.yaml",
    "summary.json",
    "control.jsonl",
    "findings.jsonl",
    "unknown.jsonl",
    "audit.json",
)
CACHE = "completions.sqlite"


def write_config(folder: Path, **sections: Any) -> Path:
    """A run in `folder` that asks nobody."""
    settings = {
        "name": "run",
        "runs_dir": str(folder / "runs"),
        "problems": {"path": str(folder / "problems.jsonl"), "rationale": "solution"},
        "student": {"engine": "scripted", "replies": REPLIES},
        "checker": "numeric",
        "sample": {"n": 4},
        "pair": {"views": ["direct", "revise"], "revise": {"second_try": True}},
        "audit": None,
        **sections,
    }
    file = folder / "config.yaml"
    file.write_text(json.dumps(settings))
    return file


@cache
def finished() -> tuple[Path, tempfile.TemporaryDirectory[str]]:
    """A finished run of three problems, and what keeps it on disk."""
    keeper = tempfile.TemporaryDirectory(prefix="errata-fuzz-run-")
    folder = Path(keeper.name)
    rows = [{"question": f"Tom has {n} apples.", "answer": "7", "solution": SOLUTIONS[0]} for n in range(3)]
    (folder / "problems.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    code, _, err = command("build", write_config(folder))
    keep(code == 0, err)
    return folder, keeper


def content_of(folder: Path) -> dict[str, bytes]:
    """The data set of a run."""
    return {path.name: path.read_bytes() for path in sorted((folder / "dataset").glob("*.parquet"))}


def damage(given: Any, folder: Path) -> tuple[Path, Path]:
    """A copy of the finished run with one file edited: (run folder, file)."""
    shutil.copytree(finished()[0] / "runs", folder / "runs")
    shutil.copy(finished()[0] / "problems.jsonl", folder)
    run = folder / "runs" / "run"
    file = (run.parent if given["file"] == CACHE else run) / given["file"]
    content = file.read_bytes() if file.exists() else b""
    file.write_bytes(apply(content, given["edits"]))
    return run, file


def run_journals(given: Any, folder: Path) -> str:
    """A journal is opened: what is read of it is what was written, or the error names file and line."""
    run, file = damage(given, folder)
    model = JOURNALS[given["file"]]
    written = [record for _, record in scan_journal(finished()[0] / "runs" / "run" / given["file"], model)]
    try:
        read = [record for _, record in scan_journal(file, model)]
        with RunFolder(run) as opened:
            journal = getattr(opened, file.stem)
            found = [journal.get(record.id) for record in (*written, *read)]
    except DataError as error:
        keep(error.file == str(file) and error.line is not None, f"the error does not name file and line: {error}")
        raise
    known = {record.id for record in written}
    changed = [record for record in (*read, *filter(None, found)) if record.id in known and record not in written]
    keep(not changed, f"a record is read that nobody wrote: {changed[:1]}")
    return f"read, {min(len(written) - len({record.id for record in read}), 3)} lost"


def run_resume(given: Any, folder: Path) -> str:
    """The same command again: the same data set, or an error."""
    run, file = damage(given, folder)
    problems = str(folder / "problems.jsonl")
    code, _, err = command("build", write_config(folder), "--problems.path", problems)
    if code == 0:
        keep(content_of(run) == content_of(finished()[0] / "runs" / "run"), "resumed, the data set is another")
    elif given["file"] in JOURNALS:
        keep(str(file) in err, f"the error does not name the file: {err}")
    for also in given["then"]:
        command(also, run, *(("--out", folder / "out") if also != "audit" else ()))
    return told(code, err, folder)


UNSEALED = (
    '{"id":"-00000000000000f","problem_id":"p","index":0,"engine":"e","settings":"s","completion":null,"grade":null,'
    '"failure":"f"}\n'
)
"""A line that a person wrote: an attempt without a checksum, whose id is a number below zero in hexadecimal."""
DAMAGE = edits('{"id": "x"}\n', '"crc32":"', UNSEALED, most=3)
INPUTS = st.fixed_dictionaries({"file": st.sampled_from(tuple(JOURNALS)), "edits": DAMAGE})
RESUMED = st.fixed_dictionaries(
    {
        "file": st.sampled_from((*JOURNALS, *JOURNALS, *OTHERS, CACHE, CACHE)),
        "edits": DAMAGE,
        "then": st.lists(st.sampled_from(("report", "audit", "clean")), max_size=1),
    }
)
TARGETS = (
    Target("journals", INPUTS, run_journals, weight=2),
    Target("resume", RESUMED, run_resume, examples=4, weight=2),
)
