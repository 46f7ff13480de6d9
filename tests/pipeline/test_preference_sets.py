"""Data sets in `datasets`' own form: saved folders, and the hub, here a server on loopback for the real client."""

from __future__ import annotations

import hashlib
import http.server
import io
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import datasets
import pyarrow
import pyarrow.parquet
import pytest

from pipeline.errors import DataError
from pipeline.preference_files import for_others, split_of
from pipeline.preference_sets import read_id
from pipeline.preferences import open_preferences

ROOT = Path(__file__).parents[2]
SHA = "1" * 40


def make_rows(count: int, start: int = 0) -> list[dict[str, Any]]:
    """As `trl-lib/ultrafeedback_binarized` has them: both sides are whole conversations."""
    rows = []
    for i in range(start, start + count):
        question = {"role": "user", "content": f"q{i}"}
        sides = {name: [question, {"role": "assistant", "content": f"{name} {i}"}] for name in ("chosen", "rejected")}
        rows.append({**sides, "score_chosen": 1.0 + i, "id": i})
    return rows


def test_a_saved_data_set_is_read_with_its_splits(tmp_path: Path) -> None:
    splits = {
        name: datasets.Dataset.from_list(make_rows(count)) for name, count in (("test_prefs", 2), ("train_prefs", 600))
    }
    splits["train_sft"] = splits["test_prefs"]
    datasets.DatasetDict(splits).save_to_disk(
        tmp_path / "dict", num_shards={"train_prefs": 3, "test_prefs": 1, "train_sft": 1}
    )
    preferences = open_preferences(tmp_path / "dict")
    found = list(preferences)
    assert (preferences.rows, preferences.unknown, preferences.tables_left_out) == (
        602,
        ("score_chosen",),
        ("train_sft",),
    )
    assert [row.split for row in found] == ["train"] * 600 + ["test"] * 2
    assert found[-1].prompt == [{"role": "user", "content": "q1"}]
    assert found[599].rejected == [{"role": "assistant", "content": "rejected 599"}]
    assert [row.values["id"] for row in found[:600]] == [str(i) for i in range(600)]


def test_a_data_set_that_was_filtered_and_given_a_form_is_read_as_it_was_saved(tmp_path: Path) -> None:
    kept = datasets.Dataset.from_list(make_rows(10)).filter(lambda row: row["id"] % 2 == 1)
    kept.with_format("numpy", columns=["id"]).save_to_disk(tmp_path / "one")
    preferences = open_preferences(str(tmp_path / "one"), columns={"chosen_score": "score_chosen"})
    assert [row.values for row in preferences] == [{"id": str(i), "chosen_score": 1.0 + i} for i in (1, 3, 5, 7, 9)]
    assert [row.values for row in preferences] == [row.values for row in preferences]


def test_a_broken_saved_data_set_is_named(tmp_path: Path) -> None:
    datasets.Dataset.from_list(make_rows(3)).save_to_disk(tmp_path / "one")
    (tmp_path / "one" / "data-00000-of-00001.arrow").unlink()
    with pytest.raises(DataError, match=r"one: is no whole data set of `save_to_disk`: .*data-00000-of-00001.arrow"):
        open_preferences(tmp_path / "one")
    datasets.Dataset.from_list(
        [{"chosen": "Q: a\nb", "rejected": "Q: a\nc"}, {"chosen": "b", "rejected": "c"}]
    ).save_to_disk(tmp_path / "two")
    with pytest.raises(DataError, match=r"two\[train\]:2: field 'prompt': is missing, and .* begin with nothing alike"):
        list(open_preferences(tmp_path / "two"))


def test_ids_of_the_hub_are_told_from_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    assert read_id("org/some.Name-v1.5") == ("org/some.Name-v1.5", None, None)
    assert read_id("org/name:en@refs/pr/1") == ("org/name", "en", "refs/pr/1")
    assert read_id("runs/name@main") == ("runs/name", None, "main")
    for path in (
        "runs/name",
        "name",
        "./org/name",
        "/org/name",
        "org/name.jsonl",
        "org/a/b",
        "org/name:",
        "o:c/name",
        "../x",
    ):
        assert read_id(path) is None, path
    with pytest.raises(
        DataError, match=r"runs/name: there is no such file or folder; give .* data set of the hub: ORG/NAME"
    ):
        open_preferences("runs/name")
    with pytest.raises(DataError, match=r"org/name.jsonl: there is no such file or folder"):
        open_preferences("org/name.jsonl")


