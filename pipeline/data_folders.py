"""Folders of data that somebody else made: what they name must lie in them.

The card of a folder may name any file of this machine, or an address, as its data, and a link may lead to one. Read as
rows, it would be sent to whoever is asked.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from pipeline.errors import DataError

ADVICE = "give the file itself, if it is meant"
SHOWN = (".json", ".jsonl", ".parquet", ".yaml")
"""Files of a run that end in one of these are read."""


def load_folder(folder: Path, subset: str | None, split: str) -> Any:
    """The rows of a folder through `datasets`. Raises DataError for one whose files lie elsewhere, or that has code.

    Any other error is that of `datasets`.
    """
    import datasets

    if is_saved(folder):
        check_saved(folder)
        loaded = datasets.load_from_disk(str(folder))
        return loaded[split] if isinstance(loaded, datasets.DatasetDict) else loaded
    builder = datasets.load_dataset_builder(str(folder), subset)  # reads the card, and no data
    for files in (builder.config.data_files or {}).values():
        for file in files:
            refuse_outside(folder, str(file))
    return datasets.load_dataset(str(folder), subset, split=split)


def is_saved(folder: Path) -> bool:
    """Whether `save_to_disk` wrote it."""
    of_one = (folder / "state.json").is_file() and (folder / "dataset_info.json").is_file()
    return of_one or (folder / "dataset_dict.json").is_file()


def check_saved(folder: Path) -> None:
    """Raises DataError where a folder of `save_to_disk` names a file or a split that lies elsewhere."""
    whole = folder / "dataset_dict.json"
    for part in [folder / str(split) for split in read_list(whole, "splits")] if whole.is_file() else [folder]:
        refuse_outside(folder, str(part))
        for file in read_list(part / "state.json", "_data_files"):
            refuse_outside(folder, str(part / str(file.get("filename") if isinstance(file, dict) else file)))


def refuse_outside(folder: Path, file: str) -> None:
    """Raises DataError for a file that lies outside the folder, links followed, or that is an address."""
    if "://" in file:
        raise DataError(folder, f"names data that are not in it: {file}; download them, and give the file")
    if not is_inside(folder, Path(file)):
        raise DataError(folder, f"names data that are not in it: {file} is {os.path.realpath(file)}; {ADVICE}")


def refuse_links(folder: Path) -> None:
    """Raises DataError where a link to a folder, or to a file that is read, leads out of the folder of a run.

    The folder may be a link itself. Weights and checkpoints may lie elsewhere: nobody is shown them.
    """
    for root, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name != "checkpoints"]
        for name in (*folders, *(file for file in files if Path(file).suffix in SHOWN)):
            link = Path(root, name)
            if link.is_symlink() and not is_inside(folder, link):
                told = f"is a link out of {folder}, to {os.path.realpath(link)}"
                raise DataError(link, f"{told}; put what it leads to in its place, if it is meant")


def is_inside(folder: Path, file: Path) -> bool:
    """Whether a file lies in a folder, links followed. The hub's cache keeps the files of its snapshots beside them."""
    real, target = Path(os.path.realpath(folder)), Path(os.path.realpath(file))  # a link to itself is none
    kept = [real.parent.parent / "blobs"] if real.parent.name == "snapshots" else []
    return any(target.is_relative_to(root) for root in (real, *kept))


def read_list(file: Path, key: str) -> list[Any]:
    """A list in a JSON file. Raises DataError where there is none."""
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(file, f"cannot be read: {error}") from error
    found = told.get(key) if isinstance(told, dict) else None
    if not isinstance(found, list):
        raise DataError(file, f"has no list {key!r}")
    return found
