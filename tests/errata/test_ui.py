"""The terminal: nothing that a model, a data set or a server wrote acts on it."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from rich.panel import Panel
from rich.prompt import Confirm
from rich.table import Table
from rich.text import Text

from errata import live, ui
from errata.cli import main, show_bug
from errata.ui import Screen, print_json, print_plain, show_log

EVIL = "[red]a[/red] [/] [link=file:///x]b[/link] :boom: \x1b]0;t\x07\x1b[2J\x9b31m\r\x08\u202ec\u2066 \ud800"
ACTS = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


def acting(shown: str) -> set[str]:
    """Characters in a text that steer a terminal, line ends apart."""
    return {mark for mark in shown if unicodedata.category(mark) in ACTS and mark != "\n"}


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Screen:
    """What the commands print to, on a page that can be read back."""
    page = Screen(file=io.StringIO(), width=120, soft_wrap=True)
    monkeypatch.setattr(ui, "out", page)
    return page


def shown_on(screen: Screen) -> str:
    assert isinstance(screen.file, io.StringIO)
    return screen.file.getvalue()


def make_table(text: str) -> Table:
    table = Table(text, title=text, caption=text)
    table.add_row(text)
    table.add_row(Text(text))
    return table


@pytest.mark.parametrize("make", [make_table, Panel, Text, lambda text: Panel(make_table(text), title=Text(text))])
def test_what_is_shown_has_no_control_marks_and_its_markup_is_text(screen: Screen, make: Any) -> None:
    screen.print(make(EVIL))
    shown = shown_on(screen)
    assert acting(shown) == set()
    assert "\\x1b" in shown
    if make is make_table:
        assert "[red]a[/red] [/] [link=file:///x]b[/link] :boom:" in shown


def test_on_a_terminal_only_our_own_styles_are_sent() -> None:
    page = Screen(file=io.StringIO(), force_terminal=True, width=200, color_system="standard", legacy_windows=False)
    page.print("[bold]ours[/]", Text("theirs \x1b[31m", style="red"))
    page.print("[bold]text[/]", markup=False)
    assert shown_on(page) == "\x1b[1mours\x1b[0m \x1b[31mtheirs \\x1b[31m\x1b[0m\n[bold]text[/]\n"


def test_columns_stand_under_each_other_though_marks_became_escapes(screen: Screen) -> None:
    screen.print(make_table("a\x1b[31m\u202eb"))
    lines = [line for line in shown_on(screen).splitlines() if line.startswith(("│", "┃"))]
    assert len({len(line) for line in lines}) == 1


def test_a_person_is_asked_as_before(screen: Screen) -> None:
    assert Confirm.ask(Text("Sure?"), default=True, console=screen, stream=io.StringIO("n\n")) is False
    assert "Sure? [y/n] (y):" in shown_on(screen)


def test_logs_are_shown_without_what_acts(monkeypatch: pytest.MonkeyPatch) -> None:
    page = Screen(file=io.StringIO(), width=200)
    monkeypatch.setattr(ui, "err", page)
    show_log("errata-test-of-logs")
    monkeypatch.setattr(logging.getLogger("errata-test-of-logs"), "propagate", False)  # pytest's record is no terminal
    logging.getLogger("errata-test-of-logs").warning("%s: %s", "teacher", EVIL)
    assert acting(shown_on(page)) == set()
    assert "teacher: [red]a[/red]" in shown_on(page)


OTHERS = """
import logging, sys, warnings
import errata.ui
evil = "qwen3\\x1b[31m\\x1b]0;t\\x07"
from transformers import AutoConfig  # its own handler, which writes to stderr
from transformers.utils import logging as theirs
theirs.get_logger("transformers.evil").warning("a type %s", evil)
try:
    AutoConfig.from_pretrained(sys.argv[1])
except ValueError:
    pass
from huggingface_hub.utils import logging as hubs
hubs.get_logger("huggingface_hub.evil").warning("a file %s", evil)
import datasets
datasets.utils.logging.get_logger("datasets.evil").warning("a card %s", evil)
warnings.warn(evil, stacklevel=1)
"""


def test_what_other_packages_log_and_warn_of_does_not_act_either(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "qwen3\x1b[31m", "rope_theta\x1b[2J": {}}))
    run = [sys.executable, "-c", OTHERS, str(tmp_path)]
    told = subprocess.run(run, capture_output=True, text=True, check=True, timeout=600)
    assert acting(told.stdout) == acting(told.stderr) == set()
    for said in ("a type", "a file", "a card", "UserWarning:"):
        assert f"{said} qwen3\\x1b[31m" in told.stderr


def test_names_of_stages_are_no_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    page = Screen(file=io.StringIO(), width=200)
    monkeypatch.setattr(live, "err", page)
    bars = live.Bars()
    bars("evaluate m[/bold]: \x1b[2J", 1, 4)
    page.print(bars._draw())
    assert "evaluate m[/bold]: \\x" in shown_on(page)


def test_plain_lines_and_json_hold_no_control_marks(capsys: pytest.CaptureFixture[str]) -> None:
    print_plain(f"Folder: {EVIL}")
    print_json(json.dumps({EVIL: [EVIL]}, ensure_ascii=False, indent=1))
    shown = capsys.readouterr().out
    assert acting(shown) == set()
    assert json.loads(shown.partition("\n")[2]) == {EVIL: [EVIL]}


def test_a_message_quotes_a_hostile_row_and_file_name_without_acting(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "evil \x1b[2J\u202e"
    folder.mkdir()
    (folder / "rows.jsonl").write_text(json.dumps({"question": "q", "answer": "\x9b31m\u202e"}) + "\n")
    arguments = ["grade", str(folder / "rows.jsonl"), "--checker", "numeric", "--out", str(tmp_path / "out.jsonl")]
    assert main(arguments) == 2
    shown = capsys.readouterr().err
    assert "evil \\x1b[2J\\u202e/rows.jsonl:1" in shown
    assert acting(shown) == set()


def test_the_traceback_of_a_bug_quotes_without_acting(capsys: pytest.CaptureFixture[str]) -> None:
    show_bug(ValueError, ValueError(f"b {EVIL}"), None)
    shown = capsys.readouterr().err
    assert shown.startswith("ValueError: b [red]a[/red]")
    assert acting(shown) == set()
