"""What stays of a grid when another one, a failure or a change of mind follows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from errata.ablation import ablate
from errata.ablation_cells import check_plans, plan_cells
from errata.ablation_results import grid_file, kept_grids
from errata.ablation_settings import AblateSettings
from errata.cli import main
from errata.commands.ablate import print_cells, print_effects
from errata.config import ErrataSettings
from errata.demo import story
from errata.records import Ablation, Cell
from pipeline.errors import ConfigError, DataError
from pipeline.measures.records import Estimate
from pipeline.stages import Progress

BETAS = {"train.beta": [0.05, 0.3]}


def make_small(folder: Path, axes: dict[str, Any], **ablation: Any) -> ErrataSettings:
    """A grid over the pairs of 40 problems, trained on some, asked 20 held-out ones."""
    told = {"problems.limit": "40", "evaluate.problems.limit": "20", "audit": "null", "train.epochs": "0.1"}
    settings = story.make_settings(folder, [part for k, v in told.items() for part in (f"--{k}", v)], "reference")
    story.write_problems(settings, 40)
    return settings.model_copy(update={"ablate": AblateSettings.model_validate({"axes": axes, **ablation})})


def write_config(settings: ErrataSettings, file: Path) -> Path:
    values = settings.model_dump(mode="json", exclude_unset=True)
    values["ablate"] = settings.ablate.model_dump(mode="json")
    file.write_text(yaml.safe_dump(values, sort_keys=False))
    return file


class Watch(Progress):
    """Notes the stages."""

    def __init__(self) -> None:
        self.stages: list[str] = []

    def __call__(self, stage: str, done: int, total: int) -> None:
        self.stages.append(stage)


def test_grids_and_policies_outlive_what_follows_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = make_small(tmp_path / "br[bold]x", BETAS)
    config = write_config(settings, tmp_path / "run.yaml")
    result = settings.run_dir / "ablation.json"
    assert main(["ablate", str(config)]) == 0
    assert f"Written to {result};" in capsys.readouterr().out
    both = result.read_bytes()
    (first,) = kept_grids(settings.run_dir)
    assert first.read_bytes() == both

    held_out = Path(settings.evaluate.problems.path)  # type: ignore[union-attr]
    clean = held_out.read_text()
    held_out.write_text(Path(settings.problems.path).read_text().splitlines(keepends=True)[0] + clean)
    assert main(["ablate", str(config), "--vary", "train.beta=0.1"]) == 2
    assert "were trained on" in capsys.readouterr().err
    assert result.read_bytes() == both, "a grid that fails at its start takes nothing away"
    held_out.write_text(clean)

    narrow = ["ablate", str(config), "--vary", "train.beta=0.05"]
    assert main(narrow) == 0
    shown = capsys.readouterr().out
    assert [cell.values["train.beta"] for cell in read(result).cells] == ["0.05"]
    assert first.read_bytes() == both
    assert len(kept_grids(settings.run_dir)) == 2
    assert all(str(file) in shown for file in kept_grids(settings.run_dir))

    (cell,) = read(result).cells
    policy = settings.run_dir / cell.run / "policy"
    assert not policy.exists()
    assert main([*narrow, "--ablate.keep_policies", "true"]) == 0
    assert (policy / "config.json").is_file()
    assert [one.model_copy(update={"seconds": 0}) for one in read(result).cells] == [
        cell.model_copy(update={"seconds": 0})
    ]
    watch = Watch()
    ablate(
        settings.model_copy(update={"ablate": AblateSettings.model_validate({"axes": BETAS, "keep_policies": True})}),
        watch,
    )
    assert watch.stages.count("evaluate after") > 0, "the other cell has none yet"
    assert all((settings.run_dir / cell.run / "policy").is_dir() for cell in read(result).cells)


def test_a_grid_has_its_own_file_by_its_axes_and_by_what_its_cells_depend_on(tmp_path: Path) -> None:
    one = make_small(tmp_path, BETAS)
    other = make_small(tmp_path, {"train.beta": [1]})
    files = {grid_file(settings, keys) for settings in (one, other) for keys in (["a", "b"], ["a", "c"])}
    assert len(files) == 4
    assert {file.parent for file in files} == {one.run_dir / "ablation" / "grids"}
    assert all(file.name.startswith("beta-") for file in files)


def read(file: Path) -> Ablation:
    return Ablation.model_validate_json(file.read_bytes())


@pytest.mark.parametrize(
    ("axes", "told"),
    [
        ({"train.reference": ["./nowhere"]}, r"train.reference = ./nowhere: model ./nowhere: there is no such folder"),
        ({"train.data": ["EMPTY"]}, "holds no training pair"),
        ({"train.report_to": [["comet", "trackio"]]}, "trackio is not installed"),
    ],
)
def test_what_training_would_refuse_is_refused_first(tmp_path: Path, axes: dict[str, Any], told: str) -> None:
    (tmp_path / "empty" / "dataset").mkdir(parents=True)
    axes = json.loads(json.dumps(axes).replace("EMPTY", str(tmp_path / "empty")))
    with pytest.raises(ConfigError, match=told):
        check_plans(plan_cells(make_small(tmp_path, axes)))


@pytest.mark.parametrize("axis", ["problems.path", "train.also"])
def test_held_out_problems_that_any_cell_trains_on_end_the_grid_before_a_thing_is_sampled(
    tmp_path: Path, axis: str
) -> None:
    settings = make_small(tmp_path, {})
    held_out = settings.evaluate.problems.path  # type: ignore[union-attr]
    value: Any = held_out
    if axis == "train.also":
        write_pairs(tmp_path / "other", json.loads(Path(held_out).read_text().splitlines()[0])["question"])
        value = [str(tmp_path / "other")]
    axes = {"axes": {axis: {"own": "as_configured", "leaks": value}}}
    settings = settings.model_copy(update={"ablate": AblateSettings.model_validate(axes)})
    watch = Watch()
    with pytest.raises(DataError, match="were trained on"):
        ablate(settings, watch)
    assert not watch.stages
    assert not (tmp_path / "completions.sqlite").exists()


def write_pairs(folder: Path, question: str) -> None:
    import pyarrow
    import pyarrow.parquet

    def say(role: str, text: str) -> list[dict[str, str]]:
        return [{"role": role, "content": text}]

    row = {
        "id": "a",
        "prompt": say("user", question),
        "chosen": say("assistant", "1"),
        "rejected": say("assistant", "2"),
    }
    (folder / "dataset").mkdir(parents=True)
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist([row]), folder / "dataset" / "train-0.parquet")


def test_an_engine_that_cannot_ask_a_policy_is_told_before_a_thing_is_sampled(tmp_path: Path) -> None:
    settings = make_small(tmp_path, BETAS)
    values = settings.model_dump(mode="json", exclude_unset=True)
    values["evaluate"]["after"] = {"engine": "vllm", "model": "m", "python": "/bin/false"}
    values["ablate"] = settings.ablate.model_dump(mode="json")
    with pytest.raises(ConfigError, match=r"evaluate\.after: python: /bin/false does not run"):
        ablate(ErrataSettings.model_validate(values))
    assert not (tmp_path / "completions.sqlite").exists()


def test_labels_are_shown_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    labels = ("[own_correct]", "a[/b]")
    estimate = Estimate(value=0, interval=(0, 0))
    rest = {"pairs": 1, "fixed": 0, "broken": 0, "p_value": 1, "seconds": 1, "interval": (0, 1), "gain": estimate}
    cells = tuple(Cell(values={"a.[i]": x}, run="r", accuracy=0.5, **rest) for x in labels)  # type: ignore[arg-type]
    ablation = Ablation(axes={"a.[i]": labels}, n=5, before=0.1, cells=cells)
    print_cells(ablation)
    print_effects(ablation)
    shown = capsys.readouterr().out
    assert all(shown.count(label) == 2 for label in labels)
    assert shown.count("[i]") == 2
