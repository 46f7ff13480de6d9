"""Write a finished data set in the form of another trainer: TRL, LLaMA-Factory, OpenRLHF, or plain files.

Kinds of rows: pairs (prompt, chosen, rejected), sft (prompt, completion), unpaired (with a label, for KTO), rankings
(several completions, best first). docs/exports.md shows each form. --push uploads the folder to the Hugging Face hub.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.export_as import Exported


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", type=Path, metavar="RUN_OR_DATASET", help="a run's folder, or pairs in files")
    parser.add_argument("--to", required=True, metavar="TARGET", help="trl, llama_factory, openrlhf, jsonl or parquet")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write; an older export goes")
    parser.add_argument("--kind", default="pairs", metavar="KIND", help="pairs (default), sft, unpaired or rankings")
    parser.add_argument("--format", metavar="FORM", help="conversation or text (default: as the data are)")
    parser.add_argument("--max-completions", type=int, metavar="N", help="texts of a ranking at most")
    parser.add_argument("--push", metavar="ORG/NAME", help="upload the folder as this data set of the hub")
    parser.add_argument("--private", action="store_true", help="with --push: a private data set")
    parser.add_argument("--overwrite", action="store_true", help="replace DIR whatever it holds")
    parser.add_argument("--json", action="store_true", help="print the counts as JSON")


def run(arguments: argparse.Namespace, rest: Sequence[str]) -> int:
    from errata.live import Bars
    from pipeline.errors import ConfigError
    from pipeline.export_as import export_as
    from pipeline.exports.base import make_target

    options = {"kind": arguments.kind, "format": arguments.format, "max_completions": arguments.max_completions}
    target = make_target(arguments.to, **options)
    if arguments.private and not arguments.push:
        raise ConfigError("--private goes with --push")
    if arguments.push:
        from pipeline.hub import check_push

        check_push(arguments.push)
    with Bars() as bars:
        exported = export_as(arguments.source, arguments.out, target, overwrite=arguments.overwrite, progress=bars)
    url = None
    if arguments.push:
        from pipeline.hub import push_folder

        message = f"{sum(exported.rows.values())} rows from Errata ({exported.to}, {exported.kind})"
        url = push_folder(arguments.out, arguments.push, private=arguments.private, message=message)
    if arguments.json:
        told = exported.model_dump() | {"out": str(arguments.out)} | ({"url": url} if url else {})
        print(json.dumps(told, indent=1))
    else:
        tell(exported, arguments.out, url)
    return 0


def tell(exported: Exported, out: Path, url: str | None) -> None:
    from errata.ui import listed, print_plain

    print_plain(f"read     {listed(exported.pairs)} pairs")
    print_plain(f"written  {listed(exported.rows)} rows ({exported.kind}, {exported.format}) for {exported.to}")
    for reason, count in exported.left_out.items():
        print_plain(f"left out {count:,} {reason}")
    if exported.columns_left_out:
        print_plain(f"without  the columns {', '.join(exported.columns_left_out)}")
    print_plain(f"Folder: {out}; its README.md says how to read it")
    if url:
        print_plain(f"Hub: {url}")
