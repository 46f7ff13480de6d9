"""Files of rows with hostile cells: JSONL, CSV, JSON (packed, too) and Parquet, whole or edited."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from tests.fuzz.edits import apply, edits
from tests.fuzz.texts import FRAGMENTS, KINDS, SOLUTIONS, expand, json_texts, mostly, to_bytes

ENDINGS = (*[".jsonl"] * 4, *[".csv"] * 3, ".ndjson", ".JSONL", ".txt", "", *[".parquet"] * 3, *[".jsonl"] * 4)
TYPES = (
    *("string", "large_string", "binary", "int64", "float64", "bool", "decimal128", "timestamp", "date32", "duration"),
    *("list", "struct", "map", "dictionary", "null", "string"),
)
"""Types of Parquet's columns."""


Cells = st.SearchStrategy[Any]
ODD = [*FRAGMENTS, *KINDS["halves"] * 15, *KINDS["space"] * 2]
SPOILT = [json.dumps(text) for part in ODD for text in (part, f"What is 3 + 4?{part}")]
PLAIN = [json.dumps(text) for text in SOLUTIONS] + ["3", "7"]
SOUND = mostly(st.sampled_from(PLAIN), st.sampled_from(SPOILT), of=4)
GOLD = st.sampled_from(['"7"', *[json.dumps(gold) for gold in KINDS["golds"]], "7", '"7 apples"', "7", "8"])


def files(columns: Sequence[str], endings: Sequence[str] = ENDINGS, **cells: Cells) -> Cells:
    """Files of sound rows, and what breaks them; `cells`: what stands in a column, by default any text.

    `breaks` puts something else into a cell (row, column, JSON text; None takes the cell out), `edits` changes bytes,
    `again` lets every key of a row stand there twice, `type` is that of a column of Parquet.
    """
    row = st.fixed_dictionaries({**dict.fromkeys(columns, SOUND), **cells}).map(lambda made: [*map(list, made.items())])
    rows = st.lists(row, min_size=1, max_size=3)
    named = st.sampled_from((*columns, *columns, "x.y", ""))
    breaks = st.lists(st.tuples(st.integers(0, 3), named, json_texts() | st.none()).map(list), min_size=1, max_size=2)
    return st.fixed_dictionaries(
        {
            "ending": st.sampled_from(endings),
            "rows": mostly(rows, st.just([]), of=20),
            "breaks": st.one_of(st.just([]), breaks),
            "type": st.tuples(st.sampled_from(TYPES), st.integers(0, 5)).map(list),
            "again": st.sampled_from((0, 0, 1, 0, 0, 0)),
            "edits": mostly(st.just([]), edits(most=2), of=10),
        }
    )


def broken(given: Any) -> list[list[tuple[str, str]]]:
    """The rows with all breaks, as JSON texts."""
    made = [{key: expand(value) for key, value in row} for row in given["rows"]]
    for number, column, value in given["breaks"] if made else ():
        row = made[number % len(made)]
        row.pop(column, None)
        if value is not None:
            row[column] = expand(value)
    return [list(row.items()) * (1 + given["again"]) for row in made]


def write(given: Any, folder: Path, name: str = "rows") -> Path:
    """Write the file."""
    ending = given["ending"]
    made = broken(given)
    if ending.lower() == ".csv":
        content = _csv(made)
    elif ending == ".parquet":
        content = _parquet(made, *given["type"])
    else:
        lines = ["{" + ", ".join(f"{json.dumps(key)}: {value}" for key, value in row) + "}" for row in made]
        text = (
            "[" + ",".join(lines) + "]"
            if ".json" in ending and "jsonl" not in ending.lower()
            else "\n".join(lines) + "\n"
        )
        content = to_bytes(text)
    content = apply(content, given["edits"])
    if ending.endswith(".gz"):
        content = gzip.compress(content, mtime=0)
    path = folder / f"{name}{ending}"
    path.write_bytes(content)
    return path


def _cell(value: str) -> object:
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _csv(made: Any) -> bytes:
    out = io.StringIO()
    names = list(dict.fromkeys(key for row in made for key, _ in row))
    writer = csv.writer(out)
    writer.writerow(names)
    for row in made:
        cells = {key: _cell(value) for key, value in row}
        writer.writerow([_plain(cells.get(name, "")) for name in names])
    return to_bytes(out.getvalue())


def _plain(value: object) -> str:
    try:
        return str(value)
    except ValueError:  # thousands of digits
        return "9" * 5000


def _parquet(made: Any, name: str, place: int) -> bytes:
    """A table in which one column has the named type; the others are texts."""
    import pyarrow
    import pyarrow.parquet

    names = list(dict.fromkeys(key for row in made for key, _ in row))
    columns: dict[str, Any] = {}
    for number, column in enumerate(names):
        values = [_plain(dict(row).get(column, "null")).encode("utf-8", "replace").decode() for row in made]
        columns[column] = _typed(values, name) if number == place % len(names) else pyarrow.array(values)
    out = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(columns or {"question": pyarrow.array(["q"])}), out)
    return out.getvalue()


def _typed(values: list[str], name: str) -> Any:
    import pyarrow as pa

    n = range(len(values))
    texts, numbers = pa.array(values), pa.array(list(n))
    match name:
        case "large_string" | "binary":
            return texts.cast(name)
        case "int64" | "float64" | "bool":
            return numbers.cast(name)
        case "decimal128":
            return numbers.cast(pa.decimal128(38, 10))
        case "timestamp":
            return pa.array([(-1) ** i * 2**62 for i in n], pa.timestamp("ns", tz="UTC"))
        case "date32":
            return pa.array([i * 10**6 for i in n], pa.int32()).cast(pa.date32())
        case "duration":
            return pa.array([2**62 for _ in n], pa.duration("s"))
        case "list":
            return pa.array([[value, None] for value in values], pa.list_(pa.string()))
        case "struct":
            return pa.array(
                [{"a": value, "b": None} for value in values], pa.struct({"a": pa.string(), "b": pa.int8()})
            )
        case "map":
            return pa.array([[(value, value)] for value in values], pa.map_(pa.string(), pa.string()))
        case "dictionary":
            return texts.dictionary_encode()
        case "null":
            return pa.nulls(len(values))
        case _:
            return texts
