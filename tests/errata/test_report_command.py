"""`errata report`: what it writes and prints, its exit codes, and what it loads."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from errata.cli import main
from tests.errata.report.make_run import build_small, finish

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "transformers", "datasets", "pandas", "pyarrow", "scipy", "sklearn", "openai", "plotly")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finish(build_small(tmp_path_factory.mktemp("command"), audit=None))


def test_the_page_goes_into_the_runs_folder_or_where_it_is_asked_for(run: Path, tmp_path: Path, capsys: Any) -> None:
    assert main(["report", str(run)]) == 0
    assert f"Written: {run / 'report.html'}" in capsys.readouterr().out.replace("\n", "")
    page = (run / "report.html").read_text()
    assert "+32.0 points" in page
    assert 'id="pairs"' in page
    assert main(["report", str(run), "--out", str(tmp_path / "page.html"), "--pairs", "0"]) == 0
    assert 'id="pairs"' not in (tmp_path / "page.html").read_text()


def test_json_is_the_pages_numbers_and_nothing_else(run: Path, capsys: Any) -> None:
    assert main(["report", str(run), "--json", "--pairs", "5"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["flow"]["attempts"]["count"] == 96
    assert told["evaluation"]["models"] == {"before": "org/student", "after": "run/policy"}
    assert (run / "report.html").is_file()


@pytest.mark.parametrize(
    ("made", "told"),
    [
        ({}, "`errata build CONFIG` makes one"),
        ({"attempts.jsonl": "", "evaluation.json": "{}"}, "`errata evaluate` writes it anew"),
        ({"attempts.jsonl": "", "pairs.jsonl": "no\n", "summary.json": '{"settings": {}}'}, "pairs.jsonl:1"),
    ],
)
def test_what_is_no_run_or_is_broken_ends_with_2(tmp_path: Path, capsys: Any, made: dict[str, str], told: str) -> None:
    for name, text in made.items():
        (tmp_path / name).write_text(text)
    assert main(["report", str(tmp_path)]) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "report.html").exists()


def test_a_negative_number_of_pairs_is_refused(run: Path, capsys: Any) -> None:
    assert main(["report", str(run), "--pairs", "-1"]) == 2
    assert "--pairs -1" in capsys.readouterr().err


def test_help_loads_nothing_heavy() -> None:
    code = "import sys; from errata.cli import main\ntry: main(['report', '--help'])\nexcept SystemExit: pass\n"
    code += f"print([name for name in {HEAVY} if name in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert shown.stdout.splitlines()[-1] == "[]"
