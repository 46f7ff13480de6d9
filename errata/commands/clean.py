"""Act on a shortcut audit: filter, take markers out, restyle, drop, and certify the rest on held-out prompts.

Every changed text is graded again by the run's checker, or by --checker; without one only its numbers, formulas and
final answer are compared. OUT becomes a folder with dataset/, changes.jsonl, both audits and clean.json.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from errata.commands.audit import NOT_CLEAN

if TYPE_CHECKING:
    from errata.config import ErrataSettings
    from pipeline.checkers.base import CheckerSettings
    from pipeline.clean import Cleaned
    from pipeline.filters.base import FilterSettings
    from pipeline.shortcuts.records import Audit
    from pipeline.shortcuts.settings import AuditSettings, CleanSettings

TAKES_SETTINGS = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", metavar="DATASET", help="a run's folder, a file or folder of pairs, or a hub id")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write")
    parser.add_argument("--control", metavar="DATASET", help="pairs of one author's right and wrong texts")
    parser.add_argument("--config", type=Path, metavar="CONFIG", help="settings: checker, teachers, audit, clean")
    parser.add_argument("--checker", metavar="NAME", help="grades changed texts where there is no configuration")
    parser.add_argument("--html", type=Path, metavar="FILE", help="also write a page with plots, one file")
    parser.add_argument("--column", action="append", default=[], metavar="NAME=THEIRS", help="read THEIRS as NAME")
    parser.add_argument("--topic", metavar="COLUMN", help="column of which no value may lose most of its pairs")
    parser.add_argument("--overwrite", action="store_true", help="replace DIR whatever it holds")
    parser.add_argument(
        "--require-passed", action="store_true", help=f"exit with {NOT_CLEAN} unless the certificate is passed"
    )
    parser.add_argument("--json", action="store_true", help="print clean.json")


def run(arguments: argparse.Namespace, rest: Sequence[str]) -> int:
    from errata.audit_tables import print_cleaned
    from errata.ui import print_json, print_plain
    from pipeline.errors import ConfigError

    config = find_config(arguments.dataset, arguments.config)
    if config is not None and arguments.checker:
        raise ConfigError(f"--checker: {config} names the checker; override it with --checker.… in the configuration")
    cleaned, before, after = asyncio.run(work(arguments, config, rest))
    if arguments.html is not None:
        from errata.report.audit_page import write_audit_page

        write_audit_page(arguments.html, after, title=str(arguments.dataset), cleaned=cleaned, before=before)
    if arguments.json:
        print_json(cleaned.model_dump_json(indent=1))
    else:
        print_cleaned(cleaned, before, after)
        print_plain(f"Folder: {arguments.out}; what was changed stands in changes.jsonl")
    return NOT_CLEAN if arguments.require_passed and cleaned.certificate.outcome != "passed" else 0


async def work(arguments: argparse.Namespace, config: Path | None, rest: Sequence[str]) -> tuple[Cleaned, Audit, Audit]:
    """Open what the repair asks, then repair."""
    from contextlib import AsyncExitStack

    from errata.commands.audit import locate, read_columns
    from errata.config import load
    from errata.live import Bars
    from pipeline.auditing import control_of, every_filter
    from pipeline.clean import Tools, clean_files, ids_of, make_regrade, tools_of_run
    from pipeline.errors import ConfigError
    from pipeline.shortcuts.settings import AuditSettings, CleanSettings

    source = locate(arguments.dataset)
    given = read_columns(arguments.column)
    columns = given | {"topic": arguments.topic} if arguments.topic else given
    audit: AuditSettings = AuditSettings()
    clean: CleanSettings = CleanSettings()
    filters: Sequence[FilterSettings] = every_filter()
    control = locate(arguments.control) if arguments.control else isinstance(source, Path) and control_of(source)
    tools = Tools()
    with Bars() as bars:
        async with AsyncExitStack() as stack:
            if config is not None:
                settings: ErrataSettings = load(config, rest)
                audit, clean, filters = settings.audit or audit, settings.clean, settings.filters
                tools = await stack.enter_async_context(tools_of_run(settings, ids_of(source, columns)))
            elif arguments.checker:
                settings_of_checker = make_checker(arguments.checker, rest)
                checker = await stack.enter_async_context(settings_of_checker.create())
                tools = Tools(make_regrade(checker, {}, needs_gold=settings_of_checker.needs_gold))
            elif rest:
                raise ConfigError(f"{rest[0]}: settings go with --config, those of a checker with --checker")
            return await clean_files(
                source,
                arguments.out,
                control or None,
                audit,
                clean,
                filters,
                tools,
                progress=bars,
                columns=columns,
                control_columns=given if arguments.control else None,
                overwrite=arguments.overwrite,
            )


def make_checker(name: str, options: Sequence[str]) -> CheckerSettings:
    """A checker by its name, with options such as `--checker.tolerance 0.01`; one that asks engines needs a CONFIG."""
    from errata.commands.grade import section, validate
    from pipeline.components import AnyChecker
    from pipeline.errors import ConfigError
    from pipeline.loading import parse_overrides
    from pipeline.settings import available, nearest

    given = parse_overrides(options)
    if unknown := set(given) - {"checker"}:
        raise ConfigError(f"unknown option --{min(unknown)}; the checker's own are given as --checker.NAME VALUE")
    if name not in available("checkers"):
        raise ConfigError(f"unknown checker {name!r}{nearest(name, list(available('checkers')))}")
    checker: CheckerSettings = validate("checker", AnyChecker, {"checker": name, **section(given, "checker")})
    if checker.engines:
        raise ConfigError(f"--checker {name}: asks a model; give it in a configuration, with --config")
    return checker


def find_config(dataset: str, given: Path | None) -> Path | None:
    """The configuration that was given, or that of the run whose folder the data set is."""
    own = Path(dataset) / "config.yaml"
    is_run = (Path(dataset) / "dataset").is_dir() and own.is_file()
    return given or (own if is_run else None)
