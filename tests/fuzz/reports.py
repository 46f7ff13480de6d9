"""A run from somebody else, whose `config.yaml` is whatever they wrote -> its page, or an error that names the file."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from tests.fuzz.config import RICH, YAML, all_fields, change, write, write_plain
from tests.fuzz.edits import apply, edits
from tests.fuzz.runs import finished
from tests.fuzz.target import Target, command, keep, told
from tests.fuzz.texts import expand, json_values, mostly, to_bytes

SHOWN = ("student", "teachers", "teachers.t", "teachers.t.engine", "train", "train.loss", "train.beta", "sample")
"""Settings that a page tells of."""
VALUES = mostly(json_values().map(write_plain), st.sampled_from(YAML), of=3)
PATHS = mostly(st.sampled_from(SHOWN).map(lambda name: name.split(".")), st.sampled_from(all_fields()).map(list), of=3)
INPUTS = st.one_of(
    st.fixed_dictionaries(
        {
            "set": st.lists(st.tuples(PATHS, VALUES).map(list), max_size=3),
            "edits": mostly(st.just([]), edits(*YAML, most=2)),
        }
    ),
    VALUES.map(lambda text: {"text": text, "edits": []}),
)


def run(given: Any, folder: Path) -> str:
    run = folder / "run"
    shutil.copytree(finished()[0] / "runs" / "run", run)
    settings: Any = RICH
    for path, value in given.get("set", ()):
        settings = change(settings, path, value)
    plain = "".join(f"{write(key)}: {write(value)}\n" for key, value in settings.items())
    text = expand(given["text"]) if "text" in given else plain
    (run / "config.yaml").write_bytes(apply(to_bytes(text), given["edits"]))
    code, _, err = command("report", run, "--out", folder / "page.html")
    keep(code == 0 or str(run / "config.yaml") in err, f"the error does not name the file: {err}")
    return told(code, err, folder)


TARGET = Target("reports", INPUTS, run, examples=4)
