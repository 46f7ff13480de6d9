"""Axes, the cells that they make, and a real grid that is interrupted and goes on."""

from __future__ import annotations

import itertools
import json
import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from errata.ablation import ablate
from errata.ablation_cells import check_plans, plan_cells, vary
from errata.ablation_effects import effects
from errata.ablation_results import Done
from errata.ablation_settings import AblateSettings
from errata.cli import main
from errata.commands.ablate import print_cells, print_effects
from errata.config import ErrataSettings, load
from errata.demo import story
from errata.records import Ablation, Cell
from pipeline.errors import ConfigError, DataError
from pipeline.measures.records import Estimate

ROOT = Path(__file__).parents[2]
DOC = (ROOT / "docs" / "ablations.md").read_text()
TAUGHT = [{"rung": "revise", "teacher": "teacher"}, {"rung": "gold_guided", "teacher": "teacher"}]
LADDERS = {"own": ["own_correct"], "taught": TAUGHT}


def make_settings(folder: Path, axes: dict[str, Any] | None = None, **more: Any) -> ErrataSettings:
    """The demo's settings with a grid."""
    settings = story.make_settings(folder, [], "reference")
    return settings.model_copy(update={"ablate": AblateSettings.model_validate({"axes": axes or {}, **more})})


def test_a_list_of_values_is_labelled_by_them() -> None:
    loss = {"dpo": 1, "sft": 0.2}
    axes = AblateSettings.model_validate(
        {"axes": {"train.beta": [0.05, 1], "train.loss": [loss], "audit": [None]}}
    ).axes
    assert axes == {
        "train.beta": {"0.05": 0.05, "1": 1},
        "train.loss": {"{dpo: 1, sft: 0.2}": loss},
        "audit": {"null": None},
    }


def test_numbers_are_labels_and_words_that_yaml_reads_as_truth_values_are_none() -> None:
    axes = yaml.safe_load("{axes: {train.beta: {0.5: 0.5}}}")
    assert AblateSettings.model_validate(axes).axes == {"train.beta": {"0.5": 0.5}}
    with pytest.raises(ValidationError, match="put it in quotes"):
        AblateSettings.model_validate(yaml.safe_load("{axes: {filters: {on: as_configured, off: []}}}"))


