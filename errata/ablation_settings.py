"""Which settings a grid varies, and how: `ablate.axes`."""

from __future__ import annotations

import json
from typing import Annotated, Any

import yaml
from pydantic import BeforeValidator, Field, JsonValue, field_validator

from pipeline.settings import Settings

AS_CONFIGURED = "as_configured"
"""The value that leaves a setting as it is without the grid."""
ALIKE = ("ablate", "clean", "evaluate", "loop", "name", "runs_dir", "sft")
"""Sections that no axis may be in: they do nothing to a cell, or decide how cells are measured."""


def make_label(value: object) -> str:
    """A value as its own label: words as they are, anything else as YAML has it on one line."""
    if isinstance(value, dict | list):
        return yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10_000, allow_unicode=True).strip()
    return value if isinstance(value, str) else json.dumps(value, default=str)


def label_values(axis: object) -> object:
    """The values of an axis by label; a list stands for values that are their own labels."""
    pairs: list[tuple[object, Any]]
    if isinstance(axis, list):
        pairs = [(make_label(value), value) for value in axis]
    elif isinstance(axis, dict):
        pairs = list(axis.items())
    else:
        raise ValueError("must be a list of values, or values by label")
    if not pairs:
        raise ValueError("has no value")
    for label, _ in pairs:
        if isinstance(label, bool) or label is None:
            raise ValueError(f"label {json.dumps(label)}: YAML reads this word as a truth value; put it in quotes")
    labels = [str(label) for label, _ in pairs]
    if twice := [label for label in labels if labels.count(label) > 1]:
        raise ValueError(f"{twice[0]!r} stands there twice")
    return dict(zip(labels, (value for _, value in pairs), strict=True))


Axis = Annotated[dict[str, JsonValue], BeforeValidator(label_values)]


class AblateSettings(Settings):
    """The grid of `errata ablate`: one policy for each combination of values."""

    axes: dict[str, Axis] = {}
    """By dotted setting, its values by label, or a list of values that are their own labels. The value `as_configured`
    leaves the setting as it is without the grid."""
    most: int = Field(default=64, ge=1)
    """Cells that a grid may have; a larger one is an error."""
    keep_policies: bool = False
    """Keep the policy of every cell; by default it is deleted once it is evaluated."""

    @field_validator("axes")
    @classmethod
    def _apart(cls, axes: dict[str, Axis]) -> dict[str, Axis]:
        for axis in axes:
            if (section := axis.partition(".")[0]) in ALIKE:
                raise ValueError(f"{axis}: is no axis, since `{section}` is the same for all cells")
            if above := next((other for other in axes if axis.startswith(f"{other}.")), None):
                raise ValueError(f"{axis}: is a part of the axis {above}; vary one of them")
        return axes
