"""Preference data in the form of `datasets`: what `save_to_disk` wrote, and data sets of the hub."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.data_folders import check_saved
from pipeline.errors import DataError
from pipeline.preference_files import ROWS_AT_ONCE, Table, for_others, in_order, is_file_name, split_of
from pipeline.rows import Row

PART = r"[A-Za-z0-9][\w.-]{0,95}"
ID = re.compile(rf"(?P<name>{PART}/{PART})(?::(?P<config>[^:@]+))?(?:@(?P<revision>[^:@]+))?")


class HubId(NamedTuple):
    """A data set of the hub: ORG/NAME, ORG/NAME:CONFIG, ORG/NAME@REVISION or ORG/NAME:CONFIG@REVISION."""

    name: str
    config: str | None
    revision: str | None


def read_id(source: str) -> HubId | None:
    """What a source names on the hub; None for what is a path: it ends like a file, or a folder ORG stands here.

    A configuration or a revision tells an id from a path in any case.
    """
    found = ID.fullmatch(source)
    if found is None:
        return None
    id = HubId(*found.group("name", "config", "revision"))
    is_path = is_file_name(source) or Path(source).parent.is_dir()
    return None if id.config is None and id.revision is None and is_path else id


def open_saved(folder: Path) -> tuple[list[Table], tuple[str, ...]]:
    """The tables of a folder that `save_to_disk` wrote, and the splits left out. Raises DataError for a broken one."""
    import datasets

    check_saved(folder)
    try:
        loaded = datasets.load_from_disk(str(folder))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(folder, f"is no whole data set of `save_to_disk`: {_first_line(error)}") from error
    splits = loaded if isinstance(loaded, datasets.DatasetDict) else {split_of(str(loaded.split)): loaded}
    return _tables(str(folder), splits)


def open_hub(source: str, id: HubId) -> tuple[list[Table], tuple[str, ...]]:
    """The tables of a data set of the hub, loaded into `datasets`' cache, and the names of the splits left out.

    Raises DataError, naming the fix, where it is not there, not to be had, or cannot be reached.
    """
    import datasets
    from huggingface_hub.errors import HTTPError

    try:
        loaded = datasets.load_dataset(id.name, id.config, revision=id.revision)
    except datasets.exceptions.DatasetNotFoundError as error:
        raise DataError(source, _absent(error, id)) from error
    except (datasets.exceptions.DatasetsError, HTTPError, OSError, ValueError, RuntimeError) as error:
        raise DataError(source, _unloadable(error, id)) from error
    return _tables(source, loaded)


def _absent(error: Exception, id: HubId) -> str:
    told = _first_line(error)
    if "gated" in told:
        page = f"https://huggingface.co/datasets/{id.name}"
        return f"{told} Accept its terms at {page}, then log in with `hf auth login` or set HF_TOKEN"
    if "Revision" in told:
        return f"{told} Name a branch, tag or commit that it has: {id.name}@REVISION"
    return f"there is no such file or folder, and: {told} If it is private, log in with `hf auth login` or set HF_TOKEN"


def _unloadable(error: Exception, id: HubId) -> str:
    told = " ".join(str(error).split())
    if "BuilderConfig" in told or "Config name is missing" in told:
        return f"{told.partition(' Example of usage')[0]}; name one: {id.name}:CONFIG"
    from huggingface_hub.errors import HTTPError

    if isinstance(error, ConnectionError | HTTPError) or "LocalEntryNotFoundError" in told:  # as `datasets` words it
        copy = f"hf download --repo-type dataset --local-dir DIR {id.name}"
        fix = f"connect (is HF_HUB_OFFLINE set?), or give the folder of a copy, made with `{copy}`"
        return f"there is no such file or folder, and the hub cannot be reached ({_first_line(error)}); {fix}"
    return f"the hub's data set cannot be loaded: {_first_line(error)}; download its files and give their folder"


def _tables(name: str, splits: Mapping[str, Any]) -> tuple[list[Table], tuple[str, ...]]:
    left_out = for_others(list(splits))
    tables = []
    for split, rows in splits.items():
        if split not in left_out:
            place = f"{name}[{split}]"
            read = partial(_read, place, rows)
            tables.append(Table(split_of(split), place, tuple(rows.column_names), rows.num_rows, read))
    return sorted(tables, key=in_order), left_out


def _read(place: str, rows: Any, columns: Sequence[str]) -> Iterator[Row]:
    here = [column for column in columns if column in rows.column_names]
    number = 0
    for batch in rows.select_columns(here).with_format(None).iter(batch_size=ROWS_AT_ONCE):
        for values in zip(*batch.values(), strict=True):
            number += 1
            yield Row(place, number, dict(zip(batch, values, strict=True)))


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
