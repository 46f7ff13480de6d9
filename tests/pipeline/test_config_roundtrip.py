"""The settings that a run writes down are those that it had."""

from __future__ import annotations

from pathlib import Path

from pipeline.loading import load_settings
from pipeline.run import dump_settings


def test_the_written_settings_of_a_run_with_the_default_ladder_pass_the_same_checks(
    tmp_path: Path, student_dir: Path
) -> None:
    (tmp_path / "rows.jsonl").write_text('{"question": "1 + 1?", "answer": "2"}\n')
    own = tmp_path / "own.yaml"
    told = {"name": "r", "problems": {"path": str(tmp_path / "rows.jsonl")}}
    own.write_text(f"{told | {'student': {'engine': 'transformers', 'model': str(student_dir)}}}")
    settings = load_settings(own)
    settings.check()
    written = tmp_path / "config.yaml"
    written.write_text(dump_settings(settings))
    again = load_settings(written)
    again.check()
    assert again == settings
