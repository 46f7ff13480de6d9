"""The search itself: what it calls a finding, and what it keeps."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from pipeline.errors import DataError
from tests.fuzz.edits import apply
from tests.fuzz.growth import grow
from tests.fuzz.search import Ended, Search
from tests.fuzz.target import Broken, Target, keep, try_input
from tests.fuzz.texts import expand, to_bytes


def run(given: Any, folder: Path) -> str:
    if given == 0:
        raise DataError(folder / "file", "is '0'", line=7)
    if given == 1:
        raise KeyError("1")
    keep(given != 2, "no number is 2")
    return "a number"


NUMBERS = Target("numbers", st.integers(0, 3), run)


def test_our_own_errors_are_answers_and_all_others_are_findings() -> None:
    assert try_input(NUMBERS, 0) == "DataError: /file:0: is …"
    assert try_input(NUMBERS, 3) == "a number"
    with pytest.raises(KeyError):
        try_input(NUMBERS, 1)
    with pytest.raises(Broken, match="no number is 2"):
        try_input(NUMBERS, 2)


def test_a_search_keeps_what_it_finds_and_the_shortest_input_of_each_outcome(tmp_path: Path) -> None:
    search = Search(NUMBERS, 600, tmp_path)
    tried = search.try_one

    def end_once_all_are_there(value: Any) -> None:
        tried(value)
        if len(search.outcomes) == 4:
            raise Ended

    search.try_one = end_once_all_are_there  # type: ignore[method-assign]
    with pytest.raises(Ended):
        search.run(0)
    search.tell()
    found = [json.loads(line) for line in (tmp_path / "found.jsonl").read_text().splitlines()]
    assert {one["input"] for one in found} == {1, 2}
    assert any("KeyError" in one["trace"] for one in found)
    shortest = json.loads((tmp_path / "shortest.json").read_text())
    assert (shortest["a number"], shortest["DataError: /file:0: is …"]) == ("3", "0")
    assert sum(json.loads((tmp_path / "counts.json").read_text())["outcomes"].values()) == search.outcomes.total()


def test_a_pattern_that_tries_every_beginning_with_every_end_is_noticed() -> None:
    texts = ["a" * size for size in (1_000, 4_000, 16_000)]
    assert grow("once", re.compile("ab").search, texts, small=0.0) >= 0
    with pytest.raises(Broken, match=r"often: .* times a quarter of them"):
        grow("often", re.compile("a+b").search, texts, small=0.0)


def test_a_text_that_is_written_down_briefly_is_what_is_meant() -> None:
    assert expand(["a", {"of": ["b", "c"], "times": 2}, []]) == "abcbc"
    assert to_bytes("é\udcff\ud800") == b"\xc3\xa9\xff\xed\xa0\x80"


@pytest.mark.parametrize(
    ("edit", "content"),
    [
        (["cut", 3], b"a\nb"),
        (["flip", 0, 1], b"c\nb\nc\n"),
        (["insert", 2, "\udcff"], b"a\n\xffb\nc\n"),
        (["remove", 1, 2], b"a\nc\n"),
        (["zero", 0, 2], b"\x00\x00b\nc\n"),
        (["again", 1], b"a\nb\nb\nc\n"),
        (["swap", 0, 2], b"c\nb\na\n"),
        (["lose", 1], b"a\nc\n"),
    ],
)
def test_an_edit_does_what_its_name_says(edit: list[Any], content: bytes) -> None:
    assert apply(b"a\nb\nc\n", [edit]) == content
    assert apply(b"", [edit]) in (b"", b"\xff")


def test_the_benchmark_notices_a_hang_and_a_death(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    import fuzz

    def watch(code: str, seconds: float) -> fuzz.Watch:
        monkeypatch.setattr(fuzz, "make_command", lambda *_: ["python3", "-c", code])
        made = fuzz.Watch("numbers", tmp_path / str(len(list(tmp_path.iterdir()))))
        made.search(seconds)
        return made

    monkeypatch.setattr(fuzz, "STUCK", 0.5)
    assert {one["told"] for one in watch("import time; time.sleep(600)", 1.0).found} == {"a hang"}
    died = watch(f"import os; os.kill(os.getpid(), {int(signal.SIGKILL)})", 0.7).found
    assert {one["told"] for one in died} == {f"the process ended with status {-int(signal.SIGKILL)}"}
