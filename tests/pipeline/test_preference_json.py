"""Arrays and sequences of objects are read whatever the window cuts through, and refused with the row's number."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import DataError
from pipeline.preference_json import read_json

leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12)
values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3))
rows = st.lists(st.dictionaries(st.sampled_from(["prompt", "chosen", "é"]), values, max_size=3), max_size=4)


@settings(max_examples=60)
@given(rows, st.integers(1, 40), st.sampled_from([None, 1]), st.booleans(), st.booleans())
def test_any_rows_are_read_through_any_window(
    tmp_path_factory: Any, rows: Any, block: int, indent: Any, array: bool, ascii: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "rows.json"
    rows = [{"id": "x", **row} for row in rows]
    if array:
        text = json.dumps(rows, indent=indent, ensure_ascii=ascii)
    else:
        text = "\n".join(json.dumps(row, indent=indent, ensure_ascii=ascii) for row in rows)
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    if not array and rows and any(_holds_objects(value) for value in rows[0].values()):
        return
    found = list(read_json(path, block=block))
    assert [(row.line, row.values) for row in found] == list(enumerate(rows, 1))


def _holds_objects(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[{"a": 1} {"a": 2}]', ":2: malformed JSON: a comma is missing at character 11"),
        ('[{"a": 1}, {"a" 2}]', ":2: malformed JSON: Expecting ':' delimiter at character 17"),
        ('[{"a": 1}, ]', ":2: malformed JSON: Expecting value"),
        ('[{"a": 1}', ":2: malformed JSON: the array does not end"),
        ('[{"a": "1', ":1: malformed JSON: Unterminated string"),
        ('[{"a": 1}] {}', ":2: malformed JSON: there is something behind the array"),
        ('[{"a": 1}, 2]', ":2: a row must be a JSON object, not int"),
        ("2", ":1: a row must be a JSON object, not int"),
        ("prompt", ":1: malformed JSON: Expecting value at character 1"),
        ("[{" + '"a":{' * 200_000, ":1: malformed JSON: nested too deeply"),
        ('[{"a": ' + "1" * 5000 + "}]", ":1: malformed JSON: Exceeds the limit"),
        (
            '{"version": 1, "data": [{"prompt": "p"}]}',
            "is an object whose 'data' holds the rows; save that array alone",
        ),
    ],
)
@pytest.mark.parametrize("block", [1, 1 << 18])
def test_what_is_malformed_is_named_with_its_row(tmp_path: Path, text: str, told: str, block: int) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(DataError) as raised:
        list(read_json(tmp_path / "a.json", block=block))
    assert str(raised.value).startswith(str(tmp_path / "a.json") + (told if told[0] == ":" else f": {told}"))


def test_packed_files_are_read_and_torn_ones_refused(tmp_path: Path) -> None:
    packed = gzip.compress('\ufeff[{"a": "é"}]'.encode())
    (tmp_path / "a.json.gz").write_bytes(packed)
    assert [row.values for row in read_json(tmp_path / "a.json.gz")] == [{"a": "é"}]
    for torn in (packed[:-9], b"no", packed[:-5] + b"crc??"):
        (tmp_path / "b.json.gz").write_bytes(torn)
        with pytest.raises(DataError, match="is not a whole gzip file"):
            list(read_json(tmp_path / "b.json.gz"))
    (tmp_path / "c.json").write_bytes(b'[{"a": "\xff"}]')
    with pytest.raises(DataError, match="is not UTF-8 text"):
        list(read_json(tmp_path / "c.json"))


def test_a_wrong_sign_in_a_long_file_is_found_without_reading_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('[{"a": nothing}, ' + '{"a": 1}, ' * 200_000)
    with path.open() as file:
        from pipeline.preference_json import _rows, _Scanner

        with pytest.raises(DataError, match=":1: malformed JSON: Expecting value at character 8"):
            next(_rows(_Scanner(file, path, 1000), path))
        assert len(file.read()) > 1_990_000


def test_long_rows_take_time_in_proportion(tmp_path: Path) -> None:
    row = {"prompt": '\\"' * 2_000_000, "chosen": [{"role": "user", "content": "{" * 1_000_000}]}
    (tmp_path / "a.json").write_text(json.dumps([row, row]))
    assert [found.values for found in read_json(tmp_path / "a.json", block=1000)] == [row, row]
