"""A folder of data that somebody else made: nothing in it runs, and nothing outside of it is read."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pytest

from pipeline.data_folders import is_inside, refuse_links
from pipeline.errors import DataError
from pipeline.preferences import open_preferences
from pipeline.rows import read_rows

ROW = '{"question": "What is 2 + 2?", "answer": "4"}\n'
SECRET = '{"question": "the password is hunter2", "answer": "4"}\n'


class Opens:
    """Makes a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (str(self.mark), "a")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    """The file that the folder's code would make."""
    return tmp_path / "owned"


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Path]:
    """A folder of files, and a secret beside it."""
    (tmp_path / "secret.jsonl").write_text(SECRET)

    def write(**files: str | bytes) -> Path:
        folder = tmp_path / "data"
        folder.mkdir()
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            (folder / name.replace("__", ".")).write_bytes(data)
        return folder

    return write


def card(told: str) -> str:
    return f"---\nconfigs:\n- config_name: default\n  data_files: {told}\n---\n"


def told_of(folder: Path, **options: Any) -> str:
    with pytest.raises(DataError) as caught:
        list(read_rows(str(folder), **options))
    return str(caught.value)


def test_a_folder_of_plain_files_is_read(make) -> None:
    rows = list(read_rows(str(make(train__jsonl=ROW, README__md=card("train.jsonl")))))
    assert [row.values["answer"] for row in rows] == ["4"]


def test_a_loading_script_is_not_run(make, mark: Path) -> None:
    assert "scripts are no longer supported" in told_of(make(data__py=f"open({str(mark)!r}, 'a')", train__jsonl=ROW))
    assert not mark.exists()


def test_a_pickle_is_not_opened_whatever_the_card_says(make, mark: Path) -> None:
    head = "---\nbuilder_name: pandas\nconfigs:\n- config_name: default\n  data_files: train.pkl\n---\n"
    told_of(make(train__pkl=pickle.dumps(Opens(mark)), README__md=head))
    assert not mark.exists()


def test_a_card_that_is_code_in_yaml_is_not_run(make, mark: Path) -> None:
    head = f"---\nconfigs: !!python/object/apply:os.system ['touch {mark}']\n---\n"
    assert "python/object/apply" in told_of(make(train__jsonl=ROW, README__md=head))
    assert not mark.exists()


@pytest.mark.parametrize(
    "told", ["../secret.jsonl", "{above}/secret.jsonl", "\n  - split: train\n    path: ['../*.jsonl']"]
)
def test_a_card_that_names_a_file_elsewhere_is_refused(make, tmp_path: Path, told: str) -> None:
    folder = make(train__jsonl=ROW, README__md=card(told.replace("{above}", str(tmp_path))))
    assert "names data that are not in it" in told_of(folder)
    assert "hunter2" not in told_of(folder)


def test_a_card_that_names_an_address_is_refused(make) -> None:
    told_of(make(train__jsonl=ROW, README__md=card("http://127.0.0.1:9/x.jsonl")))


def test_a_link_out_of_the_folder_is_refused_and_one_inside_is_not(make, tmp_path: Path) -> None:
    folder = make()
    (folder / ".hidden.jsonl").write_text(ROW)
    (folder / "train.jsonl").symlink_to(".hidden.jsonl")
    assert len(list(read_rows(str(folder)))) == 1
    (folder / "train.jsonl").unlink()
    (folder / "train.jsonl").symlink_to("../secret.jsonl")
    assert f"is {tmp_path / 'secret.jsonl'}" in told_of(folder)


def test_a_snapshot_in_the_hubs_cache_links_to_its_own_files(tmp_path: Path) -> None:
    snapshot, blobs = tmp_path / "datasets--org--name" / "snapshots" / "abc", tmp_path / "datasets--org--name" / "blobs"
    for folder in (snapshot, blobs):
        folder.mkdir(parents=True)
    (blobs / "0123").write_text(ROW)
    (snapshot / "train.jsonl").symlink_to("../../blobs/0123")
    assert len(list(read_rows(str(snapshot)))) == 1
    assert not is_inside(snapshot, tmp_path / "datasets--org--name" / "refs")


def test_a_saved_data_set_reads_nothing_but_itself(tmp_path: Path) -> None:
    folder, other = tmp_path / "saved", tmp_path / "other.arrow"
    datasets.DatasetDict({"train": datasets.Dataset.from_list([{"question": "q"}])}).save_to_disk(str(folder))
    assert [row.values for row in read_rows(str(folder))] == [{"question": "q"}]
    state = folder / "train" / "state.json"
    told = json.loads(state.read_text())
    shutil.copy(folder / "train" / told["_data_files"][0]["filename"], other)
    for name in ("../../other.arrow", str(other)):
        state.write_text(json.dumps(told | {"_data_files": [{"filename": name}]}))
        assert "names data that are not in it" in told_of(folder)
    (folder / "dataset_dict.json").write_text('{"splits": ["train", "../../elsewhere"]}')
    assert "names data that are not in it" in told_of(folder)
    (folder / "dataset_dict.json").write_text("[" * 100_000)
    assert "cannot be read" in told_of(folder)


