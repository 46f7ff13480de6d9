"""Configuration: YAML, dotted options and environment variables -> settings that pass their checks, or ConfigError."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args
from unittest import mock

import yaml
from hypothesis import strategies as st
from pydantic import BaseModel

from pipeline.errors import ConfigError
from tests.fuzz.edits import apply, edits
from tests.fuzz.target import Broken, Target, keep
from tests.fuzz.texts import FRAGMENTS, KINDS, RAW, expand, json_values, mostly, to_bytes

ROOT = Path(__file__).parents[2]
ENDPOINT = {"engine": "endpoint", "base_url": "http://127.0.0.1:9/v1", "model": "m"}
RICH: dict[str, Any] = {
    "name": "a/b",
    "problems": {"path": "p.jsonl", "decontaminate": {"files": ["e.jsonl"]}, "extras": ["level"], "rationale": "r"},
    "student": {"engine": "pool", "endpoints": {"one": ENDPOINT, "two": {**ENDPOINT, "headers": {"x": "y"}}}},
    "teachers": {"t": {**ENDPOINT, "input_price": 1, "output_price": 2}},
    "checker": {"checker": "chain", "first": "math", "second": {"checker": "judge", "engine": ENDPOINT}},
    "budget": {"max_cost": 5},
    "sample": {"n": 4, "params": {"temperature": 0.7}},
    "format": {"student": {"final": "#### {answer}", "layout": "lines"}},
    "correct": {"rungs": ["own_correct", {"rung": "revise", "teacher": "t"}, {"rung": "continue_fix", "teacher": "t"}]},
    "pair": {
        "cleanups": [{"cleanup": "replace", "pattern": "(a)", "replacement": "\\1"}],
        "views": ["direct", "revise"],
    },
    "filters": ["leak", {"filter": "length_ratio", "at_most": 3}],
    "audit": {"most_prompts": 100},
    "evaluate": {"problems": {"path": "e.jsonl"}, "models": {"m": ENDPOINT}, "second_turn": {}},
    "train": {"loss": {"dpo": 1.0}},
    "ablate": {"axes": {"train.beta": [0.1, 0.3]}},
}
SHIPPED = [yaml.safe_load(file.read_text(encoding="utf-8")) for file in sorted((ROOT / "configs").glob("*.yaml"))]
SMALL = {"name": "s", "problems": {"path": "p.jsonl"}, "student": {"engine": "scripted", "replies": ["#### 7"]}}
SEEDS = [RICH, RICH, SMALL, *SHIPPED]
PARTS = KINDS["settings"]
"""What might well stand in a configuration."""
YAML = [*KINDS["yaml"], "9" * 5000, "[" * 2000, "{a: " * 400 + "}" * 400]
LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(8)
)
"""A document of a few hundred bytes that means 9^9 texts."""


def fields(model: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The dotted paths of all settings, those of every component included; a chain's checkers are no chains."""
    for name, field in model.model_fields.items():
        here = (*path, name)
        yield here
        if name not in path and not {"first", "second"} <= {name, *path}:
            below = (*here, "t") if "dict[str" in str(field.annotation) else here
            yield from sorted({deeper for kind in models(field.annotation) for deeper in fields(kind, below)})


def places(settings: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The dotted paths of what stands in a configuration."""
    for key, value in settings.items() if isinstance(settings, Mapping) else ():
        yield (*path, key)
        yield from places(value, (*path, key))


def models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models in an annotation."""
    if isinstance(annotation, type) and not get_args(annotation) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from models(part)


def all_fields() -> list[tuple[str, ...]]:
    """Of the settings of all commands."""
    from errata.config import ErrataSettings

    return list(dict.fromkeys(fields(ErrataSettings)))


def inputs() -> st.SearchStrategy[Any]:
    """A seed with some settings changed or dropped, edits of its bytes, options and variables."""
    odd_values = st.sampled_from((*RAW, *FRAGMENTS))
    values = mostly(st.sampled_from(PARTS), st.sampled_from(YAML), odd_values, json_values().map(write_plain))
    known = st.sampled_from(all_fields()).map(list)
    given = st.sampled_from(sorted({path for seed in SEEDS for path in places(seed)})).map(list)
    odd = st.tuples(known, st.sampled_from(("x", "", "0", "1"))).map(lambda p: [*p[0], p[1]])
    paths = mostly(given, known, known, odd)
    settings = st.lists(st.tuples(paths, values).map(list), max_size=3)
    dashed = st.tuples(paths.map(lambda p: "--" + ".".join(p)), values).map(list)
    odd_options = st.sampled_from(
        (["--"], ["x"], ["--="], ["--.=1"], ["--a"], ["--name.x=1"], ["--sample=3", "--sample.n=4"])
    )
    options = st.lists(dashed | dashed | odd_options, max_size=2).map(
        lambda pairs: [part for pair in pairs for part in pair]
    )
    names = paths.map(lambda p: "ERRATA_" + "__".join(p).upper().replace("=", "").replace("\x00", ""))
    plain = values.filter(lambda v: "\x00" not in v and v.isprintable())
    return st.fixed_dictionaries(
        {
            "seed": st.integers(0, len(SEEDS) - 1),
            "set": settings,
            "edits": mostly(st.just([]), edits(*YAML, most=2)),
            "options": mostly(st.just([]), options),
            "environment": mostly(st.just({}), st.dictionaries(names, plain, max_size=2)),
        }
    )


def write(value: Any) -> str:
    """YAML in flow style; a raw text stands as it is."""
    if isinstance(value, Raw):
        return value
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{write(key)}: {write(below)}" for key, below in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(write, value)) + "]"
    return write_plain(value)


def write_plain(value: Any) -> str:
    """YAML on one line."""
    return (
        yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10_000).removesuffix("\n...\n").strip()
    )


class Raw(str):
    """Text that is written as it is."""


def change(settings: Any, path: list[str], value: str) -> Any:
    """The settings with one of them replaced, whatever stood in its way."""
    if not path:
        return Raw(value)
    if isinstance(settings, list) and settings:
        return [change(settings[0], path, value), *settings[1:]]
    inner = dict(settings) if isinstance(settings, Mapping) else {}
    return {**inner, path[0]: change(inner.get(path[0]), path[1:], value)}


def run(given: Any, folder: Path) -> str:
    from errata.config import load
    from pipeline.run import dump_settings

    settings = SEEDS[given["seed"]]
    for path, value in given["set"]:
        settings = change(settings, path, value)
    text = "".join(f"{write(key)}: {write(value)}\n" for key, value in settings.items()) if "text" not in given else ""
    file = folder / "config.yaml"
    file.write_bytes(apply(to_bytes(text or expand(given["text"])), given["edits"]))
    again = folder / "again.yaml"
    for name in ("p.jsonl", "e.jsonl", "example_model_solutions.jsonl"):
        (folder / name).write_text('{"question": "q", "answer": "7"}\n')
    with mock.patch.dict(os.environ, {"DEEPSEEK_API_KEY": "k", **given["environment"]}):
        loaded = load(file, given["options"])
        again.write_text(dump_settings(loaded), encoding="utf-8")
    try:
        keep(load(again, ()) == loaded, "settings that are written down and loaded again are others")
    except ConfigError as error:
        raise Broken(f"settings that are written down cannot be loaded again: {error}") from error
    with contextlib.chdir(folder), mock.patch.dict(os.environ, {"DEEPSEEK_API_KEY": "k"}):
        loaded.check()
    return "loaded and checked"


TARGET = Target("config", inputs(), run)