def test_splits_that_were_made_for_other_training_are_left_out_only_beside_one_for_preferences() -> None:
    assert for_others(["train_prefs", "train_sft", "test_sft", "extra"]) == ("train_sft",)
    assert for_others(["train_sft-0.parquet", "train_prefs-0.parquet"]) == ("train_sft-0.parquet",)
    assert for_others(["train", "train_sft", "preferences.jsonl", "prefs"]) == ()
    assert [split_of(name) for name in ("test_prefs", "Validation", "eval-0.csv", "tests", "")] == [
        "test", "validation", "test", "train", "train",
    ]  # fmt: skip


def as_parquet(rows: list[dict[str, Any]]) -> bytes:
    made = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), made)
    return made.getvalue()


def card(**configs: Mapping[str, str]) -> bytes:
    """A data set's card that says which files are which split of which configuration."""
    made = [
        {"config_name": name, "data_files": [{"split": split, "path": path} for split, path in files.items()]}
        for name, files in configs.items()
    ]
    return f"---\nconfigs: {json.dumps(made)}\n---\n".encode()


REPOSITORIES = {
    "org/pairs": {
        "README.md": card(default={name: f"data/{name}-*" for name in ("train_prefs", "train_sft", "test_prefs")}),
        "data/train_prefs-0.parquet": as_parquet(make_rows(5)),
        "data/train_sft-0.parquet": as_parquet(make_rows(5)),
        "data/test_prefs-0.parquet": as_parquet(make_rows(2, 5)),
    },
    "org/many": {
        "README.md": card(en={"train": "en.parquet"}, zh={"train": "zh.parquet"}),
        "en.parquet": as_parquet(make_rows(3)),
        "zh.parquet": as_parquet(make_rows(4)),
    },
    "org/lines": {"train.jsonl": "".join(json.dumps(row) + "\n" for row in make_rows(3)).encode()},
    "org/broken": {"train.parquet": b"no"},
    "org/other": {"train.csv": b"question,accepted,rejected\nq,c,r\n"},
    "org/nothing": {"README.md": b"none"},
}


class Hub(http.server.BaseHTTPRequestHandler):
    """The hub's routes by which a data set is read."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        route = r"(?:/api)?/datasets/([^/]+/[^/]+)(?:/([^/]+)/([^/]+)(?:/(.*))?)?"
        found = re.fullmatch(route, self.path.partition("?")[0])
        name, what, revision, rest = found.groups() if found else (None, None, None, None)
        if name == "org/gated":
            self.answer(403 if "Authorization" in self.headers else 401, problem="GatedRepo")
        elif name not in REPOSITORIES:
            self.answer(404, problem="RepoNotFound")
        elif revision not in (None, "main", "v1", SHA):
            self.answer(404, problem="RevisionNotFound")
        elif what == "resolve":
            file = REPOSITORIES[name].get(rest or "")
            self.answer(404, problem="EntryNotFound") if file is None else self.answer(200, file)
        else:
            files = REPOSITORIES[name]
            entries = [
                {"type": "file", "path": path, "size": len(file), "oid": digest(file)} for path, file in files.items()
            ]
            entries += [{"type": "directory", "path": path.split("/")[0], "oid": SHA} for path in files if "/" in path][
                :1
            ]
            beside = [entry for entry in entries if str(entry["path"]).rpartition("/")[0] == (rest or "")]
            made: Any = {"id": name, "sha": SHA, "siblings": [{"rfilename": path} for path in files]}
            self.answer(200, json.dumps(beside if what == "tree" else made).encode())

    do_HEAD = do_POST = do_GET

    def answer(self, status: int, body: bytes = b"", problem: str = "") -> None:
        self.send_response(status)
        told = {"X-Error-Code": problem} if problem else {"ETag": f'"{digest(body)}"', "X-Repo-Commit": SHA}
        for name, value in {**told, "Content-Length": str(len(body)), "Content-Type": "application/json"}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def digest(file: bytes) -> str:
    return hashlib.sha1(file).hexdigest()


@pytest.fixture(scope="module")
def hub() -> Iterator[str]:
    """The address of a hub on loopback."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def ask(url: str, folder: Path, *sources: str, **settings: str) -> list[Any]:
    """What each source is read as, or the error; in a process of its own, since the client reads its address once."""
    code = f"""
import datasets, json
from pipeline.errors import DataError
from pipeline.preferences import open_preferences
datasets.config.USE_PARQUET_EXPORT = False  # another server of the hub's
for source in {sources!r}:
    try:
        read = open_preferences(source)
        made = [read.rows, read.tables_left_out, [table.name for table in read.tables], [row.prompt for row in read]]
    except DataError as error:
        made = str(error)
    print("found", json.dumps(made))
"""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))}
    of_hub = {"HF_ENDPOINT": url, "HF_HOME": str(folder), "HF_HUB_DISABLE_XET": "1", "NO_PROXY": "*"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, env={**kept, **of_hub, **settings}
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line.removeprefix("found ")) for line in done.stdout.splitlines() if line.startswith("found ")]