def test_pairs_are_read_from_their_own_folder_alone(make, tmp_path: Path) -> None:
    folder = make()
    row = {"prompt": "p", "chosen": "c", "rejected": "r"}
    (tmp_path / "elsewhere.jsonl").write_text(json.dumps(row) + "\n")
    (folder / "train.jsonl").symlink_to(tmp_path / "elsewhere.jsonl")
    with pytest.raises(DataError, match="names data that are not in it"):
        open_preferences(folder)
    assert len(list(open_preferences(tmp_path / "elsewhere.jsonl"))) == 1


@pytest.mark.parametrize("line", ["[" * 100_000, '{"a":' * 100_000, '{"a": ' + "9" * 10_000 + "}"])
def test_a_line_that_no_reader_can_take_is_a_bad_row(tmp_path: Path, line: str) -> None:
    (tmp_path / "rows.jsonl").write_text(f"{line}\n{ROW}")
    first, second = read_rows(str(tmp_path / "rows.jsonl"))
    assert first.error is not None
    assert second.values["answer"] == "4"


def test_a_parquet_file_with_any_byte_changed_is_read_or_told_as_broken(tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    file = tmp_path / "rows.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"prompt": ["p"], "chosen": ["c"], "rejected": ["r"]}), file)
    whole = file.read_bytes()
    broken = 0
    for at in range(0, len(whole), 3):
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        for read in (lambda: read_rows(str(file)), lambda: open_preferences(file)):
            try:
                list(read())
            except DataError:
                broken += 1
    assert broken > len(whole) / 9


class Bad:
    """Makes a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (str(self.mark), "w")


RAY_READS = """
import sys
from pathlib import Path
import ray.data
from pipeline.errors import DataError
from pipeline.preferences import open_preferences
from pipeline.rows import read_rows
for read in (lambda path: list(read_rows(path)), open_preferences):
    try:
        read(sys.argv[1])
    except DataError as error:
        assert "pickled objects" in str(error), error
    else:
        raise AssertionError("was read")
"""


@pytest.mark.parametrize("nested", [False, True])
def test_pickled_cells_are_refused_where_ray_would_run_them(tmp_path: Path, nested: bool) -> None:
    pytest.importorskip("ray.data")
    import pyarrow as pa
    import pyarrow.parquet as pq

    mark, path = tmp_path / "made", tmp_path / "evil.parquet"
    kind = {b"ARROW:extension:name": b"ray.data.arrow_pickled_object", b"ARROW:extension:metadata": b""}
    cells = pa.array([pickle.dumps(Bad(mark))], pa.large_binary())
    field = pa.field("question", pa.large_binary(), metadata=kind)
    if nested:
        inner = pa.field("inner", pa.large_binary(), metadata=kind)
        cells, field = pa.StructArray.from_arrays([cells], fields=[inner]), pa.field("question", pa.struct([inner]))
    pq.write_table(pa.Table.from_arrays([cells], schema=pa.schema([field])), path)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    subprocess.run([sys.executable, "-c", RAY_READS, str(path)], env=environment, check=True)
    assert not mark.exists()


def test_a_link_out_of_a_runs_folder_is_named_and_weights_may_lie_elsewhere(tmp_path: Path) -> None:
    run, other = tmp_path / "run", tmp_path / "other"
    for folder in (run / "policy", run / "checkpoints", other):
        folder.mkdir(parents=True)
    (other / "attempts.jsonl").write_text(SECRET)
    (run / "inside.jsonl").symlink_to("policy")
    (run / "policy" / "model.safetensors").symlink_to(other / "attempts.jsonl")
    (run / "checkpoints" / "7").symlink_to(other)
    (tmp_path / "by-link").symlink_to(run)
    for folder in (run, tmp_path / "by-link"):
        refuse_links(folder)
    for name, target in (("attempts.jsonl", other / "attempts.jsonl"), ("dataset", other), ("policy/x.json", "../..")):
        (run / name).symlink_to(target)
        for folder in (run, tmp_path / "by-link"):
            with pytest.raises(DataError, match="put what it leads to in its place") as caught:
                refuse_links(folder)
            assert str(folder / name) in str(caught.value)
        (run / name).unlink()
    (run / "loop.json").symlink_to("loop.json")
    refuse_links(run)


def test_a_run_whose_data_set_is_a_link_elsewhere_is_read_by_nobody(tmp_path: Path) -> None:
    elsewhere = tmp_path / "private" / "dataset"
    elsewhere.mkdir(parents=True)
    (elsewhere / "pairs.jsonl").write_text('{"prompt": "q", "chosen": "a", "rejected": "b"}\n')
    assert len(list(open_preferences(tmp_path / "private"))) == 1
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "dataset").symlink_to(elsewhere)
    with pytest.raises(DataError, match="is a link out of"):
        open_preferences(tmp_path / "run")
