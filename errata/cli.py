"""`errata`: the command line. One file a command in `errata/commands/`; nothing heavy is imported before it is needed.

Exit codes: 0 done, 2 bad input or configuration, 3 stopped early but resumable, 1 a bug; 4 an audit that was asked to
be clean and is not.
"""

from __future__ import annotations

import argparse
import os
import select
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from errata import __version__
from errata.commands import (
    ablate,
    audit,
    build,
    clean,
    compare_teachers,
    demo,
    evaluate,
    export,
    grade,
    init,
    loop,
    report,
    sft,
    teachers,
    train,
)
from pipeline.errors import ErrataError, StoppedEarly, UsageError
from pipeline.files import FAILING, unwritten
from pipeline.printable import printable

MODULES = (
    *(init, build, grade, audit, clean, teachers, compare_teachers),
    *(sft, train, evaluate, loop, ablate, report, export, demo),
)
COMMANDS = {module.__name__.rpartition(".")[2].replace("_", "-"): module for module in MODULES}
SETTINGS = """Any plain setting can be given as a dotted option, for example --student.model X or --sample.n 8, and
as an environment variable, for example ERRATA_STUDENT__MODEL=X. Options win over variables, variables over the file."""


def make_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    parser = argparse.ArgumentParser(prog="errata", description="Turns a model's own mistakes into better models.")
    parser.add_argument("--version", action="version", version=f"errata {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, module in COMMANDS.items():
        text = module.__doc__ or ""
        takes_settings = getattr(module, "TAKES_SETTINGS", False)
        command = commands.add_parser(
            name,
            help=text.partition("\n")[0],
            description=text,
            epilog=SETTINGS if takes_settings else None,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        module.add_arguments(command)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    sys.excepthook = show_bug
    parser = make_parser()
    known, rest = parser.parse_known_args(arguments)
    module = COMMANDS[known.command]
    if rest and not getattr(module, "TAKES_SETTINGS", False):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    try:
        code: int = module.run(known, rest)
        print(end="", flush=True)  # now, so that a reader that has left is noticed here
    except KeyboardInterrupt:
        return _stop(
            "stopped by Ctrl-C; what was done is kept, and the same command goes on from there", StoppedEarly.exit_code
        )
    except ErrataError as error:
        return _stop(str(error), error.exit_code)
    except BrokenPipeError:
        if not _readers_left():
            raise
        # nothing more to say
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 - held open until the interpreter ends
        return 1
    except OSError as error:
        if error.errno in FAILING:
            return _stop(str(unwritten(Path(error.filename or "a file"), error)), StoppedEarly.exit_code)
        if error.filename is None:
            raise
        return _stop(f"{error.filename}: {error.strerror}", UsageError.exit_code)
    return code


def _readers_left() -> bool:
    """Whether nobody reads our output, or what we say of errors, any more; a pipe to others may have broken as well."""
    outputs = select.poll()
    for stream in (1, 2):
        outputs.register(stream, select.POLLERR | select.POLLHUP)
    return any(what & (select.POLLERR | select.POLLHUP) for _, what in outputs.poll(0))


def show_bug(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """The traceback of a bug. Its last line may quote what others wrote, which steers no terminal here either."""
    print(printable("".join(traceback.format_exception(kind, error, trace))), end="", file=sys.stderr)


def _stop(message: str, code: int) -> int:
    """A message may quote data, file names and servers: nothing in it steers the terminal."""
    print(f"errata: {printable(message)}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
