"""Values by key, on disk."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.spill import Spill

keys = st.lists(st.text(max_size=3) | st.integers(), max_size=2)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(keys, st.text(max_size=5))))
def test_groups_come_in_the_order_of_their_first_value(tmp_path: Path, entries: list[tuple[list[object], str]]) -> None:
    wanted: dict[str, list[str]] = {}
    with Spill(tmp_path / "s.sqlite") as spill:
        for key, value in entries:
            spill.add(key, value)
            wanted.setdefault(str(key), []).append(value)
        found = [(str(key), list(values)) for key, values in spill.groups()]
    assert found == list(wanted.items())
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_said_as_such(tmp_path: Path) -> None:
    with Spill(tmp_path / "s.sqlite") as spill:
        spill._run("PRAGMA max_page_count = 10")
        with pytest.raises(OSError, match="No space left") as caught:
            spill.add("key", "x" * 100_000)
    assert caught.value.errno == errno.ENOSPC


def test_hostile_texts_come_back_as_they_were(tmp_path: Path) -> None:
    texts = ["\0 '\"; DROP TABLE entries; --", "😀" * 30_000, "\\u0000\n\r\u2028", ""]
    with Spill(tmp_path / "s.sqlite") as spill:
        for text in texts:
            spill.add(text, text)
        assert [(key, list(values)) for key, values in spill.groups()] == [(text, [text]) for text in texts]
