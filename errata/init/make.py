"""The whole command: interview, files, a look at what is still missing, preview, and what to do next."""

from __future__ import annotations

import argparse
import json
import shlex
from dataclasses import replace
from pathlib import Path

from rich.text import Text

from errata.config import ErrataSettings, load
from errata.init.decided import as_json
from errata.init.interview import Outcome, interview
from errata.init.plan import Plan
from errata.init.questions import Asker
from errata.init.yaml_text import render
from pipeline.errors import ConfigError, StoppedEarly
from pipeline.files import write_file
from pipeline.problems import ProblemSettings


def make(asker: Asker, arguments: argparse.Namespace) -> int:
    """Write the configuration, and try it where that is wanted. Raises ErrataError."""
    if arguments.config is not None:
        _refuse_to_overwrite(arguments.config, arguments.force)
    try:
        outcome = interview(asker, arguments.config)
    except KeyboardInterrupt as error:
        raise StoppedEarly("stopped by Ctrl-C; nothing was written") from error
    file = arguments.config or Path(f"{outcome.plan.name}.yaml")
    plan, settings = _write(asker, outcome, file, arguments.force)
    missing = _missing(settings)
    if missing is not None:
        asker.say(Text(f"Before the run: {missing}", style="yellow"))
    preview = None
    if _wants_preview(asker, arguments, missing):
        from errata.init.preview import print_preview, take_preview

        try:
            preview = take_preview(settings, arguments.preview_problems)
        except KeyboardInterrupt as error:
            told = f"stopped by Ctrl-C; {file} is written, and what the preview asked for is kept for the run"
            raise StoppedEarly(told) from error
        if not asker.quiet:
            print_preview(preview)
    if asker.quiet:
        shown = {"config": str(file), "missing": missing, **as_json(outcome, plan)}
        print(json.dumps(shown | ({"preview": preview.as_json()} if preview is not None else {}), indent=1))
    _say_next(asker, file, settings)
    return 0


def _refuse_to_overwrite(file: Path, force: bool) -> None:
    if file.exists() and not force:
        raise ConfigError(f"{file} is there already; another name, or --force to overwrite it")


def _write(asker: Asker, outcome: Outcome, file: Path, force: bool) -> tuple[Plan, ErrataSettings]:
    """Write the configuration and the files of a split, and load what was written; the plan then names these files."""
    _refuse_to_overwrite(file, force)
    plan, split = outcome.plan, outcome.held_out.split
    if split is not None:
        train, held_out = (file.with_name(f"{plan.name}-{side}.jsonl") for side in ("train", "heldout"))
        split.write(train, held_out, force=force)
        plan = replace(plan, problems=_moved(plan.problems, train), held_out=_moved(plan.problems, held_out))
        asker.say(Text(f"Wrote {train} ({len(split.train):,} rows) and {held_out} ({len(split.held_out):,} rows)."))
    write_file(file, render(plan))
    asker.say(Text(f"Wrote {file}."))
    return plan, load(file, [])


def _moved(problems: ProblemSettings, file: Path) -> ProblemSettings:
    """The same columns in another file."""
    kept = problems.model_dump(exclude_unset=True, exclude={"path", "subset", "split"})
    return ProblemSettings(path=str(file), **kept)


def _missing(settings: ErrataSettings) -> str | None:
    """What has to be there before the run can begin."""
    try:
        settings.check()
    except ConfigError as error:
        return str(error)
    return None


def _wants_preview(asker: Asker, arguments: argparse.Namespace, missing: str | None) -> bool:
    if missing is not None:
        if arguments.preview:
            raise ConfigError(f"no preview: {missing}")
        return False
    if arguments.preview is not None or not asker.interactive:
        return bool(arguments.preview)
    ask = f"Try it on {arguments.preview_problems} problems now? What is written is kept for the run"
    return asker.agrees(ask)


def _say_next(asker: Asker, file: Path, settings: ErrataSettings) -> None:
    name = shlex.quote(str(file))
    steps = {f"errata build {name} --check --data": "reads every row and gold answer"}
    if any(engine.billed for engine in settings.engines.values()):
        steps[f"errata teachers {name}"] = "asks each server once: reachable, key, model, latency"
    steps[f"errata build {name}"] = "makes the pairs; interrupted, it goes on"
    steps[f"errata train {name}"] = "trains the student on them"
    if settings.evaluate is not None:
        steps[f"errata evaluate {name}"] = "held-out accuracy, before and after"
    steps[f"errata report {shlex.quote(str(settings.run_dir))}"] = "one page with all of it, and every pair"
    width = max(map(len, steps))
    asker.say("\n[bold]Next[/]")
    for step, meaning in steps.items():
        asker.say(Text.assemble(f"  {step:<{width}}  ", (meaning, "dim")))
