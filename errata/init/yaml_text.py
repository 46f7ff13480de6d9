"""The annotated configuration: what was decided as settings, what else is usual as comments."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from errata.init.models import PRESETS, RUNS
from errata.init.plan import Plan
from errata.init.proof import ABOUT, ASKS
from pipeline.checkers.base import CheckerSettings
from pipeline.engines import endpoint
from pipeline.problems import ProblemSettings
from pipeline.settings import Settings

NOTE = "  #~ "
"""What stands before a line's comment in the template; comments of neighbouring lines are aligned."""
FURTHEST, WIDTH = 56, 108
"""Column beyond which a comment is not moved; columns of a commented setting."""
MEANT: Mapping[str, str] = {
    "path": ".jsonl, .csv, .parquet, or a folder or hub id of `datasets`",
    "answer_pattern": "its first group is the gold answer; the last match counts",
    "rationale": "a worked solution, for the rung `reference`",
    "on_bad_row": "rows that cannot be read are left out, and counted",
    "decontaminate": "leaves out what shares 13 words with these",
    "api_key_env": "the name of a variable; keys are never written anywhere",
    "input_price": "of a million tokens: your provider's; 0 for a server of your own",
}
"""Comments of lines, by key."""


def render(plan: Plan) -> str:
    """The configuration file of a plan."""
    return align(_template().render(plan=plan, **_pieces(plan)))


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(flow=flow, told=told)
    environment.globals.update(lines=lines, other=other)
    return environment.get_template("config.yaml.jinja")


def _pieces(plan: Plan) -> dict[str, Any]:
    """What the template shows besides the plan."""
    student = told(plan.student)
    model = plan.student.local_model or plan.train_model
    others = [_student(engine, model or "Qwen/Qwen3-1.7B") for engine in RUNS if engine != student["engine"]]
    writer = next(iter(plan.teachers), None)
    presets = {name: {"engine": "endpoint", **preset} for name, preset in PRESETS.items() if name not in plan.teachers}
    return {
        "student": student,
        "other_students": others,
        "about_engine": RUNS[student["engine"]],
        "checker": bare(plan.checker),
        "about_checker": ABOUT[plan.checker.name],
        "other_checkers": _other_checkers(plan),
        "teacher": writer,
        "presets": presets,
        "continues": plan.student.continues,
        "sample": {"temperature": 1.0, "max_tokens": plan.max_tokens, "seed": 0},
        "cost": None if plan.max_cost is None else int(plan.max_cost) if plan.max_cost.is_integer() else plan.max_cost,
        "clear": as_evaluation_file(plan.held_out) if plan.held_out else {},
        "held_out": {} if plan.held_out is None else _without(told(plan.held_out), "rationale"),
        "after": _student("transformers", f"runs/{plan.name}/policy"),
    }


def _student(engine: str, model: str) -> tuple[dict[str, str], str]:
    served = {"base_url": "http://127.0.0.1:8000/v1"} if engine == "endpoint" else {}
    return {"engine": engine, **served, "model": model}, RUNS[engine]


def as_evaluation_file(held_out: ProblemSettings) -> dict[str, Any]:
    """Held-out problems as `problems.decontaminate` names them."""
    names = ("path", "question") if held_out.question != "question" else ("path",)
    return {name: value for name, value in told(held_out).items() if name in (*names, "subset", "split")}


def _without(values: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name != key}


def _other_checkers(plan: Plan) -> list[tuple[Any, str]]:
    """Checkers that the same data could be checked with."""
    name = plan.checker.name
    others: list[tuple[Any, str]] = []
    if name in ("numeric", "math", "exact"):
        others = [(other, ABOUT[other]) for other in ("numeric", "math", "exact") if other != name]
    if name == "numeric":
        others.append(({"checker": "numeric", "tolerance": 0.001}, "as far apart as this share of the gold answer"))
    if name not in ASKS:
        model = next(map(told, plan.teachers.values()), {"engine": "endpoint", **PRESETS["deepseek"]})
        second = {"checker": "judge", "engine": model}
        chain = {"checker": "chain", "first": bare(plan.checker), "second": second}
        others.append((chain, ABOUT["chain"]))
    return others


def bare(checker: CheckerSettings) -> Any:
    """Its name, where nothing else is set."""
    set_ones = told(checker)
    return checker.name if list(set_ones) == ["checker"] else set_ones


def told(settings: Settings) -> dict[str, Any]:
    """The settings that were set, as plain values."""
    return settings.model_dump(mode="json", exclude_unset=True)


def flow(value: object) -> str:
    """A value in one line of YAML."""
    text = _dump(value, None)
    return text if len(text.splitlines()) < 2 else _dump(value, '"')  # a text of several lines


def _dump(value: object, quotes: str | None) -> str:
    text: str = yaml.safe_dump(
        value, default_flow_style=True, default_style=quotes, allow_unicode=True, sort_keys=False, width=math.inf
    )
    return text.removesuffix("...\n").rstrip("\n")


def lines(values: Mapping[str, object], indent: int, notes: Mapping[str, str] = MEANT) -> str:
    """A line for each key, with its comment."""
    return "\n".join(
        f"{' ' * indent}{key}: {flow(value)}" + (f"{NOTE}{notes[key]}" if key in notes else "")
        for key, value in values.items()
    )


def other(key: str, value: object, indent: int = 0, note: str = "") -> str:
    """A commented setting, over several lines where it is long; its comment then stands above it."""
    mark = f"{' ' * indent}# "
    first, *more = _wrap(f"{key}: {flow(value)}")
    if not more:
        return f"{mark}{first}" + (f"{NOTE}{note}" if note else "")
    above = [f"{mark}{note[:1].upper()}{note[1:]}:"] if note else []
    return "\n".join([*above, f"{mark}{first}", *(f"{mark}{line}" for line in more)])


def _wrap(text: str) -> list[str]:
    """Broken behind commas; YAML reads a break as a space."""
    if "  " in text:
        return [text]
    bound = text.replace(" ", "\0").replace(",\0", ", ")
    broken = textwrap.wrap(bound, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    return [line.replace("\0", " ") for line in broken]


def align(text: str) -> str:
    """The comments of a paragraph in one column, as far as its lines are short."""
    return "\n\n".join(map(_align_paragraph, text.strip("\n").split("\n\n"))) + "\n"


def _align_paragraph(text: str) -> str:
    parts = [line.partition(NOTE) for line in text.splitlines()]
    width = max((len(line) for line, mark, _ in parts if mark and len(line) <= FURTHEST), default=0)
    return "\n".join(f"{line:<{width}}  # {note}" if mark else line for line, mark, note in parts)


def alternatives(text: str) -> list[str]:
    """The file with each of its commented settings in turn taken out of its comment."""
    begins = re.compile(r"^ *# (?:- )?[a-z_]+(?::|$)|^ *# - \{")
    given, found = text.splitlines(), []
    for start, line in enumerate(given):
        if begins.match(line):
            indent = line.index("#")
            end = start + 1
            while end < len(given) and re.match(rf"^ {{{indent}}}#   ", given[end]):
                end += 1
            bare = [line[:indent] + line[indent + 2 :] for line in given[start:end]]
            found.append("\n".join([*given[:start], *bare, *given[end:]]) + "\n")
    return found


def is_priced(plan: Plan) -> bool:
    """Whether requests cost something, and it is known how much, so that it can be limited."""
    asked = [engine for engine in (plan.student, *plan.teachers.values()) if isinstance(engine, endpoint.Settings)]
    prices = [(engine.input_price, engine.output_price) for engine in asked]
    return all(None not in pair for pair in prices) and any(price for pair in prices for price in pair)