def test_data_sets_of_the_hub_are_read_by_name_configuration_and_revision(hub: str, tmp_path: Path) -> None:
    whole, at, one, lines = ask(hub, tmp_path, "org/pairs", "org/pairs@v1", "org/many:zh@v1", "org/lines")
    prompts = [[{"role": "user", "content": f"q{i}"}] for i in range(7)]
    assert whole == [7, ["train_sft"], ["org/pairs[train_prefs]", "org/pairs[test_prefs]"], prompts]
    assert at == [7, ["train_sft"], ["org/pairs@v1[train_prefs]", "org/pairs@v1[test_prefs]"], prompts]
    assert one == [4, [], ["org/many:zh@v1[train]"], prompts[:4]]
    assert lines == [3, [], ["org/lines[train]"], prompts[:3]]
    (again,) = ask(hub, tmp_path, "org/pairs", HF_HUB_OFFLINE="1")
    assert again == whole


def test_what_the_hub_does_not_give_is_told_with_its_fix(hub: str, tmp_path: Path) -> None:
    told = {
        "org/absent": r"there is no such file or folder, and: .*doesn't exist on the Hub.* log in with `hf auth login`",
        "org/gated": r"is a gated dataset.* Accept its terms at https://.*/datasets/org/gated, then log in",
        "org/many": r"among the available configs: \['en', 'zh'\]; name one: org/many:CONFIG",
        "org/many:fr": r"'fr' not found. Available: \['en', 'zh'\]; name one: org/many:CONFIG",
        "org/pairs@v2": r"Revision 'v2' doesn't exist.* Name a branch, tag or commit that it has: org/pairs@REVISION",
        "org/broken": r"the hub's data set cannot be loaded: .*; download its files and give their folder",
        "org/nothing": r"the hub's data set cannot be loaded: .*doesn't contain any data files",
        "org/other": r"\[train\]: field 'chosen': no such column; .*did you mean 'accepted'\?",
    }
    for (source, pattern), found in zip(told.items(), ask(hub, tmp_path, *told), strict=True):
        assert re.match(re.escape(source) + ".*" + pattern, found), found


def test_a_hub_that_cannot_be_reached_is_told_from_a_data_set_that_is_not_there(tmp_path: Path) -> None:
    (told,) = ask("http://127.0.0.1:9", tmp_path, "org/pairs", HF_HUB_OFFLINE="1")
    assert told.startswith("org/pairs: there is no such file or folder, and the hub cannot be reached (")
    assert told.endswith(
        "connect (is HF_HUB_OFFLINE set?), or give the folder of a copy, made with "
        "`hf download --repo-type dataset --local-dir DIR org/pairs`"
    )
