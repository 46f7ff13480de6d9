"""A process that we start is given no secret, whatever its variable is called."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from pipeline.engines import endpoint, vllm
from pipeline.serving.secrets import child_environment, secret_field
from pipeline.serving.server import ManagedServer, ServerDied

SECRETS = ("DEEPSEEK_API_KEY", "HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "SSH_AUTH_SOCK", "db-password", "Named_By_Settings")
PLAIN = ("CUDA_VISIBLE_DEVICES", "TOKENIZERS_PARALLELISM", "VLLM_CPU_KVCACHE_SPACE", "HF_HOME", "MONKEYS", "KEYBOARD")


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*SECRETS, *PLAIN):
        monkeypatch.setenv(name, f"value of {name}")
    monkeypatch.setenv("NAMED_KEY_OF_A_HEADER", "value-of-a-header")
    monkeypatch.setenv("Named_By_Settings", "value-of-a-key")


def test_a_childs_environment_has_no_keys_and_no_variable_that_settings_name_as_one() -> None:
    teacher = endpoint.Settings(base_url="http://h/v1", model="m", api_key_env="Named_By_Settings")
    teacher.check()
    given = child_environment()
    assert not given.keys() & set(SECRETS)
    assert given.keys() >= set(PLAIN)
    assert child_environment(keep=("HF_TOKEN",))["HF_TOKEN"] == "value of HF_TOKEN"


def test_a_managed_server_sees_none_of_them(tmp_path: Path) -> None:
    endpoint.Settings(base_url="http://h/v1", model="m", api_key_env="Named_By_Settings").check()
    script = "import os; print(sorted(os.environ)); raise SystemExit(1)"
    server = ManagedServer("s", [sys.executable, "-c", script], {"OWN": "1"}, "http://127.0.0.1:9/health", 30.0)

    async def start() -> None:
        with pytest.raises(ServerDied):
            await server.start()
        await server.stop()

    asyncio.run(start())
    told = server.output()
    server.close()
    assert all(f"'{name}'" in told for name in (*PLAIN, "OWN"))
    assert not any(f"'{name}'" in told for name in SECRETS)


def test_a_models_server_gets_the_hubs_token_only_where_it_has_to_ask_the_hub(student_dir: Path) -> None:
    def given(model: str) -> dict[str, str]:
        settings = vllm.Settings(model=model)
        replica = vllm.Replica(vllm.VLLM(settings), 0, seeds=True)
        replica.server.close()
        return replica.environment()

    assert "HF_TOKEN" not in given(str(student_dir))
    assert given("org/gated-model")["HF_TOKEN"] == "value of HF_TOKEN"
    assert not given("org/gated-model").keys() & (set(SECRETS) - {"HF_TOKEN"})


def test_what_a_server_wrote_is_shown_without_acting_and_only_its_end_is_read(tmp_path: Path) -> None:
    server = ManagedServer("s", ["true"], {}, "http://127.0.0.1:9/health", 1.0)
    server.log_file.write_bytes(b"x" * (1 << 20) + b"\n\x1b[31mred\x1b[0m \x1b]0;title\x07 \xff last\n")
    shown = server.tail()
    assert len(server.output()) < 1 << 19
    assert shown.splitlines()[-1] == "  | red \\x1b]0;title\\x07 \ufffd last"
    server.close()


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({"api_key": "sk-1"}, "api_key"),
        ({"provider": {"options": [{"Authorization": "Bearer x"}]}}, "Authorization"),
        ({"access_token": ["a"]}, "access_token"),
        ({"stop_token_ids": [1], "prompt_cache_key": "a", "min_tokens": 1, "api_key": None, "password": ""}, None),
    ],
)
def test_a_field_of_a_body_that_looks_like_a_secret_is_found(value: dict[str, object], found: str | None) -> None:
    assert secret_field(value) == found  # type: ignore[arg-type]
