"""Looks at data: which columns hold question, gold answer, worked solution, id, options and tests."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.errors import DataError
from pipeline.languages import count_scripts
from pipeline.problems import ProblemSettings
from pipeline.rows import Row, column, read_rows

LOOKED_AT = 2000
"""Rows that are read for a guess."""
MOST = 0.95
"""Share of the rows that must agree with a guess."""
NAMES = {
    "question": "question problem prompt query instruction input text question_text stem 问题 题目 question_content",
    "answer": "answer gold gold_answer final_answer ground_truth expected_answer target label correct_answer answerkey "
    "correct output 答案 reference_answer solution response",
    "rationale": "solution rationale explanation worked_solution reasoning cot chain_of_thought generated_solution "
    "analysis answer ground_truth 解析 解答",
    "id": "id task_id unique_id problem_id question_id qid uid uuid idx index",
    "options": "choices options choices.text options.text choice",
    "tests": "tests test_list test unit_tests test_cases",
    "code": "code canonical_solution solution reference_solution answer",
}
"""Usual names of columns, in lower case, the likeliest first."""
PATTERNS = (
    r"#### (.+)",
    r"^A: (.+)$",
    r"\\boxed\{((?:[^{}]|\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\})*)\}",
    r"<answer>\s*(.+?)\s*</answer>",
    r"[Aa]nswer(?: is)?:? *(.+?)\.?$",
    r"答案(?:是|为)?[:：]? *(.+?)[。.]?$",
)
"""Where gold answers stand in longer texts; the first that fits is taken."""
TAIL = 20_000
"""Characters of a text's end in which a pattern is tried."""
NOTES = re.compile(r"<<[^<>\n]{1,200}>>")


@dataclass(frozen=True)
class Sample:
    """The first rows of a source."""

    path: str
    subset: str | None
    split: str
    rows: tuple[Row, ...]
    broken: tuple[str, ...]
    """What is wrong with the rows that cannot be read."""
    whole: bool
    """Whether these are all rows."""

    @property
    def columns(self) -> dict[str, list[Any]]:
        """The values of each column, nested ones by dotted names; a row without one has None there."""
        found: dict[str, None] = {}
        for row in self.rows:
            found |= dict.fromkeys(name for name, _ in flatten(row.values))
        return {name: [_value(row, name) for row in self.rows] for name in found}


