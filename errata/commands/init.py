"""Make a configuration: look at the data, ask for student and teacher, write an annotated YAML, try it.

On a terminal it asks; options are not asked for. Without a terminal, or with --yes, it takes what it guesses, and
needs --data, --student and --teacher:

  errata init my-run.yaml --data train.jsonl --student Qwen/Qwen3-1.7B --teacher deepseek
  errata init my-run.yaml --data train.jsonl --student my-model --teacher mine=MODEL@http://127.0.0.1:8000/v1 --preview

The preview takes some problems through the whole flow and shows pairs, doubts, and what the whole run will cost. What
it pays for is kept: the run starts with it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

OPTIONS = {
    "--data": ("FILE", "the problems: .jsonl, .csv or .parquet, or a folder or hub id of `datasets`"),
    "--subset": ("NAME", "configuration of a `datasets` data set"),
    "--split": ("NAME", "split of a `datasets` data set (default: train)"),
    "--question": ("COLUMN", "column of the question; dots reach into nested ones"),
    "--answer": ("COLUMN", "column of the gold answer"),
    "--answer-pattern": ("REGEX", "pattern whose first group is the gold answer; - for none"),
    "--rationale": ("COLUMN", "column of worked solutions; - for none"),
    "--id": ("COLUMN", "column of ids; - for none"),
    "--student": ("MODEL", "a model folder, a hub id, or MODEL@ADDRESS of a server"),
    "--student-engine": ("NAME", "transformers or vllm (default: vllm where a GPU and vLLM are found)"),
    "--student-key-env": ("VARIABLE", "name of the environment variable with the student server's key"),
    "--train-model": ("MODEL", "the model to train, where the student is a server's"),
    "--teacher": ("TEACHER", "openai, deepseek, qwen, openrouter, NAME=MODEL@ADDRESS, reference or none"),
    "--teacher-key-env": ("VARIABLE", "name of the environment variable with the teacher's key"),
    "--teacher-price": ("IN/OUT", "price of a million tokens read and written, such as 0.28/0.42"),
    "--checker": ("NAME", "numeric, math, choice, exact, code, chain or judge (default: what fits the gold answers)"),
    "--held-out": ("FILE", "held-out problems: a file, a split of the data set, `split` to set some apart, or none"),
    "--max-cost": ("X", "stop the run when so much is spent; 0 for no limit"),
    "--prompts": ("DIR", "folder of prompt files that override the shipped ones"),
    "--name": ("NAME", "name of the run"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", type=Path, nargs="?", metavar="CONFIG", help="the file to write (default: NAME.yaml)")
    for option, (metavar, meaning) in OPTIONS.items():
        parser.add_argument(option, metavar=metavar, help=meaning)
    parser.add_argument("--yes", action="store_true", help="ask nothing: take what is guessed")
    parser.add_argument("--force", action="store_true", help="overwrite files that are there")
    parser.add_argument(
        "--preview", action=argparse.BooleanOptionalAction, help="take some problems through the whole flow"
    )
    parser.add_argument(
        "--preview-problems", type=int, default=20, metavar="N", help="how many problems for it (default: 20)"
    )
    parser.add_argument("--json", action="store_true", help="ask nothing, and print what was found as JSON")


def run(arguments: argparse.Namespace, rest: Sequence[str]) -> int:
    from errata.init.make import make
    from errata.init.questions import Asker
    from pipeline.errors import ConfigError

    if arguments.preview_problems < 1:
        raise ConfigError("--preview-problems must be at least 1")
    given = {option: getattr(arguments, option[2:].replace("-", "_")) for option in OPTIONS}
    alone = arguments.yes or arguments.json or not (sys.stdin.isatty() and sys.stdout.isatty())
    asker = Asker(given, interactive=not alone, quiet=arguments.json)
    return make(asker, arguments)
