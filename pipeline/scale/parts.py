"""The problems of a run, cut into parts that workers take: consecutive, and at multiples of the student's groups.

A part is a row group of one Parquet file, so that it is read by itself, and is the same whoever reads it again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pipeline.bounded import cut_groups
from pipeline.errors import ConfigError
from pipeline.types import Problem

MOST = 5_000
"""Parts of a run at most: each costs the driver about a millisecond before the first is begun."""
A_WORKER = 4
"""Parts that each worker gets at least, where there are problems enough, so that all end at nearly the same time."""
Numbered = tuple[int, Problem]


def part_size(problems: int, wanted: int, workers: int, group_size: int) -> int:
    """Problems of a part: a multiple of `group_size`."""
    least = -(-problems // MOST)
    size = max(least, min(wanted, -(-problems // (workers * A_WORKER))), 1)
    return -(-size // group_size) * group_size


def write_parts(path: Path, problems: Iterable[Problem], size: int) -> list[int]:
    """Write the problems; returns how many each part has."""
    import pyarrow
    import pyarrow.parquet

    path.parent.mkdir(parents=True, exist_ok=True)
    sizes = []
    with pyarrow.parquet.ParquetWriter(path, pyarrow.schema([("problem", pyarrow.string())])) as writer:
        for part in cut_groups(problems, size):
            table = pyarrow.table({"problem": [json.dumps(problem.model_dump(mode="json")) for problem in part]})
            writer.write_table(table, row_group_size=size)
            sizes.append(len(part))
    return sizes


class Parts:
    """The parts that the driver has written. Close them."""

    def __init__(self, path: Path, size: int) -> None:
        import pyarrow.parquet

        if not path.is_file():
            raise ConfigError(f"there is no {path}: runs_dir must lie on storage that all nodes share")
        self.size = size
        self._file: Any = pyarrow.parquet.ParquetFile(path)

    def __len__(self) -> int:
        return int(self._file.num_row_groups)

    def read(self, part: int) -> list[Numbered]:
        """The problems of a part, with their numbers in the run."""
        rows = self._file.read_row_group(part).column("problem").to_pylist()
        return [(part * self.size + at, Problem.model_validate(json.loads(row))) for at, row in enumerate(rows)]

    def __iter__(self) -> Iterator[Numbered]:
        for part in range(len(self)):
            yield from self.read(part)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