def flatten(values: Mapping[str, object], prefix: str = "") -> Iterable[tuple[str, object]]:
    """Columns and their values, those of nested mappings by dotted names."""
    for name, value in values.items():
        if isinstance(value, dict) and value:
            yield from flatten(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _value(row: Row, name: str) -> Any:
    try:
        return column(row, name)
    except DataError:  # not every row has every column; the guesses count those that do
        return None


def look(path: str, subset: str | None = None, split: str = "train", most: int = LOOKED_AT) -> Sample:
    """Read the first rows. Raises DataError for a source that cannot be read, or holds no row that can."""
    read = list(itertools.islice(read_rows(path, subset=subset, split=split), most + 1))
    rows = tuple(row for row in read[:most] if row.error is None)
    broken = tuple(str(DataError(row.file, row.error, line=row.line)) for row in read[:most] if row.error is not None)
    if not rows:
        raise DataError(path, f"no row can be read, the first: {broken[0]}" if broken else "holds no row")
    return Sample(path, subset, split, rows, broken, len(read) <= most)


def guess_problems(sample: Sample, told: Mapping[str, str | None] | None = None) -> ProblemSettings:
    """What the columns mean: what is `told` by setting (None: there is none), the rest by names and values.

    Raises DataError, naming the columns, where no question or no answer is found.
    """
    columns, told = sample.columns, told or {}
    known: dict[str, Any] = {"path": sample.path}
    if not Path(sample.path).is_file():
        known |= ({"subset": sample.subset} if sample.subset else {}) | {"split": sample.split}
    known["question"] = told.get("question") or _named(columns, "question", _is_prose) or _longest(columns)
    code = guess_tests(columns) is not None
    taken = [known["question"]]
    known["answer"] = told.get("answer") or _named(columns, "code" if code else "answer", _is_answer, without=taken)
    for kind in ("question", "answer"):
        if known[kind] is None:
            named = f"no column seems to hold it; name it with --{kind}. Columns: {', '.join(columns)}"
            raise DataError(sample.path, named, field=kind)
    guesses: dict[str, Callable[[], str | None]] = {
        "answer_pattern": lambda: None if code else guess_pattern(columns[known["answer"]]),
        "rationale": lambda: None if code else _named(columns, "rationale", _is_worked, without=taken),
        "id": lambda: _named(columns, "id", _is_unique),
    }
    for name, guess in guesses.items():
        known[name] = told[name] if name in told else guess()
        if name == "answer_pattern" and known[name] is None:
            taken.append(known["answer"])
    return ProblemSettings(**{name: value for name, value in known.items() if value is not None})


def _named(
    columns: Mapping[str, list[Any]], kind: str, fits: Callable[[list[Any]], bool], without: Sequence[str | None] = ()
) -> str | None:
    """The column with the likeliest name whose values fit."""
    by_name = {name.lower(): name for name in reversed(list(columns)) if name not in without}
    return next((by_name[n] for n in NAMES[kind].split() if n in by_name and fits(columns[by_name[n]])), None)


def _share(values: Sequence[Any], fits: Callable[[Any], bool]) -> float:
    return sum(bool(fits(value)) for value in values) / len(values) if values else 0.0


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_prose(values: list[Any]) -> bool:
    return _share(values, _is_text) >= MOST


def _is_answer(values: list[Any]) -> bool:
    return _share(values, lambda v: _is_text(v) or (isinstance(v, int | float) and not isinstance(v, bool))) >= MOST


def _is_worked(values: list[Any]) -> bool:
    """Some rows may lack a worked solution; most of the others' are more than a bare answer."""
    texts = [value for value in values if value is not None]
    return len(texts) >= len(values) / 2 and _share(texts, lambda v: _is_text(v) and _is_long(v)) >= 0.5


def _is_long(text: str) -> bool:
    return len(text) > 15 and len(text.split()) > 1


def _is_unique(values: list[Any]) -> bool:
    usable = _share(values, lambda v: _is_text(v) or (isinstance(v, int) and not isinstance(v, bool))) == 1
    return usable and len(set(map(str, values))) == len(values)


def _longest(columns: Mapping[str, list[Any]]) -> str | None:
    """The text column that most often ends in a question mark, of equals the longer one."""
    texts = {name: values for name, values in columns.items() if _is_prose(values)}
    asks = {name: _share(v, lambda t: str(t).rstrip().endswith(("?", "？"))) for name, v in texts.items()}
    return max(texts, key=lambda name: (asks[name] > 0.5, sum(map(len, map(str, texts[name])))), default=None)


def guess_pattern(values: Sequence[Any]) -> str | None:
    """Where the gold answers stand inside the values; None where they are answers as they are."""
    texts = [str(value) for value in values if _is_text(value)]
    return next((pattern for pattern in PATTERNS if texts and _share(texts, _holds(pattern)) >= MOST), None)


def _holds(pattern: str) -> Callable[[str], bool]:
    search = re.compile(f"(?m){pattern}").search
    return lambda text: search(text[-TAIL:]) is not None


def guess_tests(columns: Mapping[str, list[Any]]) -> str | None:
    """The column with unit tests."""
    return _named(columns, "tests", lambda values: _share(values, _holds_tests) >= MOST)


def _holds_tests(value: Any) -> bool:
    text = "\n".join(map(str, value)) if isinstance(value, list) else value
    return isinstance(text, str) and ("assert" in text or "def test_" in text)


def guess_options(columns: Mapping[str, list[Any]]) -> str | None:
    """The column with the options of choice questions."""
    return _named(columns, "options", lambda values: _share(values, _holds_options) >= MOST)


def _holds_options(value: Any) -> bool:
    return isinstance(value, list) and len(value) > 1 and all(isinstance(part, str) for part in value)


def has_notes(texts: Iterable[object]) -> bool:
    """Whether solutions hold calculator notes, `<<48/2=24>>`."""
    return any(isinstance(text, str) and NOTES.search(text) for text in texts)


def main_script(texts: Iterable[str]) -> str:
    """The script that most letters are written in: Latin, Han, Cyrillic…"""
    counts: Counter[str] = sum((count_scripts(text) for text in texts), Counter())
    return counts.most_common(1)[0][0].capitalize() if counts else "unknown"
