"""What a page says where no round helped, where pairs were repaired, and of the best of many."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from errata.report.run_contents import read_contents
from errata.report.run_headline import ablation_headline, loop_headline
from errata.report.run_page import run_sections
from tests.errata.report.make_run import build_small, finish, make_ablation, make_loop, make_round, make_training


def test_where_no_round_helped_the_student_is_to_be_kept() -> None:
    loop = make_loop(make_round(1, 0.28, before=0.31), make_round(2, 0.2, before=0.28), best=None, total=None)
    told = loop_headline(loop)
    assert told.tone == "bad"
    assert "none is better than the student it began with" in told.sentence
    assert "the best is" not in told.sentence


def test_the_best_of_many_cells_is_measured_by_all_of_them() -> None:
    grid = make_ablation()
    cells = tuple(cell.model_copy(update={"p_value": 0.02}) for cell in grid.cells)
    assert len(cells) >= 3, "0.02 each is no finding for the best of three"
    assert ablation_headline(grid.model_copy(update={"cells": cells})).tone == "open"
    assert ablation_headline(grid.model_copy(update={"cells": cells[:1]})).tone != "open"


@pytest.fixture
def repaired(tmp_path: Path) -> Path:
    """A run that was trained on pairs that stand in another folder, as `errata clean` leaves them."""
    run = build_small(tmp_path / "run")
    clean = tmp_path / "clean"
    (clean / "dataset").mkdir(parents=True)
    shutil.copy(run / "audit.json", clean / "audit.json")
    told = json.loads((clean / "audit.json").read_text())
    (clean / "audit.json").write_text(json.dumps({**told, "verdict": "clean"}))
    (run / "audit.json").write_text(json.dumps({**told, "verdict": "marker"}))
    return finish(run, training=make_training(sources=[str(clean)]))


def test_the_audit_is_that_of_what_the_policy_was_trained_on(repaired: Path) -> None:
    found = read_contents(repaired)
    assert found.run is not None
    assert found.run.audit is not None
    assert found.run.audit.verdict == "clean"
    bodies = {section.id: str(section.body) for section in run_sections(found, pairs=0)}
    assert "clean, repaired" in bodies["run-result"]
    assert "Of which data" in bodies["run-audit"]
    assert str(found.run.trained_on) in bodies["run-audit"]
