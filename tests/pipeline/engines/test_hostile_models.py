"""A model folder that somebody else made: nothing in it runs unless that is asked for."""

from __future__ import annotations

import asyncio
import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.engines import vllm
from pipeline.engines.transformers import Settings
from pipeline.errors import ConfigError, RequestFailed
from pipeline.identity import model_identity
from pipeline.types import Completion, Message, SamplingParams

CODE = """
open({mark!r}, "a").close()
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

class EvilConfig(Qwen3Config):
    model_type = "evil"

class EvilModel(Qwen3ForCausalLM):
    config_class = EvilConfig

class EvilTokenizer(PreTrainedTokenizerFast):
    pass

def generate(*_, **__):
    pass
"""
OWN = {"AutoConfig": "evil.EvilConfig", "AutoModelForCausalLM": "evil.EvilModel"}
GREEDY = SamplingParams(temperature=0.0, max_tokens=4)


class Opens:
    """Makes a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (str(self.mark), "a")


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    """The file that the folder's code would make."""
    return tmp_path / "owned"


@pytest.fixture
def make_model(student_dir: Path, tmp_path: Path, mark: Path) -> Callable[..., Path]:
    """The demo's student with changes to its JSON files, and Python beside it."""

    def make(*, code: str = "evil.py", **changes: dict[str, Any]) -> Path:
        folder = tmp_path / "model"
        shutil.copytree(student_dir, folder)
        (folder / code).parent.mkdir(exist_ok=True)
        (folder / code).write_text(CODE.format(mark=str(mark)))
        for name, values in changes.items():
            file = folder / f"{name}.json"
            file.write_text(json.dumps(json.loads(file.read_text()) | values))
        return folder

    return make


def ask(model: Path, **options: Any) -> list[Completion]:
    async def run() -> list[Completion]:
        async with Settings(model=str(model), **options).create() as engine:
            return await engine.complete((Message(role="user", content="What is 4 * 6?"),), params=GREEDY)

    return asyncio.run(run())


def test_a_model_with_code_of_its_own_is_refused_unless_that_is_trusted(make_model, mark: Path) -> None:
    model = make_model(config={"model_type": "evil", "auto_map": OWN})
    with pytest.raises(ConfigError, match=r"brings Python code of its own, which is not run.*trust_remote_code: true"):
        ask(model)
    assert not mark.exists()
    assert ask(model, trust_remote_code=True)[0].token_ids
    assert mark.exists()


def test_code_beside_a_model_that_is_known_is_left_alone(make_model, mark: Path) -> None:
    own = {
        "auto_map": {"AutoTokenizer": ["evil.EvilTokenizer", "evil.EvilTokenizer"]},
        "tokenizer_class": "EvilTokenizer",
    }
    assert ask(make_model(config={"auto_map": OWN}, tokenizer_config=own))[0].token_ids
    assert not mark.exists()


def test_a_model_that_brings_its_own_way_to_generate_does_not(make_model, mark: Path) -> None:
    assert ask(make_model(code="custom_generate/generate.py"))[0].token_ids
    assert not mark.exists()


def test_a_pickle_is_not_loaded_though_a_decoy_lies_beside_it(make_model, mark: Path) -> None:
    import torch
    from safetensors.torch import save_file

    model = make_model()
    (model / "model.safetensors").unlink()
    (model / "pytorch_model.bin").write_bytes(pickle.dumps({"lm_head.weight": Opens(mark)}))
    with pytest.raises(ConfigError, match=r"no \*\.safetensors weights"):
        ask(model)
    save_file({"x": torch.zeros(1)}, model / "decoy.safetensors")
    with pytest.raises(ConfigError, match=r"no file named model\.safetensors"):
        ask(model)
    assert not mark.exists()


def test_even_weights_of_a_pickle_that_would_load_are_not(make_model, mark: Path) -> None:
    """As plain tensors, which torch would load without running anything."""
    import torch
    from safetensors.torch import load_file, save_file

    model = make_model()
    torch.save(load_file(model / "model.safetensors"), model / "pytorch_model.bin")
    (model / "model.safetensors").unlink()
    save_file({"x": torch.zeros(1)}, model / "decoy.safetensors")
    with pytest.raises(ConfigError, match=r"no file named model\.safetensors"):
        ask(model)


@pytest.mark.parametrize(
    "config",
    [
        {"attn_implementation": "evil/kernel"},
        {"quantization_config": {"quant_method": "gptq", "bits": 4}},
        {"vocab_size": {}},
    ],
)
def test_a_configuration_that_no_model_can_be_made_of_is_told_as_one(make_model, config: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="cannot be loaded"):
        ask(make_model(config=config))


@pytest.mark.parametrize("text", ["5", "[]", "{", "[" * 100_000, "null", "\xff"])
@pytest.mark.parametrize("kind", [Settings, vllm.Settings])
def test_a_description_that_is_no_object_is_told_by_its_file(make_model, kind: Any, text: str) -> None:
    model = make_model()
    (model / "tokenizer_config.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError, match=r"tokenizer_config\.json: (cannot be read|must hold a JSON object)"):
        kind(model=str(model)).check()


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ cycler.__init__.__globals__.os.system('touch MARK') }}",
        "{{ messages.__init__.__globals__ }}",
        "{{ messages.append(1) }}",
        "{{ raise_exception('no\x1b[31m') }}",
        "{% include '/etc/passwd' %}",
    ],
)
def test_a_chat_template_stays_in_its_sandbox(make_model, mark: Path, template: str) -> None:
    model = make_model()
    (model / "chat_template.jinja").write_text(template.replace("MARK", str(mark)))
    with pytest.raises(RequestFailed, match="chat template fails") as caught:
        ask(model)
    assert str(caught.value).isprintable()
    assert not mark.exists()


def test_code_that_is_run_is_part_of_what_a_model_is_known_by(make_model) -> None:
    model = make_model()
    plain, trusted = model_identity(str(model)), model_identity(str(model), code=True)
    (model / "evil.py").write_text("other = 1")
    changed = model_identity(str(model), code=True)
    (model / "deeper").mkdir()
    (model / "deeper" / "evil.py").write_text("another = 1")
    assert model_identity(str(model)) == plain
    assert len({plain, trusted, changed, model_identity(str(model), code=True)}) == 4
