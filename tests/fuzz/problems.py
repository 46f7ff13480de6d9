"""Files of problems -> problems that can be journalled, or DataError naming the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from pipeline.errors import DataError
from pipeline.problems import ProblemSettings, ProblemSource
from pipeline.settings import load_component
from pipeline.types import content_id
from tests.fuzz.tables import GOLD, files, write
from tests.fuzz.target import Target, keep
from tests.fuzz.texts import mostly

COLUMNS = ("question", "answer", "id", "solution", "level", "choices")
OPTIONS = {
    "on_bad_row": st.sampled_from(("error", "skip", "skip")),
    "answer": st.sampled_from(("answer", "answer", "solution", None, "x.y", "choices.0")),
    "rationale": st.sampled_from((None, "solution")),
    "system": st.sampled_from((None, None, "level")),
    "id": st.sampled_from((None, None, "id")),
    "extras": st.sampled_from(((), ("level",), ("choices", "level", "x.y"))),
    "limit": st.sampled_from((None, None, 1)),
    "answer_pattern": st.sampled_from((None, None, "#### (.+)", "(.*)", "()", "(7)|x")),
}
CHECKERS = ("numeric", "math", "exact", "choice", "code")
INPUTS = st.fixed_dictionaries(
    {
        "file": files(COLUMNS, answer=GOLD),
        "settings": st.fixed_dictionaries({}, optional=OPTIONS),
        "checker": st.sampled_from(CHECKERS),
        "held": mostly(st.none(), files(("question",))),
    }
)


def run(given: Any, folder: Path) -> str:
    path = write(given["file"], folder, "problems")
    settings = given["settings"]
    if settings.get("answer", "") is None:
        settings = {**settings, "answer_pattern": None}
    if given["held"] is not None:
        settings = {**settings, "decontaminate": {"files": [str(write(given["held"], folder, "held"))], "n": 3}}
    columns = ProblemSettings.model_validate({"path": str(path), **settings})
    columns.check()
    checker = load_component("checkers", given["checker"]).Settings().create()
    try:
        source = ProblemSource(columns, checker)
    except DataError as error:
        keep(error.file.startswith(str(folder)), f"the error names {error.file!r}, not the file")
        raise
    problems = list(source)
    keep(len(problems) == len(source) > 0, f"{len(problems)} problems, {len(source)} are told")
    for problem in problems:
        again = type(problem).model_validate_json(problem.model_dump_json())
        keep(again == problem or _odd(problem), "written down and read again, it is another problem")
        content_id(problem.model_dump())
    keep(len({problem.id for problem in problems}) == len(problems), "an id stands there twice")
    keep(problems == list(source) or any(map(_odd, problems)), "read again, the problems are others")
    report = source.report
    keep(report.rows >= len(problems) + len(report.bad_rows) + report.duplicates, "rows are counted twice")
    return f"read, {len(report.bad_rows)} bad, {report.duplicates} twice, {len(report.conflicting)} in conflict"


def _odd(problem: Any) -> bool:
    """Whether it holds NaN, which equals nothing, or a number that JSON has not."""
    return any(isinstance(value, float) and not abs(value) < float("inf") for value in problem.extras.values())


TARGET = Target("problems", INPUTS, run, weight=2)
