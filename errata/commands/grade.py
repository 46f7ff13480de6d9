"""Grade a file of answers: rows {id, question, answer, response} -> {id, verdict, extracted, reason}.

A response column may hold a list; each of its texts then gives a row with its index. With --label the verdicts are
held against a column that says which answers are right. A checker that asks a model (--checker judge
--checker.engine.engine endpoint --checker.engine.base_url URL …; --prompts DIR, --budget.max_cost X) keeps its replies
in completions.sqlite beside --out: the same command again asks only for what is missing.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.grade_file import GradeReport

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
    parser.add_argument("--label", metavar="COLUMN", help="column that says whether the answer is right, where known")
    parser.add_argument("--json", action="store_true", help="print the counts as JSON")


def run(arguments: argparse.Namespace, rest: Sequence[str]) -> int:
    from errata.ui import print_json, print_plain
    from pipeline.budget import BudgetSettings
    from pipeline.components import AnyChecker
    from pipeline.errors import ConfigError, StoppedEarly
    from pipeline.grade_file import Columns, grade_file
    from pipeline.loading import parse_overrides
    from pipeline.prompts import Prompts
    from pipeline.settings import available, nearest

    options = parse_overrides(rest)
    if unknown := set(options) - {"checker", "budget", "prompts"}:
        raise ConfigError(f"unknown option --{min(unknown)}; the checker's own are given as --checker.NAME VALUE")
    name = arguments.checker
    if name not in available("checkers"):
        raise ConfigError(f"unknown checker {name!r}{nearest(name, list(available('checkers')))}")
    checker = validate("checker", AnyChecker, {"checker": name, **section(options, "checker")})
    budget = validate("budget", BudgetSettings, section(options, "budget"))
    prompts = Prompts(Path(str(options["prompts"])) if "prompts" in options else None)
    names = ("id", "question", "answer", "answer_pattern", "response", "label")
    columns = Columns(**{column: getattr(arguments, column) for column in names})
    report = asyncio.run(grade_file(arguments.file, arguments.out, columns, checker, prompts, budget))
    if arguments.json:
        print_json(report.model_dump_json(exclude_defaults=True))
    else:
        print_report(report)
        print_plain(f"grades: {arguments.out}")
    if report.failed:
        raise StoppedEarly(
            f"{report.failed} of {report.correct + report.wrong + report.unknown} texts were not judged, the first: "
            f"{report.first_failure}; the same command asks for them again"
        )
    return 0


def section(options: dict[str, Any], name: str) -> dict[str, Any]:
    from pipeline.errors import ConfigError

    found = options.get(name, {})
    if not isinstance(found, dict):
        raise ConfigError(f"option --{name} needs the name of a setting: --{name}.NAME VALUE")
    return found


def validate(name: str, kind: Any, values: dict[str, Any]) -> Any:
    """The settings of one section. Raises ConfigError naming each wrong option."""
    import yaml
    from pydantic import TypeAdapter, ValidationError

    from pipeline.errors import ConfigError
    from pipeline.loading import explain

    try:
        return TypeAdapter(kind).validate_python(values)
    except ValidationError as error:
        root = yaml.compose(yaml.safe_dump({name: values}), Loader=yaml.SafeLoader)
        told = [explain(root, {**item, "loc": (name, *item["loc"])}) for item in error.errors()]
        raise ConfigError("\n".join(f"--{'.'.join(keys)}: {message}" for keys, _, message in told)) from error


def print_report(report: GradeReport) -> None:
    from errata.ui import listed

    print(f"correct {report.correct}, wrong {report.wrong}, unknown {report.unknown}")
    for first, told in report.second_opinions.items():
        print(f"second opinion on {sum(told.values())} called {first}: {listed(told)}")
    for label, told in report.labels.items():
        print(f"labelled {label} ({sum(told.values())}): {listed(told)}")
    if (rate := report.false_negative_rate) is not None:
        low, high = rate.interval or (0.0, 1.0)
        print(
            f"false-negative rate {rate.value:.2%} ({low:.2%} – {high:.2%}), of {rate.n} right answers; "
            f"a run takes it as grade: {{false_negative_rate: {rate.value:g}}}"
        )
    for name, use in report.usage.items():
        cost = "" if use.cost is None else f", cost {use.cost:,.4f}"
        print(f"{name}: {use.completions} texts, {use.from_cache} from the cache now{cost}")
