"""`errata demo`: the whole loop on the demo world, told in the terminal as it goes."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from rich.columns import Columns
from rich.panel import Panel
from rich.text import Text

from errata.config import ErrataSettings
from errata.demo import world
from errata.evaluation_tables import print_evaluation, print_rewards
from errata.live import Bars
from errata.ui import out, print_summary
from pipeline.files import write_file
from pipeline.loading import load_settings, parse_overrides
from pipeline.shortcuts.records import Audit

HERE = Path(__file__).parent
Teacher = Literal["model", "reference"]
PROBLEMS, HELD_OUT = 1600, 500


def tell(runs_dir: Path, options: Sequence[str], *, teacher: Teacher = "model", as_json: bool) -> int:
    """Run the demo; returns the exit code."""
    settings = make_settings(runs_dir, options, teacher)
    write_problems(settings)

    def say(line: str) -> None:
        if not as_json:
            out.print(line)

    n, samples = PROBLEMS, settings.sample.n
    say(f"[bold]1. The student errs.[/] A small model answers {n} word problems, {samples} times each.")

    from pipeline.run import build

    with Bars() as bars:
        summary = asyncio.run(build(settings, bars))
    if not as_json:
        print_summary(summary)
        show_pairs(settings)
    corrected = sum(summary.corrections.values())
    shown = summary.mistakes - summary.dropped.get("repeated_mistake", 0) - summary.dropped.get("over_limit", 0)
    who = "A small teacher model corrects" if teacher == "model" else "Worked solutions correct"
    say(f"{who} {corrected} of {shown} mistakes, one a problem.")
    if summary.audit is not None:
        grounds = Audit.model_validate_json((settings.run_dir / "audit.json").read_bytes()).grounds
        say(f"Does anything but right and wrong tell them apart? [bold]{summary.audit}[/]: {grounds}.")
    say(f"[bold]2. The corrections teach.[/] DPO trains the student on {summary.splits.get('train', 0)} pairs.")

    from errata.training import train

    with Bars() as bars:
        trained = train(settings, bars)
    say(f"{trained.steps} steps in {trained.seconds:.0f} s; chosen over rejected: {_accuracies(trained.log)}")
    say(f"[bold]3. Did it learn?[/] {HELD_OUT} problems that it has never seen, before and after.")

    from errata.evaluating import evaluate_run

    with Bars() as bars:
        evaluated = evaluate_run(settings, bars)
    evaluation = evaluated.evaluation
    report = write_report(settings)
    if as_json:
        print(evaluation.model_dump_json(indent=1))
        return 0
    print_evaluation(evaluation)
    if evaluated.rewards is not None:
        print_rewards(evaluated.rewards)
    before, after = (score.accuracy for score in evaluation.held_out.scores.values())
    say(f"\n[bold]{before:.1%} → {after:.1%}[/] on held-out problems.")
    say(f"Report: {report}  (opens in any browser: numbers, curves, audit, every pair)")
    say(
        f"Run folder: {settings.run_dir}  (pairs in dataset/, the trained model in policy/, numbers in evaluation.json)"
    )
    return 0


def write_report(settings: ErrataSettings) -> Path:
    """The run's page."""
    from errata.report.run_contents import read_contents
    from errata.report.run_page import write_run_page

    file = settings.run_dir / "report.html"
    write_run_page(file, read_contents(settings.run_dir))
    return file


def make_settings(runs_dir: Path, options: Sequence[str], teacher: Teacher = "model") -> ErrataSettings:
    """The demo's settings with its paths filled in; dotted options win.

    `teacher`: the shipped model corrects the mistakes, or the worked solutions (`reference`) do.
    """
    data = runs_dir / "demo" / "data"
    paths: dict[str, object] = {
        "runs_dir": str(runs_dir),
        "problems": {"path": str(data / "problems.jsonl")},
        "student": {"model": str(HERE / "student")},
        "teachers": {"teacher": {"model": str(HERE / "teacher")}},
        "prompts": str(HERE / "prompts"),
        "evaluate": {"problems": {"path": str(data / "heldout.jsonl")}},
    }
    if teacher == "reference":
        paths["correct"] = {"rungs": [{"rung": "reference"}]}
    overrides = parse_overrides(options)
    return load_settings(HERE / "demo.yaml", _merge(paths, overrides), ErrataSettings)


def _merge(base: Mapping[str, object], over: Mapping[str, object]) -> dict[str, object]:
    merged = dict(base)
    for key, value in over.items():
        inner = merged.get(key)
        merged[key] = _merge(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
    return merged


def write_problems(settings: ErrataSettings, problems: int = PROBLEMS) -> None:
    """Draw the problems and, from what follows them in the same stream of distinct stories, the held-out ones."""
    stream = world.stories("problems")
    assert settings.evaluate is not None
    for path, count in ((settings.problems.path, problems), (settings.evaluate.problems.path, HELD_OUT)):
        rows = []
        for story in itertools.islice(stream, count):
            solution = world.solve(story)
            rows.append({"question": story.question, "answer": world.answer_of(solution), "solution": solution})
        write_file(Path(path), "".join(json.dumps(row) + "\n" for row in rows))


def show_pairs(settings: ErrataSettings, count: int = 3) -> None:
    """Print a few of the pairs, side by side."""
    from errata.training import read_split

    rows = read_split(settings.run_dir, "train")
    for row in rows[:: max(1, len(rows) // count)][:count]:
        out.print(Text(row["prompt"][-1]["content"], style="italic"))
        sides = (("rejected", "red"), ("chosen", "green"))
        out.print(
            Columns([Panel(Text(row[side][0]["content"]), title=side, border_style=color) for side, color in sides])
        )


def _accuracies(log: Sequence[dict[str, float]]) -> str:
    seen = [line["rewards/accuracies"] for line in log if "rewards/accuracies" in line]
    return f"{seen[0]:.0%} of pairs at first, {seen[-1]:.0%} at the end" if seen else "not logged"