@pytest.mark.parametrize(
    ("axes", "told"),
    [
        ({"train.beta": 0.1}, "list of values"),
        ({"train.beta": []}, "has no value"),
        ({"train.beta": [0.1, 0.1]}, "'0.1' stands there twice"),
        ({"train.loss": [{"dpo": 1}], "train.loss.sft": [1]}, "is a part of the axis train.loss"),
        ({"evaluate.samples": [0, 1]}, "`evaluate` is the same for all cells"),
        ({"name": ["a"]}, "`name` is the same for all cells"),
    ],
)
def test_axes_that_cannot_be_are_refused(axes: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        AblateSettings.model_validate({"axes": axes})


def test_values_of_training_share_the_data_and_values_of_the_data_have_a_run_each(tmp_path: Path) -> None:
    axes = {"train.beta": [0.1, 0.3], "correct.rungs": LADDERS, "filters": {"all": "as_configured", "none": []}}
    plans = plan_cells(make_settings(tmp_path, axes))
    assert len(plans) == 8
    assert len({plan.settings.name for plan in plans}) == 8
    assert len({plan.data.name for plan in plans if plan.data}) == 4
    for plan in plans:
        data, fit = plan.data, plan.settings.train
        assert data is not None
        assert list(plan.values) == list(axes)
        assert data.run_dir.parent == tmp_path / "demo" / "ablation"
        assert plan.settings.run_dir.parent == data.run_dir == fit.data
        assert fit.beta == float(plan.values["train.beta"])
        assert len(data.rungs) == (1 if plan.values["correct.rungs"] == "own" else 2)
        assert bool(data.filters) == (plan.values["filters"] == "all")
        assert data.ablate == plan.settings.ablate == AblateSettings()
        assert data.evaluate == plan.settings.evaluate
    first = plans[0].data
    assert first is not None
    assert first.filters == make_settings(tmp_path).filters


def test_a_part_of_a_default_changes_and_the_rest_of_it_stays(tmp_path: Path) -> None:
    settings = make_settings(tmp_path, {"train.loss.sft": [0.5], "correct.rungs.0.rung": ["own_correct"]})
    values = settings.model_dump(exclude_unset=True, mode="json")
    del values["train"]["loss"]
    (plan,) = plan_cells(ErrataSettings.model_validate(values))
    assert plan.settings.train.loss == {"dpo": 1.0, "sft": 0.5}
    assert [rung.name for rung in plan.settings.rungs] == ["own_correct"]


@pytest.mark.parametrize(
    ("axes", "told"),
    [
        ({"train.beta": {"low": -1}}, r"axis train.beta, value low: Input should be greater than 0"),
        ({"train.betta": [1]}, r"axis train.betta: unknown key 'betta'; did you mean 'beta'"),
        ({"trainn.beta": [1]}, r"axis trainn.beta: unknown key 'trainn'; did you mean 'train'"),
        ({"correct.rungs": {"x": ["revize"]}}, r"axis correct.rungs, value x: 0: unknown rung 'revize'; did you mean"),
        ({"correct.rungs.9.rung": ["reference"]}, r"'9' is no place in a list of 1"),
        ({"sample.n.x": [1]}, r"axis sample.n.x: 'x': there is nothing below a plain value"),
        (
            {"teachers": {"nobody": {}}, "correct.rungs": {"taught": TAUGHT}},
            r"teachers = nobody, correct.rungs = taught: ",
        ),
        (
            {"filters": {"odd": [{"filter": "leak", "actoin": "drop"}]}},
            r"axis filters, value odd: 0.*unknown key 'actoin'",
        ),
    ],
)
def test_a_wrong_key_or_value_names_axis_and_value(tmp_path: Path, axes: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        plan_cells(make_settings(tmp_path, axes))


def test_losses_prompts_and_teachers_are_looked_at_before_anything_runs(tmp_path: Path) -> None:
    settings = make_settings(tmp_path, {"train.arguments": {"none": {}, "odd": {"warmup_stepz": 1}}})
    story.write_problems(settings, 20)
    with pytest.raises(ConfigError, match=r"train.arguments = odd: .*warmup_stepz"):
        check_plans(plan_cells(settings))
    settings = make_settings(tmp_path, {"sample.prompt": ["student", "nowhere"]})
    with pytest.raises(ConfigError, match=r"sample.prompt = nowhere: .*nowhere"):
        check_plans(plan_cells(settings))
    settings = make_settings(tmp_path, {"train.data": {"clean": str(tmp_path / "clean")}})
    with pytest.raises(ConfigError, match=r"train.data = clean: train.data: .* has no folder `dataset`"):
        check_plans(plan_cells(settings))


def test_a_large_grid_is_an_error_that_says_how_large(tmp_path: Path) -> None:
    axes = {"train.beta": [0.1, 0.2, 0.3], "train.seed": list(range(30))}
    with pytest.raises(ConfigError, match=r"has 90 cells \(3 × 30\), more than ablate.most, 64"):
        plan_cells(make_settings(tmp_path, axes))
    assert len(plan_cells(make_settings(tmp_path, axes, most=90))) == 90
    with pytest.raises(ConfigError, match="is empty"):
        plan_cells(make_settings(tmp_path))


def test_finished_data_sets_can_be_an_axis(tmp_path: Path) -> None:
    axes = {"train.data": {"built": "as_configured", "cleaned": str(tmp_path / "clean")}}
    built, cleaned = plan_cells(make_settings(tmp_path, axes))
    assert built.data is not None
    assert built.settings.train.data == built.data.run_dir
    assert cleaned.data is None
    assert cleaned.settings.train.data == tmp_path / "clean"
    with pytest.raises(ConfigError, match=r"which the axis sample.n would not change"):
        plan_cells(make_settings(tmp_path, {**axes, "sample.n": [1, 2]}))


def test_options_add_axes_and_pick_from_those_of_the_file(tmp_path: Path) -> None:
    settings = make_settings(tmp_path, {"correct.rungs": LADDERS, "train.beta": [0.1]})
    options = ["correct.rungs=taught", "train.beta=0.2,0.3", "train.loss={dpo: 1},{ipo: 1}", "filters=as_configured,[]"]
    assert vary(settings, options).ablate.axes == {
        "correct.rungs": {"taught": TAUGHT},
        "train.beta": {"0.2": 0.2, "0.3": 0.3},
        "train.loss": {"{dpo: 1}": {"dpo": 1}, "{ipo: 1}": {"ipo": 1}},
        "filters": {"as_configured": "as_configured", "[]": []},
    }
    for option in ("train.beta", "train.beta=", "train.beta=1,1", "=1", "train.beta=[", "evaluate.samples=1"):
        with pytest.raises(ConfigError, match="--vary"):
            vary(settings, [option])


@pytest.mark.parametrize("snippet", re.findall(r"```yaml\n(.*?)```", DOC, re.DOTALL))
def test_a_grid_of_the_documentation_can_be_planned(tmp_path: Path, snippet: str) -> None:
    axes = yaml.safe_load(snippet)["ablate"]["axes"]
    assert plan_cells(make_settings(tmp_path, axes))
    options = [f"{axis}={next(iter(values))}" for axis, values in axes.items()]
    assert len(plan_cells(vary(make_settings(tmp_path, axes), options))) == 1


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.yaml")), ids=lambda path: path.name)
def test_a_cell_of_a_shipped_configuration_differs_in_its_axis_alone(path: Path) -> None:
    settings = load(path, ["--train.model", "m"])
    settings = settings.model_copy(update={"ablate": AblateSettings.model_validate({"axes": {"sample.n": [7]}})})
    (plan,) = plan_cells(settings)
    assert plan.data is not None
    sample = settings.sample.model_copy(update={"n": 7})
    assert plan.data == settings.model_copy(
        update={"name": plan.data.name, "sample": sample, "ablate": AblateSettings()}
    )
    assert plan.data.model_fields_set - settings.model_fields_set <= {"sample", "ablate"}


LABELS = st.lists(st.text(max_size=200), min_size=1, max_size=5, unique=True)


@settings(max_examples=30, deadline=None)
@given(LABELS, LABELS)
def test_whatever_the_labels_are_each_cell_has_a_folder_of_its_own(data: list[str], fit: list[str]) -> None:
    axes = {"sample.n": {label: n + 1 for n, label in enumerate(data)}, "train.seed": {x: n for n, x in enumerate(fit)}}
    plans = plan_cells(make_settings(Path("runs"), axes))
    folders = {plan.settings.run_dir.as_posix().lower() for plan in plans}
    assert len(folders) == len(data) * len(fit)
    assert len({plan.settings.train.data for plan in plans}) == len(data)
    assert all(len(part) < 80 for folder in folders for part in folder.split("/"))


def make_cell(accuracy: float, **values: str) -> Cell:
    estimate = Estimate(value=0, interval=(0, 0))
    numbers = {"pairs": 9, "fixed": 1, "broken": 0, "p_value": 1, "seconds": 1}
    return Cell(values=values, run="r", accuracy=accuracy, interval=(0, 1), gain=estimate, **numbers)  # type: ignore[arg-type]


def test_effects_are_paired_and_cells_that_are_not_there_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    cells = (
        make_cell(0.10, a="x", b="1"),
        make_cell(0.50, a="x", b="2"),
        make_cell(0.20, a="y", b="1"),
        make_cell(0.52, a="y", b="2"),
        make_cell(0.99, a="z", b="3"),
    )
    axes = {"a": ("x", "y", "z"), "b": ("1", "2", "3"), "c": ("only",)}
    cells = tuple(cell.model_copy(update={"values": {**cell.values, "c": "only"}}) for cell in cells)
    ablation = Ablation(axes=axes, n=50, before=0.1, cells=cells)
    found = effects(ablation)
    assert list(found) == ["a", "b"]
    x, y = found["a"]  # z stands beside no x
    assert (x.label, x.mean, x.cells) == ("x", 0, 2)
    assert (y.label, y.cells) == ("y", 2)
    assert (y.accuracy, y.mean, y.lowest, y.highest) == pytest.approx((0.36, 0.06, 0.02, 0.10))
    assert found["b"][1].mean == pytest.approx(0.36)
    print_cells(ablation)
    print_effects(ablation)
    shown = capsys.readouterr().out.partition("\n")[2]
    assert shown.index("99.0%") < shown.index("52.0%") < shown.index("10.0%")
    assert "+6.0" in shown
    assert "only" not in shown


class Watch:
    """A progress that notes what is done, and presses Ctrl-C once a number of cells is finished."""

    def __init__(self, until: int | None = None) -> None:
        self.until, self.stages = until, list[str]()

    def __call__(self, stage: str, done: int, total: int) -> None:
        self.stages.append(stage)
        if stage == "cells" and done == self.until:
            raise KeyboardInterrupt

    def watch(self, *_: object) -> None:
        pass


def make_small(folder: Path, axes: dict[str, Any], *options: str) -> ErrataSettings:
    """A grid over the pairs of 40 problems, asked 30 held-out ones."""
    told = {"problems.limit": "40", "pair.max_per_problem": "4", "evaluate.problems.limit": "30", "audit": "null"}
    more = [part for key, value in told.items() for part in (f"--{key}", value)]
    settings = story.make_settings(folder, [*more, *options], "reference")
    story.write_problems(settings, 40)
    return settings.model_copy(update={"ablate": AblateSettings.model_validate({"axes": axes})})


def test_an_interrupted_grid_goes_on_and_a_finished_one_asks_nothing(tmp_path: Path) -> None:
    axes = {
        "filters": {"all": "as_configured", "none": []},
        "train.loss": {"dpo+sft": {"dpo": 1, "sft": 0.2}, "ipo": {"ipo": 1}},
        "train.beta": [0.1, 0.3],
    }
    settings = make_small(tmp_path, axes)
    file = settings.run_dir / "ablation.json"
    with pytest.raises(KeyboardInterrupt):
        ablate(settings, Watch(until=1))  # type: ignore[arg-type]
    (first,) = Ablation.model_validate_json(file.read_bytes()).cells
    assert first.values == {"filters": "all", "train.loss": "dpo+sft", "train.beta": "0.1"}
    folder = settings.run_dir / first.run
    stamp = (folder / "cell.json").stat().st_mtime_ns

    ablation = ablate(settings)
    assert Ablation.model_validate_json(file.read_bytes()) == ablation
    assert ablation.cells[0] == first
    assert (folder / "cell.json").stat().st_mtime_ns == stamp
    labels = [tuple(cell.values.values()) for cell in ablation.cells]
    assert labels == list(itertools.product(*ablation.axes.values()))
    runs = [cell.run for cell in ablation.cells]
    assert runs[:4] == runs[4:], "the filters find nothing, so each of the other cells is run once"
    assert len(set(runs)) == 4
    assert ablation.n == 30
    assert len({cell.pairs for cell in ablation.cells}) == 1
    for cell in ablation.cells:
        gained = cell.fixed - cell.broken
        assert cell.accuracy - ablation.before == pytest.approx(gained / 30, abs=1e-3)
        files = {path.name for path in (settings.run_dir / cell.run).iterdir()}
        assert {"cell.json", "config.yaml", "evaluation.json", "training.json"} <= files
        assert "policy" not in files
    log = json.loads((folder / "training.json").read_text())
    assert log["pairs"] == first.pairs

    texts = count_texts(tmp_path)
    watch = Watch()
    assert ablate(settings, watch) == ablation  # type: ignore[arg-type]
    assert count_texts(tmp_path) == texts
    assert not {"train", "evaluate before", "evaluate after"} & set(watch.stages)

    done = Done.model_validate_json((folder / "cell.json").read_bytes())
    assert done.cell == first
    (folder / "cell.json").write_text("{}")
    with pytest.raises(DataError, match="delete it"):
        ablate(settings)


def count_texts(runs: Path) -> int:
    with sqlite3.connect(runs / "completions.sqlite") as db:
        (count,) = db.execute("SELECT count(*) FROM texts").fetchone()
    return int(count)


def test_the_command_builds_data_apart_from_one_sampling_and_asks_as_configured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = make_small(tmp_path, {"correct.rungs": {"reference": "as_configured", "own": ["own_correct"]}})
    values = settings.model_dump(mode="json", exclude_unset=True)
    values["ablate"] = {"axes": settings.ablate.model_dump()["axes"], "keep_policies": True}
    file = tmp_path / "run.yaml"
    file.write_text(yaml.safe_dump(values, sort_keys=False))
    command = ["ablate", str(file), "--train.epochs", "0.1"]
    assert main([*command, "--vary", "train.beta=-1"]) == 2
    assert "axis train.beta, value -1: Input should be greater than 0" in capsys.readouterr().err

    assert main([*command, "--json"]) == 0
    ablation = Ablation.model_validate_json(capsys.readouterr().out)
    assert ablation == Ablation.model_validate_json((settings.run_dir / "ablation.json").read_bytes())
    reference, own = ablation.cells
    assert own.pairs < reference.pairs
    sampled = []
    for cell in ablation.cells:
        folder = settings.run_dir / cell.run
        assert (folder / "policy" / "config.json").is_file()
        summary = json.loads((folder.parent / "summary.json").read_text())
        assert summary["attempts"] == 160
        sampled.append(summary["usage"]["student"]["completions"])
        evaluation = json.loads((folder / "evaluation.json").read_text())
        assert list(evaluation["sets"]) == ["held_out"]
        assert evaluation["sets"]["held_out"]["scores"]["before"]["accuracy"] == ablation.before
    assert sampled == [160, 0]

    assert main([*command, "--vary", "correct.rungs=own"]) == 0
    shown = capsys.readouterr().out
    assert "1 cells" not in shown
    assert f"{own.accuracy:.1%}" in shown


def test_data_without_a_pair_end_the_grid_before_anything_is_trained(tmp_path: Path) -> None:
    settings = make_small(
        tmp_path, {"pair.max_pass_rate": {"all": "as_configured", "none": 0.0}, "pair.min_pass_rate": [0]}
    )
    settings = settings.model_copy(update={"correct": settings.correct.model_validate({"rungs": ["own_correct"]})})
    watch = Watch()
    with pytest.raises(DataError, match="holds no training pair"):
        ablate(settings, watch)  # type: ignore[arg-type]
    assert "train" not in watch.stages


def test_an_engine_that_loads_no_policy_is_told_at_once(tmp_path: Path) -> None:
    settings = make_settings(tmp_path, {"train.beta": [0.1]})
    values = settings.model_dump(mode="json", exclude_unset=True)
    server = {"engine": "endpoint", "base_url": "http://127.0.0.1:1/v1", "model": "m"}
    values["evaluate"]["after"] = server
    with pytest.raises(ConfigError, match=r"evaluate.after: is an engine that loads no model"):
        ablate(ErrataSettings.model_validate(values))
    values["evaluate"]["after"], values["student"] = None, server
    with pytest.raises(ConfigError, match=r"evaluate.after: say how to ask a policy"):
        ablate(ErrataSettings.model_validate(values))
    values["evaluate"] = None
    with pytest.raises(ConfigError, match=r"evaluate: is required"):
        ablate(ErrataSettings.model_validate(values))
