"""Lines come in any order and end up in the order of their numbers."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from pipeline.ordered import OrderedLines

LINES = st.lists(st.lists(st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), max_size=8)))


@given(st.data(), LINES)
def test_any_order_gives_the_same_file(tmp_path_factory, data: st.DataObject, lines: list[list[str]]) -> None:
    path = tmp_path_factory.mktemp("ordered") / "lines.jsonl"
    with OrderedLines(path) as ordered:
        for number in data.draw(st.permutations(range(len(lines)))):
            ordered.add(number, lines[number])
        assert not ordered._places, "everything is where it belongs once all numbers are there"
        ordered.write()
    assert path.read_bytes().decode() == "".join(f"{line}\n" for part in lines for line in part)
    assert [one.name for one in path.parent.iterdir()] == ["lines.jsonl"]


def test_without_write_nothing_is_left_behind(tmp_path: Path) -> None:
    (tmp_path / "lines.jsonl").write_text("before\n")
    with OrderedLines(tmp_path / "lines.jsonl") as ordered:
        ordered.add(0, ["new"])
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("lines.jsonl", "before\n")]


def test_what_waits_for_a_number_that_never_comes_is_written_all_the_same(tmp_path: Path) -> None:
    with OrderedLines(tmp_path / "lines.jsonl") as ordered:
        for number in (7, 0, 3):
            ordered.add(number, [str(number)])
        ordered.write()
    assert (tmp_path / "lines.jsonl").read_text() == "0\n3\n7\n"
