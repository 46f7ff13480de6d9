"""`errata audit`: what it prints and writes, its exit codes, and what it says of input that it cannot take."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from errata.audit_tables import visible
from errata.cli import main
from pipeline.shortcuts.records import Audit
from tests.pipeline.shortcuts.test_markers import OPENER, make_pairs, open_with, plant
from tests.pipeline.test_auditing import FOREIGN, write_pairs
from tests.pipeline.test_control import build_run

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "transformers", "datasets", "pandas", "pyarrow", "scipy", "sklearn", "openai")


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    """Pairs with a planted opener, and a control."""
    planted = plant(make_pairs(60, sample=1), open_with, 1)
    planted[2] = replace(planted[2], chosen=f"{planted[2].chosen}\nThis matches the given answer.")
    data = write_pairs(tmp_path / "pairs.jsonl", planted)
    return str(data), str(write_pairs(tmp_path / "control.jsonl", make_pairs(60)))


def test_the_verdict_comes_first_and_the_marker_is_named(files: tuple[str, str], tmp_path: Path, capsys: Any) -> None:
    data, control = files
    assert main(["audit", data, "--control", control, "--out", str(tmp_path / "audit.json")]) == 0
    shown = capsys.readouterr().out
    lines = shown.splitlines()
    assert lines[0] == "Verdict: marker"
    assert OPENER in lines[1]
    assert "What to do: 1 pairs have findings that drop them (`errata clean` does)" in " ".join(shown.split())
    for told in ("What gives texts away", "beyond the", "error", "Findings in single pairs: leak 1"):
        assert told in shown
    assert f"Written: {tmp_path / 'audit.json'}" in shown.replace("\n", "")
    assert Audit.model_validate_json((tmp_path / "audit.json").read_text()).verdict == "marker"


def test_a_page_is_written_where_one_is_asked_for(files: tuple[str, str], tmp_path: Path, capsys: Any) -> None:
    data, control = files
    assert main(["audit", data, "--control", control, "--html", str(tmp_path / "page.html"), "--json"]) == 0
    json.loads(capsys.readouterr().out)
    assert OPENER in (tmp_path / "page.html").read_text()


def test_json_is_the_audit_and_nothing_else(files: tuple[str, str], tmp_path: Path, capsys: Any) -> None:
    data, control = files
    assert main(["audit", data, "--control", control, "--json", "--out", str(tmp_path / "audit.json")]) == 0
    shown = capsys.readouterr().out
    assert shown == (tmp_path / "audit.json").read_text()
    told = json.loads(shown)
    wanted = ["pairs", "prompts", "verdict", "probes", "features", "leaks", "minimum_detectable_prevalence"]
    assert [name for name in told if name in wanted] == wanted
    for probe in told["probes"].values():
        assert {"accuracy", "control", "excess", "ci95", "p_value"} <= set(probe)
    for feature in told["features"]:
        assert {"feature", "kind", "chosen", "rejected", "q_value", "class"} <= set(feature)
        assert feature["class"] in ("artefact", "error_signal", "unattributed")
    (leak,) = told["leaks"]
    assert (leak["pair"], leak["finding"]["rule"]) == ("2.1", "leak")
    assert main(["audit", data, "--control", control, "--json"]) == 0
    assert capsys.readouterr().out == shown, "and the same every time"


def test_a_data_set_that_must_be_clean_and_is_not_ends_with_4(files: tuple[str, str], tmp_path: Path) -> None:
    data, control = files
    out = tmp_path / "audit.json"
    assert main(["audit", data, "--control", control, "--require-clean", "--out", str(out)]) == 4
    assert out.is_file(), "the audit is written all the same"
    few = write_pairs(tmp_path / "few.jsonl", make_pairs(10))
    assert main(["audit", str(few), "--require-clean"]) == 4, "underpowered is not clean"
    same = [replace(p, rejected=p.chosen.replace("####", "###")) for p in make_pairs(60)]
    assert main(["audit", str(write_pairs(tmp_path / "same.jsonl", same)), "--require-clean", "--json"]) in (0, 4)


def test_clean_texts_with_a_leak_do_not_pass(tmp_path: Path) -> None:
    same = [replace(pair, rejected=pair.chosen.replace("So ", "so ")) for pair in make_pairs(60)]
    same = [pair for pair in same if pair.chosen != pair.rejected]
    same[0] = replace(same[0], chosen=f"{same[0].chosen}\nThis matches the given answer.")
    settings = tmp_path / "config.yaml"
    told = {"name": "x", "problems": {"path": "p"}, "student": {"engine": "scripted", "replies": ["x"]}}
    audit = {"features": ["lengths"], "bound": 0.4, "permutations": 100}
    source = str(write_pairs(tmp_path / "pairs.jsonl", make_pairs(60, sample=1)))
    control = str(write_pairs(tmp_path / "control.jsonl", make_pairs(60)))
    leaky = str(write_pairs(tmp_path / "leaky.jsonl", [*same[:1], *make_pairs(60, sample=1)[1:]]))
    settings.write_text(json.dumps({**told, "audit": audit, "filters": ["leak"]}))
    options = ["--control", control, "--config", str(settings), "--require-clean", "--json"]
    assert [main(["audit", data, *options]) for data in (source, leaky)] == [0, 4]


def test_a_clean_data_set_passes(tmp_path: Path, capsys: Any) -> None:
    settings = tmp_path / "config.yaml"
    told = {"name": "x", "problems": {"path": "p"}, "student": {"engine": "scripted", "replies": ["x"]}}
    settings.write_text(json.dumps({**told, "audit": {"bound": 0.3}, "filters": []}))
    data, control = (str(write_pairs(tmp_path / f"{n}.jsonl", make_pairs(150, sample=n))) for n in (1, 0))
    options = ["--control", control, "--config", str(settings), "--require-clean"]
    assert main(["audit", data, *options]) == 0
    assert capsys.readouterr().out.startswith("Verdict: clean")


def test_a_run_is_audited_with_its_own_control_and_settings(tmp_path: Path, capsys: Any) -> None:
    run, summary = build_run(tmp_path, 12, audit={"permutations": 100, "q": 0.02}, filters=[])
    written = (run / "audit.json").read_text()
    (run / "audit.json").unlink()
    assert main(["audit", str(run), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(written)
    assert (run / "audit.json").read_text() == written, "into its folder"
    assert json.loads(written)["control"]["pairs"] == summary.control
    assert main(["audit", str(run), "--out", str(tmp_path / "elsewhere.json")]) == 0
    assert (tmp_path / "elsewhere.json").read_text() == written


def test_little_data_are_told_how_much_is_needed_and_what_a_missing_control_costs(tmp_path: Path, capsys: Any) -> None:
    assert main(["audit", str(write_pairs(tmp_path / "ten.jsonl", make_pairs(10)))]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert shown.startswith("Verdict: underpowered There are only 10 prompts to compare, too few for a probe.")
    assert "Prompts that would be needed: about" in shown
    assert "there are 10." in shown
    assert "Note: no control: right and wrong texts differ by themselves" in shown


def test_columns_of_other_names_are_read_as_told(tmp_path: Path, capsys: Any) -> None:
    source = str(write_pairs(tmp_path / "foreign.parquet", make_pairs(20), **FOREIGN))
    options = ["--column", "prompt=question", "--column", "chosen=good", "--column", "rejected=bad", "--json"]
    assert main(["audit", source, *options]) == 0
    assert json.loads(capsys.readouterr().out)["pairs"] == 20


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ([], "field 'chosen': no such column"),
        (["--column", "chosen"], "--column chosen: write NAME=THEIRS"),
        (["--column", "chose=good"], "unknown column 'chose'; did you mean 'chosen'?"),
        (["--column", "chosen=goood"], "did you mean 'good'?"),
        (["--column", "chosen=good"], "rejected"),
    ],
)
def test_missing_columns_end_with_2_and_are_named(options: list[str], told: str, tmp_path: Path, capsys: Any) -> None:
    source = str(write_pairs(tmp_path / "foreign.jsonl", make_pairs(4), **FOREIGN))
    out = tmp_path / "audit.json"
    assert main(["audit", source, *options, "--out", str(out)]) == 2
    assert told in capsys.readouterr().err
    assert not out.exists()


def test_what_is_no_data_set_ends_with_2(tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "empty.jsonl").write_text("")
    (tmp_path / "torn.jsonl").write_text('{"prompt": "q", "chosen": ')
    data = str(write_pairs(tmp_path / "pairs.jsonl", make_pairs(4)))
    for source, told in (("absent.jsonl", "no such file"), ("empty.jsonl", "holds no row"), ("torn.jsonl", ":1")):
        assert main(["audit", str(tmp_path / source)]) == 2
        assert told in capsys.readouterr().err
        assert main(["audit", data, "--control", str(tmp_path / source)]) == 2
        assert told in capsys.readouterr().err


def test_hostile_words_do_not_reach_the_terminal_as_they_are(tmp_path: Path, capsys: Any) -> None:
    bell = "\x1b[31m[bold]see [/bold]\x07 here\u202e now."
    planted = [replace(pair, chosen=f"{bell}\n{pair.chosen}") for pair in make_pairs(60)]
    assert main(["audit", str(write_pairs(tmp_path / "pairs.jsonl", planted))]) == 0
    shown = capsys.readouterr().out
    assert "here" in shown
    assert not set("\x1b\x07\u202e") & set(shown)
    assert visible("a\nb\x07c\u202e") == "a⏎b·c·"


def test_help_loads_nothing_heavy() -> None:
    code = "import sys; from errata.cli import main\ntry: main(['audit', '--help'])\nexcept SystemExit: pass\n"
    code += f"print([name for name in {HEAVY} if name in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert shown.stdout.splitlines()[-1] == "[]"


def test_a_configuration_that_is_not_there_is_refused(tmp_path: Path, capsys: Any) -> None:
    data = str(write_pairs(tmp_path / "pairs.jsonl", make_pairs(4)))
    assert main(["audit", data, "--config", str(tmp_path / "absent.yaml")]) == 2
    assert "absent.yaml" in capsys.readouterr().err
