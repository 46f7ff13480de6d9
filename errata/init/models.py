"""Students and teachers from what a person types: folders, hub ids, `MODEL@ADDRESS`, providers by name."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from errata.init.plan import LEARNING_RATE, MAX_TOKENS
from pipeline.engines import endpoint, transformers, vllm
from pipeline.engines.base import EngineSettings
from pipeline.errors import ConfigError
from pipeline.identity import check_model, read_json_object
from pipeline.serving.client import is_loopback
from pipeline.settings import nearest

SERVED = re.compile(r"(?:(?P<name>[A-Za-z][\w.-]{0,40})=)?(?P<model>[^@\s][^\s]*)@(?P<url>https?://\S+)")
PRESETS: Mapping[str, dict[str, Any]] = {
    "openai": {
        "base_url": "https://api.openai.com/v1",
        "model": "gpt-5-mini",
        "api_key_env": "OPENAI_API_KEY",
        "token_limit_field": "max_completion_tokens",
        "omit": ["temperature", "top_p", "stop"],
        "extra_body": {"reasoning_effort": "low"},
        "input_price": 0.25,
        "output_price": 2.0,
    },
    "deepseek": {
        "base_url": "https://api.deepseek.com/v1",
        "model": "deepseek-chat",
        "api_key_env": "DEEPSEEK_API_KEY",
        "omit": ["n"],
        "input_price": 0.28,
        "output_price": 0.42,
    },
    "qwen": {
        "base_url": "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
        "model": "qwen-plus",
        "api_key_env": "DASHSCOPE_API_KEY",
        "requests_per_minute": 600,
        "tokens_per_minute": 1000000,
        "extra_body": {"enable_thinking": False},
    },
    "openrouter": {
        "base_url": "https://openrouter.ai/api/v1",
        "model": "deepseek/deepseek-chat",
        "api_key_env": "OPENROUTER_API_KEY",
        "headers": {"X-Title": "errata"},
        "extra_body": {"provider": {"sort": "throughput"}},
    },
}
"""The providers of docs/engines.md; prices are examples."""
RUNS = {
    "transformers": "in this process; needs no server",
    "vllm": "served by vLLM on this machine for the time of the run",
    "endpoint": "an OpenAI-compatible server",
}
"""Engines that are offered for a student, and what they are."""
SMALL, SMALL_RATE = 50_000_000, 5e-5
"""Parameters below which a model takes a larger learning rate."""


def has_gpu() -> bool:
    """Whether this machine seems to have one; nothing heavy is imported to find out."""
    return shutil.which("nvidia-smi") is not None or Path("/proc/driver/nvidia").exists()


def guess_engine() -> str:
    """What runs a model on this machine."""
    return "vllm" if has_gpu() and importlib.util.find_spec("vllm") is not None else "transformers"


def make_student(told: str, engine: str | None = None, key: str | None = None) -> EngineSettings:
    """A folder or hub id, or `MODEL@ADDRESS`; `key` names the variable of an endpoint's key. Raises ConfigError."""
    if engine is not None and engine not in RUNS:
        raise ConfigError(f"unknown engine {engine!r}{nearest(engine, list(RUNS))}")
    served = SERVED.fullmatch(told)
    if served or engine == "endpoint" or told.startswith(("http://", "https://")):
        if served is None:
            raise ConfigError(f"{told}: a server's model is given as MODEL@ADDRESS, such as m@http://127.0.0.1:8000/v1")
        if engine not in (None, "endpoint"):
            raise ConfigError(f"{told} is a server, which the engine {engine} does not ask; leave the engine out")
        return make_endpoint({"base_url": served["url"], "model": served["model"]}, key)
    if not told:
        raise ConfigError("a folder, a hub id, or MODEL@ADDRESS")
    check_model(told)
    if not Path(told).is_dir() and not re.fullmatch(r"[\w.-]+/[\w.-]+", told):
        raise ConfigError(f"{told}: is neither a folder nor the id of a hub model, such as Qwen/Qwen3-1.7B")
    if (engine or guess_engine()) == "vllm":
        return vllm.Settings(engine="vllm", model=told)
    return transformers.Settings(engine="transformers", model=told)


def make_teacher(told: str, key: str | None = None) -> tuple[str, endpoint.Settings]:
    """Name and settings: a provider's name, `PROVIDER=MODEL`, or `NAME=MODEL@ADDRESS`. Raises ConfigError."""
    if served := SERVED.fullmatch(told):
        name = served["name"] or "teacher"
        if name == "student":
            raise ConfigError("the name student is taken; call this teacher something else")
        return name, make_endpoint({"base_url": served["url"], "model": served["model"]}, key)
    name, _, model = told.partition("=")
    if name not in PRESETS:
        offered = [*PRESETS, "reference", "none"]
        raise ConfigError(f"unknown teacher {told!r}{nearest(name, offered)}, or NAME=MODEL@ADDRESS")
    return name, make_endpoint({**PRESETS[name], **({"model": model} if model else {})}, key)


def make_endpoint(values: Mapping[str, Any], key: str | None = None) -> endpoint.Settings:
    """Settings of a server. Raises ConfigError."""
    try:
        return endpoint.Settings.model_validate(
            {"engine": "endpoint", **values, **({"api_key_env": key} if key is not None else {})}
        )
    except ValidationError as error:
        wrong = error.errors()[0]
        raise ConfigError(f"{wrong['loc'][-1]}: {wrong['msg'].removeprefix('Value error, ')}") from error


def parse_variable(text: str) -> str | None:
    """The name of an environment variable that holds a key; None for an empty text.

    Raises ConfigError for what looks like a key; the message does not repeat it.
    """
    if not text:
        return None
    usual = re.fullmatch(r"[A-Z_][A-Z0-9_]{0,39}", text) is not None and sum(c.isdigit() for c in text) < 5
    if not (usual or (re.fullmatch(r"[A-Za-z_]\w{0,39}", text) and text in os.environ)):
        raise ConfigError("give the name of an environment variable, such as OPENAI_API_KEY, and not the key itself")
    return text


def key_is_missing(engine: EngineSettings) -> str | None:
    """The variable that has to be set before this engine can be asked; None where nothing is missing."""
    name = getattr(engine, "api_key_env", None)
    return name if name is not None and not os.environ.get(name) else None


def is_local(engine: EngineSettings) -> bool:
    """Whether the engine is a server on this machine, which costs nothing."""
    return is_loopback(getattr(engine, "base_url", ""))


def room_for_answers(student: EngineSettings) -> int:
    """Tokens of an answer: at most half of a local model's context."""
    described = Path(student.local_model or "") / "config.json"
    if student.local_model is None or not described.is_file():
        return MAX_TOKENS
    context = read_json_object(described).get("max_position_embeddings")
    return min(MAX_TOKENS, context // 2) if isinstance(context, int) and context > 1 else MAX_TOKENS


def learning_rate(model: str | None) -> float:
    """Of a local model by its size, as far as that is known."""
    folder = Path(model or "")
    if model is None or not folder.is_dir():
        return LEARNING_RATE
    described = read_json_object(folder / "config.json")
    width = 4 if described.get("dtype", described.get("torch_dtype")) == "float32" else 2
    size = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    return SMALL_RATE if 0 < size / width < SMALL else LEARNING_RATE
