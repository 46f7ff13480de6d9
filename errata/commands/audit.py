"""Find out what else than right and wrong tells chosen from rejected: the shortcut audit of any preference data.

DATASET is a run's folder, a file or folder of preference pairs in TRL's form, or a data set of the Hugging Face hub.
The control are pairs of the student's own right and wrong answers; a run has them in control.jsonl. docs/audit.md
explains the four verdicts: clean, marker, diffuse, underpowered.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.filters.base import FilterSettings
    from pipeline.shortcuts.settings import AuditSettings

NOT_CLEAN = 4
"""Exit code of --require-clean where the verdict is another one."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", metavar="DATASET", help="a run's folder, a file or folder of pairs, or a hub id")
    parser.add_argument("--control", metavar="DATASET", help="pairs of one author's right and wrong texts")
    parser.add_argument(
        "--config", type=Path, metavar="CONFIG", help="settings with the sections `audit` and `filters`"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="where audit.json goes (a run's: into its folder)")
    parser.add_argument("--html", type=Path, metavar="FILE", help="also write a page with plots, one file")
    parser.add_argument(
        "--column", action="append", default=[], metavar="NAME=THEIRS", help="read column THEIRS as NAME; repeatable"
    )
    parser.add_argument(
        "--require-clean",
        action="store_true",
        help=f"exit with {NOT_CLEAN} unless the verdict is clean and no finding drops a pair",
    )
    parser.add_argument("--json", action="store_true", help="print audit.json")


def run(arguments: argparse.Namespace, rest: Sequence[str]) -> int:
    from errata.audit_tables import print_audit
    from errata.live import Bars
    from errata.ui import print_json, print_plain
    from pipeline.auditing import audit_files, control_of
    from pipeline.files import write_file
    from pipeline.lock import hold

    source = locate(arguments.dataset)
    run_folder = source if isinstance(source, Path) and (source / "dataset").is_dir() else None
    settings, filters = read_settings(arguments.config, run_folder)
    control = locate(arguments.control) if arguments.control else run_folder and control_of(run_folder)
    out = arguments.out or (run_folder and run_folder / "audit.json")
    with Bars() as bars:
        columns = read_columns(arguments.column)
        own = columns if arguments.control else None
        found = audit_files(source, control, settings, filters, bars, columns=columns, control_columns=own)
    text = found.model_dump_json(indent=1)
    if arguments.html is not None:
        from errata.report.audit_page import write_audit_page

        write_audit_page(arguments.html, found, title=str(arguments.dataset))
    if out is not None:
        with hold(run_folder) if run_folder and arguments.out is None else nullcontext():
            write_file(out, text + "\n")
    if arguments.json:
        print_json(text)
    else:
        print_audit(found)
        if out is not None:
            print_plain(f"Written: {out}")
    clean = found.verdict == "clean" and not any(leak.finding.action == "drop" for leak in found.leaks)
    return NOT_CLEAN if arguments.require_clean and not clean else 0


def locate(name: str) -> Path | str:
    """A path where there is one by that name; else it may be the id of a data set."""
    return Path(name) if Path(name).exists() else name


def read_columns(options: Sequence[str]) -> dict[str, str | None]:
    """`["prompt=question", "answer="]` -> the column to read as each name; None for a column not to be read."""
    from pipeline.errors import ConfigError

    columns: dict[str, str | None] = {}
    for option in options:
        name, equals, theirs = option.partition("=")
        if not equals:
            raise ConfigError(f"--column {option}: write NAME=THEIRS, for example prompt=question")
        columns[name] = theirs or None
    return columns


def read_settings(config: Path | None, run_folder: Path | None) -> tuple[AuditSettings, Sequence[FilterSettings]]:
    """The sections `audit` and `filters` of a configuration or of the run; else the defaults, with every filter."""
    from errata.config import load
    from pipeline.auditing import every_filter
    from pipeline.shortcuts.settings import AuditSettings

    own = run_folder / "config.yaml" if run_folder else None
    file = config or (own if own is not None and own.is_file() else None)
    if file is None:
        return AuditSettings(), every_filter()
    settings = load(file, ())
    return settings.audit or AuditSettings(), settings.filters
