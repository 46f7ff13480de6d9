"""A process that we start is given no secret, whatever its variable is called."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from pipeline.engines import endpoint, vllm
from pipeline.serving.secrets import child_environment, find_secret, is_secret_name
from pipeline.serving.server import ManagedServer, ServerDied

SECRETS = (
    *("DEEPSEEK_API_KEY", "HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "SSH_AUTH_SOCK", "db-password", "Named_By_Settings"),
    *("PGPASSWORD", "MYSQL_PWD", "DB_PASS", "GITHUB_PAT", "HFTOKEN", "OPENAIKEY", "AWS_CREDENTIALS", "DATABASE_URL"),
    *("OPENAI_CUSTOM_HEADERS", "SLACK_WEBHOOK", "SENTRY_DSN"),
)
PLAIN = (
    *("CUDA_VISIBLE_DEVICES", "TOKENIZERS_PARALLELISM", "VLLM_CPU_KVCACHE_SPACE", "HF_HOME", "MONKEYS", "KEYBOARD"),
    *("OLDPWD", "MANPATH", "GIT_AUTHOR_NAME", "VLLM_MULTI_STREAM_GEMM_TOKEN_THRESHOLD", "VLLM_ENABLE_PREGRAD_PASSES"),
)
PROXY = "http://user:word@proxy:8080"


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
    assert "PWD" in given or "PWD" not in os.environ


def test_a_childs_environment_has_no_variable_whose_value_is_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", PROXY)
    monkeypatch.setenv("HTTP_PROXY", "http://proxy:8080")
    monkeypatch.setenv("SETTINGS_OF_MINE", "sk-proj-0123456789")
    given = child_environment()
    assert "HTTPS_PROXY" not in given
    assert "SETTINGS_OF_MINE" not in given
    assert given["HTTP_PROXY"] == "http://proxy:8080"


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


def test_a_models_server_gets_the_hubs_token_only_where_it_has_to_ask_the_hub(
    student_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", PROXY)

    def given(model: str) -> dict[str, str]:
        settings = vllm.Settings(model=model)
        replica = vllm.Replica(vllm.VLLM(settings), 0, seeds=True)
        replica.server.close()
        return replica.environment()

    assert "HF_TOKEN" not in given(str(student_dir))
    assert "HTTPS_PROXY" not in given(str(student_dir))
    assert given("org/gated-model")["HF_TOKEN"] == "value of HF_TOKEN"
    assert given("org/gated-model")["HTTPS_PROXY"] == PROXY
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
        ({"fsdp_config": {"hub_token": "x"}}, "hub_token"),
        ({"told": ["Bearer abc"]}, "told"),
        ({"X-Of-Mine": "Basic dXNlcjp3b3Jk"}, "X-Of-Mine"),
        ({"model": {"name": "sk-proj-0123456789"}}, "name"),
        ({"of": "with hf_abcdefghijklmnopqrst"}, "of"),
        ({"proxy": PROXY}, "proxy"),
        ({"pem": "-----BEGIN RSA PRIVATE KEY-----"}, "pem"),
        ({"stop_token_ids": [1], "prompt_cache_key": "a", "min_tokens": 1, "api_key": None, "password": ""}, None),
        ({"guided_json": {"properties": {"password": {"type": "string"}}, "required": ["password"]}}, None),
        ({"of": "a task-oriented text; Basic sums are asked", "at": "http://h:80/a@b", "locale": "sk-SK"}, None),
    ],
)
def test_a_secret_in_a_value_is_found_by_its_name_or_its_text(value: dict[str, object], found: str | None) -> None:
    assert find_secret(value) == found  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "name",
    [
        *("api-key", "apikey", "X-Api-Key", "x-goog-api-key", "token", "auth_token", "hf_token", "hfToken", "HFTOKEN"),
        *("credentials", "private_key", "access_key", "AWS_ACCESS_KEY_ID", "passphrase", "db-password", "secret_key"),
        *("push_to_hub_token", "Proxy-Authorization", "Cookie", "x-auth", "access_tokens", "github_pat", "HFToken"),
    ],
)
def test_a_name_tells_of_a_secret(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    [
        *("max_tokens", "min_tokens", "max_completion_tokens", "stop_token_ids", "allowed_token_ids", "tokenizer"),
        *("add_special_tokens", "skip_special_tokens", "ignore_eos_token", "pad_token", "eos_token", "tokens"),
        *("num_key_value_heads", "key_value_heads", "prompt_cache_key", "Idempotency-Key", "monkey", "thinking_tokens"),
        *("tokenizer_mode", "pattern", "path", "author", "X-Title", "HTTP-Referer", "label_names"),
    ],
)
def test_a_name_that_only_looks_like_one_tells_of_none(name: str) -> None:
    assert not is_secret_name(name)
