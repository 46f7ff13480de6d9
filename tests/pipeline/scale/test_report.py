"""What a worker tells arrives as it was."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ConfigError, DataError, EngineUnusable, FolderInUse, StoppedEarly, UsageError
from pipeline.meter import Meter
from pipeline.opinions import SecondOpinions
from pipeline.placed import Placed
from pipeline.scale.report import Report, Trouble, WorkerFailed, hear_meters, tell_meters
from pipeline.tally import Outcome, Tally

NAMES = st.text(max_size=8)
COUNTS = st.dictionaries(NAMES, st.integers(0, 9), max_size=3).map(Counter)
VERDICTS = st.sampled_from(["correct", "wrong", "unknown"])
LINES = st.lists(NAMES, max_size=3)


@st.composite
def opinions(draw: Any) -> SecondOpinions:
    made = SecondOpinions()
    for key in draw(st.lists(st.tuples(VERDICTS, st.none() | VERDICTS, VERDICTS), max_size=4)):
        made.counts[key] += 1
    return made


TALLIES = st.builds(
    Tally,
    **dict.fromkeys(("verdicts", "tries", "corrections", "objections", "views", "dropped"), COUNTS),
    **{name: st.integers(0, 9) for name in ("truncated", "mistakes", "repaired", "kept", "confirming", "control")},
    opinions=opinions(),
    seconds=st.dictionaries(NAMES, st.floats(0, 9), max_size=2),
    first_failure=st.none() | NAMES,
    failing=NAMES,
)
PLACED = st.builds(
    Placed, offsets=st.lists(st.integers(0), max_size=3).map(tuple), pass_rate=st.floats(0, 1), topic=st.none() | NAMES
)
OUTCOMES = st.builds(
    Outcome,
    number=st.integers(0),
    tally=TALLIES,
    placed=st.none() | PLACED,
    control=LINES,
    unknown=LINES,
    objections=LINES,
)


def plain(outcome: Outcome) -> dict[str, Any]:
    """An outcome as values that can be compared."""
    tally = {**vars(outcome.tally), "opinions": outcome.tally.opinions.counts}
    return {**vars(outcome), "tally": tally}


@given(st.builds(Report, part=st.integers(0), shard=NAMES, outcomes=st.lists(OUTCOMES, max_size=3)))
def test_a_report_arrives_as_it_was_told(report: Report) -> None:
    heard = Report.from_json(report.to_json())
    assert (heard.part, heard.shard, heard.trouble) == (report.part, report.shard, None)
    assert list(map(plain, heard.outcomes)) == list(map(plain, report.outcomes))
    assert all(type(count) is Counter for outcome in heard.outcomes for count in (outcome.tally.verdicts,))


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (StoppedEarly("budget"), StoppedEarly),
        (ConfigError("key"), ConfigError),
        (EngineUnusable("no"), EngineUnusable),
        (DataError("file", "bad", line=3), UsageError),
        (FolderInUse("busy"), UsageError),
        (KeyError("x"), WorkerFailed),
    ],
)
def test_an_error_is_raised_where_it_is_heard_of(error: Exception, raised: type[Exception]) -> None:
    report = Report.from_json(Report(3, "w", trouble=Trouble.of(error, "node7")).to_json())
    assert report.trouble is not None
    assert type(report.trouble.error) is raised
    assert str(error) in str(report.trouble.error)
    assert ("node7" in str(report.trouble.error)) == (raised is not StoppedEarly)
    if raised is WorkerFailed:
        assert "KeyError" in str(report.trouble.error)


def test_meters_arrive_and_add_up() -> None:
    meter = Meter(requests=3, in_flight=1, errors=Counter(timeout=2), cost=0.5)
    total = Meter()
    for heard in (hear_meters(tell_meters({"student": meter}))["student"], meter):
        assert heard == meter
        total.add(heard)
    assert total == Meter(requests=6, in_flight=2, errors=Counter(timeout=4), cost=1.0)
