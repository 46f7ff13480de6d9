"""Grade a file of answers: rows {id, question, answer, response} -> {id, verdict, extracted, reason}.

A response column may hold a list; each of its texts then gives a row with its index.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

TAKES_SETTINGS = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help=".jsonl, .csv or .parquet file of answers")
    parser.add_argument(
        "--checker", required=True, metavar="NAME", help="numeric, math, …; its options: --checker.tolerance 0.01"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="where to write the grades (JSONL)")
    parser.add_argument("--id", default="id", metavar="COLUMN", help="column of the id (default: id, else the line)")
    parser.add_argument("--question", default="question", metavar="COLUMN", help="column of the question")
    parser.add_argument("--answer", default="answer", metavar="COLUMN", help="column of the gold answer")
    parser.add_argument("--answer-pattern", metavar="REGEX", help="pattern whose first group is the gold answer")
    parser.add_argument("--response", default="response", metavar="COLUMN", help="column of the answer to be graded")
    parser.add_argument("--json", action="store_true", help="print the counts as JSON")


def run(arguments: argparse.Namespace, rest: Sequence[str]) -> int:
    counts = asyncio.run(grade_file(arguments, make_checker(arguments.checker, rest)))
    if arguments.json:
        print(json.dumps(counts))
    else:
        print(", ".join(f"{verdict} {count}" for verdict, count in counts.items()))
        print(f"grades: {arguments.out}")
    return 0


def make_checker(name: str, rest: Sequence[str]) -> Any:
    from pydantic import TypeAdapter, ValidationError

    from pipeline.config import AnyChecker
    from pipeline.errors import ConfigError
    from pipeline.loading import parse_overrides
    from pipeline.settings import available, nearest

    overrides = parse_overrides(rest)
    if unknown := set(overrides) - {"checker"}:
        raise ConfigError(f"unknown option --{min(unknown)}; only the checker has options here: --checker.NAME VALUE")
    if name not in available("checkers"):
        raise ConfigError(f"unknown checker {name!r}{nearest(name, list(available('checkers')))}")
    try:
        return TypeAdapter(AnyChecker).validate_python({"checker": name, **overrides.get("checker", {})})
    except ValidationError as error:
        told = error.errors()[0]
        option = ".".join(["--checker", *map(str, told["loc"][1:])])
        raise ConfigError(f"{option}: {told['msg']}") from error


async def grade_file(arguments: argparse.Namespace, settings: Any) -> dict[str, int]:
    """Grade every row in order; returns the counts. Raises DataError naming the line and field of a bad row."""
    from pipeline.errors import DataError
    from pipeline.problems import ProblemSettings, make_problem
    from pipeline.rows import column, read_rows
    from pipeline.store import write_file

    columns = ProblemSettings(
        path=str(arguments.file),
        question=arguments.question,
        answer=arguments.answer,
        answer_pattern=arguments.answer_pattern,
    )
    counts: Counter[str] = Counter({"correct": 0, "wrong": 0, "unknown": 0})
    lines: list[str] = []
    async with settings.create() as checker:

        async def grade_row(row: Any) -> list[dict[str, Any]]:
            problem = make_problem(row, columns, checker.columns)
            if error := checker.gold_error(problem):
                raise DataError(row.file, error, line=row.line, field=arguments.answer)
            name = row.values.get(arguments.id, row.line)
            value = column(row, arguments.response)
            graded = []
            for index, text in enumerate(value if isinstance(value, list) else [value]):
                if not isinstance(text, str):
                    raise DataError(
                        row.file, f"must be text, not {text!r}"[:200], line=row.line, field=arguments.response
                    )
                grade = await checker.check(problem, text)
                which = {"index": index} if isinstance(value, list) else {}
                graded.append({"id": name, **which, **grade.model_dump(include={"verdict", "extracted", "reason"})})
            return graded

        rows = list(read_rows(str(arguments.file)))
        if not rows:
            raise DataError(arguments.file, "is empty")
        for graded in await asyncio.gather(*map(grade_row, rows)):
            for told in graded:
                counts[told["verdict"]] += 1
                lines.append(json.dumps(told, ensure_ascii=False) + "\n")
    write_file(arguments.out, "".join(lines))
    return dict(counts)
