"""Model folders whose JSON somebody else wrote -> a folder that may be loaded, or an error that names it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from errata.init.models import learning_rate, room_for_answers
from pipeline.engines import transformers, vllm
from pipeline.errors import ConfigError
from pipeline.identity import check_folder, model_identity
from tests.fuzz.target import Target, keep
from tests.fuzz.texts import expand, json_texts, json_values, mostly, to_bytes

FINE = {
    "config.json": '{"model_type": "qwen3", "max_position_embeddings": 512, "dtype": "float32"}',
    "tokenizer_config.json": '{"chat_template": "{{ messages }}"}',
    "adapter_config.json": '{"r": 8}',
}
SETTINGS = st.dictionaries(
    st.sampled_from(("r", "chat_template", "max_position_embeddings", "dtype", "torch_dtype", "auto_map")),
    json_values(),
    max_size=3,
)
CONTENTS = mostly(json_texts(), SETTINGS.map(str), st.just(""), st.just("\udcff\udcfe{}"))
INPUTS = st.dictionaries(st.sampled_from(tuple(FINE)), CONTENTS, min_size=1)


def run(given: Any, folder: Path) -> str:
    for name, text in (FINE | given).items():
        (folder / name).write_bytes(to_bytes(expand(text)))
    (folder / "model.safetensors").write_bytes(b"\0" * 64)
    known = model_identity(str(folder))
    keep(known == model_identity(str(folder)), "the same folder is another model")
    student = transformers.Settings(model=str(folder))
    outcomes = []
    for name, read in (
        ("folder", lambda: check_folder(folder)),
        ("rank", vllm.Settings(model=str(folder), adapter=folder).adapter_rank),
        ("room", lambda: room_for_answers(student)),
        ("rate", lambda: learning_rate(str(folder))),
    ):
        try:
            read()
            outcomes.append(name)
        except ConfigError as error:
            keep(str(folder) in str(error), f"the error does not name the file: {error}")
    return " ".join(outcomes) or "nothing is read"


TARGET = Target("models", INPUTS, run)
