"""From axes to cells: the settings of each combination of values, checked before anything is run."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, JsonValue, ValidationError

from errata.ablation_settings import AS_CONFIGURED, AblateSettings, make_label
from errata.config import ErrataSettings
from pipeline.errors import ConfigError
from pipeline.identity import check_model
from pipeline.loading import explain
from pipeline.settings import nearest
from pipeline.types import content_id

FOLDER = "ablation"
"""Folder of a run that holds the runs of its grid."""


@dataclass(frozen=True)
class Plan:
    """A cell that is to be: the label of each axis, the run that it trains and evaluates in, and its data's run."""

    values: dict[str, str]
    settings: ErrataSettings
    """A run of its own below the data's; `train.data` names the folder that it is trained on."""
    data: ErrataSettings | None
    """The run whose pairs these are; None where the configuration names a finished data set in `train.data`."""


def vary(settings: ErrataSettings, options: Sequence[str]) -> ErrataSettings:
    """The settings with `SETTING=A,B,C` options, each a new axis or in place of one. Raises ConfigError.

    A label of the axis that was there stands for its value.
    """
    axes: dict[str, Any] = dict(settings.ablate.axes)
    for option in options:
        axis, equals, text = option.partition("=")
        if not axis or not equals:
            raise ConfigError(f"--vary {option}: want SETTING=A,B,C")
        try:
            values = yaml.safe_load(f"[{text}]")
        except yaml.YAMLError as error:
            raise ConfigError(f"--vary {option}: {text!r} is no list of plain values: {error}") from error
        known = settings.ablate.axes.get(axis, {})
        named = {make_label(value): known.get(make_label(value), value) for value in values}
        axes[axis] = named if len(named) == len(values) > 0 else values
    try:
        ablate = AblateSettings.model_validate({**settings.ablate.model_dump(), "axes": axes})
    except ValidationError as error:
        told = (explain(None, item) for item in error.errors())
        raise ConfigError("\n".join(f"--vary: {'.'.join(keys[1:])}: {message}" for keys, _, message in told)) from error
    return settings.model_copy(update={"ablate": ablate})


def plan_cells(settings: ErrataSettings) -> list[Plan]:
    """The cells of `ablate.axes`, those of one data set together. Raises ConfigError naming axis and value."""
    axes = settings.ablate.axes
    if not axes:
        raise ConfigError("ablate.axes: is empty; name settings with their values, here or as --vary SETTING=A,B,C")
    if (count := math.prod(map(len, axes.values()))) > settings.ablate.most:
        shape = " × ".join(str(len(values)) for values in axes.values())
        most = settings.ablate.most
        raise ConfigError(f"ablate: the grid has {count} cells ({shape}), more than ablate.most, {most}")
    train = [axis for axis in axes if _trains(axis)]
    of_data = [axis for axis in axes if axis not in train]
    return [
        plan_cell(settings, {axis: {**dict(data), **dict(fit)}[axis] for axis in axes}, of_data)
        for data in _combine(axes, of_data)
        for fit in _combine(axes, train)
    ]


def plan_cell(settings: ErrataSettings, labels: Mapping[str, str], of_data: Sequence[str]) -> Plan:
    """One cell; `of_data` are the axes that its data depend on."""
    data_labels = {axis: labels[axis] for axis in of_data}
    fit_labels = {axis: label for axis, label in labels.items() if axis not in of_data}
    above = f"{settings.name}/{FOLDER}"
    fit = apply_labels(settings, fit_labels, above)
    if fit.train.data is not None and of_data:
        raise ConfigError(f"train.data: names a finished data set, which the axis {of_data[0]} would not change")
    data = None
    folder = f"{above}/given"
    if fit.train.data is None:
        folder = f"{above}/{folder_name(settings, data_labels, 'data')}"
        data = apply_labels(settings, data_labels, folder)
    cell = apply_labels(settings, labels, f"{folder}/{folder_name(settings, fit_labels, 'cell')}")
    if data is not None:
        cell = cell.model_copy(update={"train": cell.train.model_copy(update={"data": data.run_dir})})
    return Plan(dict(labels), cell, data)


def apply_labels(settings: ErrataSettings, labels: Mapping[str, str], name: str) -> ErrataSettings:
    """The settings with the values of these labels, as a run of this name without a grid. Raises ConfigError."""
    values: dict[str, Any] = settings.model_dump(mode="json", exclude_unset=True, exclude={"ablate"})
    for axis, label in labels.items():
        if (value := settings.ablate.axes[axis][label]) != AS_CONFIGURED:
            try:
                put(values, settings, axis.split("."), value)
            except ConfigError as error:
                raise ConfigError(f"axis {axis}: {error}") from error
    values["name"] = name
    try:
        return ErrataSettings.model_validate(values)
    except ValidationError as error:
        root = yaml.compose(yaml.safe_dump(values))
        raise ConfigError("\n".join(_blame(labels, *explain(root, item)) for item in error.errors())) from error


