"""What is shown while a command works."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from errata import live
from pipeline.meter import Meter
from pipeline.tally import Tally
from pipeline.types import Usage


def draw(bars: live.Bars) -> str:
    console = Console(width=140, record=True, file=io.StringIO())
    console.print(bars._draw())
    return console.export_text()


def test_counts_and_engines_are_drawn_as_they_stand() -> None:
    tally, meter = Tally(), Meter(requests=7, retries=2, in_flight=3, limit=64, answered=4, seconds=1.0)
    bars = live.Bars()
    bars("problems", 1, 4)
    bars.watch(tally, {"student": meter, "big": Meter()})
    tally.verdicts.update(correct=3, wrong=5)
    tally.kept = 2
    meter.count(Usage(prompt_tokens=10, completion_tokens=1000), 0.25)
    shown = draw(bars)
    assert "problems" in shown
    assert "1/4" in shown
    assert "attempts 8 (correct 3 · wrong 5)" in shown
    assert "2 kept" in shown
    row = next(line for line in shown.splitlines() if line.startswith("student"))
    assert [
        word for word in ("3/64", "7", "2", "0.25 s", "0.2500") if word not in row.split() and word not in row
    ] == []


def test_the_rate_is_that_of_the_last_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("errata.live.time.monotonic", lambda: now[0])
    rate = live.Rate()
    for second in range(1, 31):
        now[0] = 100.0 + second
        count = 50 * second if second <= 10 else 500 + 7 * (second - 10)
        latest = rate.of(count)
    assert latest == pytest.approx(7.0)


def test_without_a_terminal_a_line_is_printed_from_time_to_time(monkeypatch, capsys) -> None:
    monkeypatch.setattr(live, "PLAIN_EVERY", 0.0)
    monkeypatch.setattr(live, "err", Console(stderr=True, force_terminal=False))
    with live.Bars() as bars:
        bars.watch(Tally(), {})
        bars("problems", 3, 4)
    assert "problems 3/4; attempts 0 (none yet)" in capsys.readouterr().err
