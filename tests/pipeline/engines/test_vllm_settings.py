"""What the settings of a vLLM server may not hold: secrets, pickles, code that nobody asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.engines.vllm import VLLM, Replica, Settings
from pipeline.errors import ConfigError


def test_secrets_have_no_place_in_the_servers_environment(student_dir: Path) -> None:
    with pytest.raises(ValidationError, match="HF_TOKEN looks like a secret"):
        Settings(model=str(student_dir), environment={"HF_TOKEN": "hf_abc"})
    for name, value in {"PGPASSWORD": "x", "GITHUB_PAT": "x", "HTTPS_PROXY": "http://user:word@host"}.items():
        with pytest.raises(ValidationError, match=f"{name} looks like a secret"):
            Settings(model=str(student_dir), environment={name: value})
    Settings(model=str(student_dir), environment={"TOKENIZERS_PARALLELISM": "false", "VLLM_CPU_KVCACHE_SPACE": "1"})


@pytest.mark.parametrize(
    "arguments",
    [
        *(("--api-key", "x"), ("--hf-token=x",), ("--trust-remote-code",), ("--trust_remote_code",)),
        *(("--trust-remote",), ("--trust",), ("--hf-tok", "x"), ("--hf_to=x",), ("--api", "x")),
        *(("--load-format", "pt"), ("--load=pt",), ("--config", "x.yaml"), ("--ssl-keyfile-password=x",)),
    ],
)
def test_what_is_a_secret_or_a_setting_is_no_further_argument(student_dir: Path, arguments: tuple[str, ...]) -> None:
    name = arguments[0].partition("=")[0].replace("_", "-")
    with pytest.raises(ValidationError, match=rf"Value error, {name}[a-z-]*: "):
        Settings(model=str(student_dir), extra_args=("--enforce-eager", *arguments))


def test_other_arguments_are_taken_though_they_begin_alike(student_dir: Path) -> None:
    taken = ("--ssl-keyfile", "key.pem", "--config-format=hf", "--hf-config-path", "x", "-tp", "2")
    assert Settings(model=str(student_dir), extra_args=taken).extra_args == taken
    with pytest.raises(ValidationError, match="looks like a secret"):
        Settings(model=str(student_dir), extra_args=("--otlp-traces-endpoint", "http://user:word@host"))


def test_weights_are_safetensors_and_code_of_the_models_is_run_where_that_is_asked_for(student_dir: Path) -> None:
    def command(**options: Any) -> list[str]:
        replica = Replica(VLLM(Settings(model=str(student_dir), **options)), 0, seeds=True)
        replica.server.close()
        return replica.command()

    assert "--load-format safetensors" in " ".join(command())
    assert "--trust-remote-code" not in command()
    assert "--trust-remote-code" in command(trust_remote_code=True)


def test_an_adapter_that_is_a_pickle_is_refused(student_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text('{"r": 8}')
    (tmp_path / "adapter_model.bin").write_bytes(b"")
    (tmp_path / "decoy.safetensors").write_bytes(b"")
    with pytest.raises(ConfigError, match=r"has no adapter_model\.safetensors"):
        Settings(model=str(student_dir), adapter=tmp_path).check()


@pytest.mark.parametrize("text", ["[]", "{", "[" * 100_000, '{"r": "--trust-remote-code"}', "\ufeff{}", '{"r": null}'])
def test_an_adapter_whose_configuration_is_none_is_told_by_its_file(
    student_dir: Path, tmp_path: Path, text: str
) -> None:
    (tmp_path / "adapter_config.json").write_text(text, encoding="utf-8")
    (tmp_path / "adapter_model.safetensors").write_bytes(b"")
    with pytest.raises(ConfigError, match=r"adapter_config\.json: "):
        Settings(model=str(student_dir), adapter=tmp_path).check()