def put(values: Any, node: object, keys: Sequence[str], value: JsonValue) -> None:
    """Put a value at the place that `keys` name in `values`, the dump of `node`'s set fields. Raises ConfigError.

    A plain mapping that is a default is kept, so that `train.loss.sft` changes one weight of it and drops no other.
    """
    key, *rest = keys
    below: object = None
    if isinstance(node, BaseModel):
        if key not in type(node).model_fields:
            raise ConfigError(f"unknown key {key!r}{nearest(key, list(type(node).model_fields))}")
        below = getattr(node, key)
    elif isinstance(node, Mapping):
        below = node.get(key)
    elif isinstance(node, list | tuple):
        if not key.isdecimal() or int(key) >= len(node):
            raise ConfigError(f"{key!r} is no place in a list of {len(node)}; they are numbered from 0")
        below = node[int(key)]
    elif node is not None:
        raise ConfigError(f"{key!r}: there is nothing below a plain value")
    at: Any = int(key) if isinstance(values, list) else key
    if not rest:
        values[at] = value
        return
    if isinstance(values, dict) and values.get(at) is None:
        values[at] = {} if isinstance(below, BaseModel | None) else _plain(below)
    put(values[at], below, rest, value)


def folder_name(settings: ErrataSettings, labels: Mapping[str, str], default: str) -> str:
    """A folder's name for these values: their labels, and a hash of what they stand for."""
    if not labels:
        return default
    key = content_id({axis: settings.ablate.axes[axis][label] for axis, label in labels.items()})
    return f"{make_words(labels.values()) or default}-{key[:8]}"


def make_words(parts: Iterable[str]) -> str:
    """What of some words may stand in a file's name: 60 characters at most, none where nothing may."""
    return "-".join(re.sub(r"[^A-Za-z0-9.]+", "_", part).strip("_.") for part in parts)[:60].lstrip("-_.")


def check_plans(plans: Sequence[Plan]) -> None:
    """Look at files, keys, prompts, models, references, losses and loggers before anything is run.

    Raises ConfigError, naming the cell.
    """
    from errata.training import make_arguments, student_model, watch_logs

    seen: set[str] = set()
    for plan in plans:
        run = plan.data or plan.settings
        try:
            if run.name not in seen:
                run.check()
            _check_folders(plan)
            student_model(plan.settings, plan.settings.train)
            if plan.settings.train.reference is not None:
                check_model(plan.settings.train.reference)
            make_arguments(plan.settings, plan.settings.train, Path())
            watch_logs(plan.settings, plan.settings.train, plan.settings.policy_dir)
        except ConfigError as error:
            raise ConfigError(f"{describe(plan.values)}: {error}") from error
        seen.add(run.name)


def _check_folders(plan: Plan) -> None:
    from errata.training import count_rows

    fit = plan.settings.train
    given = {"data": [fit.data] if plan.data is None and fit.data is not None else [], "also": fit.also}
    for key, folders in given.items():
        for folder in folders:
            if not (folder / "dataset").is_dir():
                raise ConfigError(f"train.{key}: {folder} has no folder `dataset`")
    if given["data"] and not any(count_rows(folder, "train") for folder in (*given["data"], *fit.also)):
        raise ConfigError(f"train.data: {fit.data} holds no training pair")


def describe(labels: Mapping[str, str]) -> str:
    """A cell in words."""
    return ", ".join(f"{axis} = {label}" for axis, label in labels.items())


def _trains(axis: str) -> bool:
    return axis == "train" or axis.startswith("train.")


def _combine(axes: Mapping[str, Mapping[str, JsonValue]], of: Sequence[str]) -> Iterable[tuple[tuple[str, str], ...]]:
    """All combinations of the labels of some axes, the last one changing fastest."""
    return itertools.product(*([(axis, label) for label in axes[axis]] for axis in of))


def _plain(value: Any) -> Any:
    """A list or mapping of settings as JSON values."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_unset=True)
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value


def _blame(labels: Mapping[str, str], keys: Sequence[str], _: int | None, message: str) -> str:
    """One invalid setting with the axis and the value that made it so."""
    for axis, label in labels.items():
        parts = axis.split(".")
        if keys and (list(keys[: len(parts)]) == parts or parts[: len(keys)] == list(keys)):
            below = ".".join(keys[len(parts) :])
            return f"axis {axis}, value {label}: {below}{': ' if below else ''}{message}"
    where = f"{'.'.join(keys)}: " if keys else ""
    return f"{describe(labels)}: {where}{message}"
