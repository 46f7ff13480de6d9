"""Any OpenAI-compatible server, through the `openai` package: hosted models, a running vLLM, SGLang, Ollama."""

from __future__ import annotations

import json
import logging
import os
import re
import time
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, JsonValue, field_validator

from pipeline.engines.base import Engine, EngineSettings
from pipeline.errors import (
    ConfigError,
    EngineUnusable,
    ErrataError,
    MalformedReply,
    RequestFailed,
    StoppedEarly,
    TryFailed,
)
from pipeline.serving.circuit import Circuit, EndpointPaused
from pipeline.serving.client import Client
from pipeline.serving.failures import Refused
from pipeline.serving.pace import Pace, RateCap
from pipeline.serving.replies import Reasoning, read_reply
from pipeline.serving.secrets import find_secret, note_secrets
from pipeline.types import Completion, Message, SamplingParams, Usage, content_id

log = logging.getLogger(__name__)
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Limits(EngineSettings):
    """How a server is asked: what endpoints and managed servers have in common."""

    timeout: float = Field(default=600.0, gt=0)
    """Seconds without an answer after which a request is given up and tried again."""
    max_retries: int = Field(default=5, ge=0)
    """Further tries, with back-off, on rate limits, overload, server errors, broken connections and time-outs."""
    retry_wait: float = Field(default=1.0, gt=0)
    """Seconds before the first retry, at most; doubled for each further one, up to 60 times that, drawn at random."""
    min_concurrency: int = Field(default=1, ge=1)
    """Requests that may always be in flight, however overloaded the server says it is."""
    max_concurrency: int = Field(default=256, ge=1)
    """Requests in flight at most; how many there are is found by trying."""
    breaker_failures: int = Field(default=10, ge=1)
    """Failed tries in a row after which the server is left alone for a while."""
    breaker_pause: float = Field(default=10.0, gt=0)
    """Seconds it is left alone; doubled each time, up to six times that."""
    outage: float = Field(default=600.0, ge=0)
    """Seconds without any success after which the run stops (exit code 3), to be resumed when the server is back."""
    reasoning: Reasoning = "apart"
    """`apart`: `reasoning_content` and `<think>…</think>` are recorded beside the answer; `keep`: inside it."""
    extra_body: dict[str, JsonValue] = {}
    """Further fields of the request's body, for what a server takes beyond the standard; no secrets."""

    @field_validator("extra_body")
    @classmethod
    def _no_secret_fields(cls, value: dict[str, JsonValue]) -> dict[str, JsonValue]:
        if (name := find_secret(value)) is not None:
            raise ValueError(f"{name} looks like a secret: send it as a header, its variable named in headers_env")
        return value


class Settings(Limits):
    """Where the server is and how to ask it."""

    billed: ClassVar[bool] = True
    engine: Literal["endpoint"] = "endpoint"
    base_url: str
    """For example `http://127.0.0.1:8000/v1`."""
    model: str
    """The model's name, as the server lists it."""
    api_key_env: str | None = None
    """Name of the environment variable that holds the key; the key itself is never written anywhere."""
    headers: dict[str, str] = {}
    """Further HTTP headers without secrets."""
    headers_env: dict[str, str] = {}
    """Further HTTP headers whose values are in environment variables: header name to variable name."""
    omit: tuple[Literal["temperature", "top_p", "max_tokens", "seed", "stop", "n"], ...] = ()
    """Fields that are not sent, for servers that refuse them; without `n`, samples are asked for one by one."""
    token_limit_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"  # noqa: S105
    """How the server calls the limit of written tokens."""
    requests_per_minute: float | None = Field(default=None, gt=0)
    """Cap on requests a minute."""
    tokens_per_minute: float | None = Field(default=None, gt=0)
    """Cap on tokens a minute, by a guess of each request's tokens."""
    json_schema: bool = False
    """Whether the server makes a text follow a JSON schema (`response_format`); `errata teachers` finds out."""
    continuation: Literal["vllm", "prefix"] | None = None
    """How the server goes on from an answer that is begun: `vllm` (`continue_final_message`: vLLM, SGLang), `prefix`
    (a field of the message: DeepSeek's beta address, Mistral); null where it cannot."""
    input_price: float | None = Field(default=None, ge=0)
    """Price of a million prompt tokens, in the currency you like."""
    output_price: float | None = Field(default=None, ge=0)
    """Price of a million completion tokens."""

    @field_validator("base_url")
    @classmethod
    def _plain_address(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("must be an address such as https://host/v1")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("must hold no key, user name or query; name the key's variable in api_key_env")
        if not (value.isascii() and value.isprintable()) or " " in value:
            raise ValueError("must hold nothing but printable ASCII characters, and no space")
        return value

    @field_validator("headers")
    @classmethod
    def _no_secret_headers(cls, value: dict[str, str]) -> dict[str, str]:
        if (name := find_secret({**value})) is not None:
            raise ValueError(f"{name} looks like a secret: name its variable in headers_env; headers are written down")
        return value

    @field_validator("api_key_env", "headers_env")
    @classmethod
    def _names_of_variables(cls, value: str | dict[str, str] | None) -> str | dict[str, str] | None:
        names = value.values() if isinstance(value, dict) else [value] if value is not None else []
        if not all(VARIABLE.fullmatch(name) for name in names):
            raise ValueError("must be the name of an environment variable that holds the key, not the key itself")
        return value

    @property
    def continues(self) -> bool:
        return self.continuation is not None

    @property
    def enforces_schema(self) -> bool:
        return self.json_schema

    def create(self) -> Engine:
        return Endpoint(self)

    def cost(self, usage: Usage) -> float | None:
        if self.input_price is None or self.output_price is None:
            return None
        return (usage.prompt_tokens * self.input_price + usage.completion_tokens * self.output_price) / 1e6

    def check(self) -> None:
        self.secrets()

    def secrets(self) -> dict[str, str]:
        """Values of the variables named in `api_key_env` and `headers_env`. Raises ConfigError naming one to set."""
        names = [*([self.api_key_env] if self.api_key_env else []), *self.headers_env.values()]
        note_secrets(names)
        for name in names:
            if not os.environ.get(name):
                raise ConfigError(f"endpoint {self.base_url}: set the environment variable {name} to its key")
        values = {name: os.environ[name].strip() for name in names}
        for name, value in values.items():
            if not value.isprintable() or not value.isascii():
                raise ConfigError(f"endpoint {self.base_url}: the key in {name} holds characters that no key has")
        return values


class Endpoint(Engine):
    """Asks a server. Samples with a seed go out as single requests, each with its own seed, side by side."""

    def __init__(self, settings: Settings, key: str | None = None) -> None:
        super().__init__()
        self.settings = s = settings
        self._key = key
        self.worth_retrying: Callable[[], bool] = lambda: True
        """Asked before a retry; a managed server that has ended is restarted instead."""
        self.capacity = s.max_concurrency
        self.pace = Pace(s.min_concurrency, s.max_concurrency)
        self.caps = RateCap(s.requests_per_minute, s.tokens_per_minute)
        self.one_by_one = "n" in s.omit
        self.in_pool = False
        """Whether a pause is told to the caller, who asks another endpoint, instead of being waited for."""

    @property
    def identity(self) -> str:
        """Address and model, and what else shapes every text: where that is unusual, its fingerprint is added."""
        s = self.settings
        shape: dict[str, object] = {"extra_body": s.extra_body} if s.extra_body else {}
        if omitted := sorted({"temperature", "top_p", "max_tokens", "stop"} & set(s.omit)):
            shape["omit"] = omitted
        if s.reasoning != "apart":
            shape["reasoning"] = s.reasoning
        mark = f":{content_id(shape)}" if shape else ""
        return f"endpoint:{s.base_url.rstrip('/')}:{s.model}{mark}"

    @property
    def where(self) -> str:
        """The endpoint as messages name it."""
        s = self.settings
        return f"endpoint {self.name or s.model} (model {s.model} at {s.base_url})"

    async def __aenter__(self) -> Self:
        s = self.settings
        secrets = s.secrets()
        self.circuit = Circuit(self.where, failures=s.breaker_failures, pause=s.breaker_pause, outage=s.outage)
        self.client = Client(
            self.where,
            s.base_url,
            self._key or (secrets[s.api_key_env] if s.api_key_env else None),
            key_variable=s.api_key_env,
            headers={**s.headers, **{name: secrets[variable] for name, variable in s.headers_env.items()}},
            secrets=secrets.values(),
            timeout=s.timeout,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.client.close()

    async def complete(
        self, messages: Sequence[Message], *, n: int = 1, params: SamplingParams, offset: int = 0
    ) -> list[Completion]:
        """As many as the server writes for one request: a single one with a seed of its own, or up to `n`."""
        if n > 1 and not self.splits(params):
            return (await self._ask_together(messages, n, params))[:n]
        seed = None if params.seed is None or "seed" in self.settings.omit else params.seed + offset
        return (await self.ask(messages, 1, params, seed))[:1]

    def splits(self, params: SamplingParams) -> bool:
        return self.one_by_one or (params.seed is not None and "seed" not in self.settings.omit)

    async def _ask_together(self, messages: Sequence[Message], n: int, params: SamplingParams) -> list[Completion]:
        """All samples in one request; a server that refuses or ignores `n` is asked one by one from then on."""
        try:
            written = await self.ask(messages, n, params, None)
        except Refused:
            written = await self.ask(messages, 1, params, None)  # fails again where it was not for `n`
        if len(written) < n and not self.one_by_one:
            log.info("%s: does not take n = %d; samples are asked for one by one", self.where, n)
            self.one_by_one = True
        return written

    async def ask(
        self, messages: Sequence[Message], n: int, params: SamplingParams, seed: int | None
    ) -> list[Completion]:
        """One request, retried while that may help."""
        import tenacity

        def wait(state: tenacity.RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            backed_off: float = back_off(state)
            return max(backed_off, error.wait or 0.0) if isinstance(error, TryFailed) else backed_off

        def count(state: tenacity.RetryCallState) -> None:
            self.meter.retries += 1

        back_off = tenacity.wait_random_exponential(
            multiplier=self.settings.retry_wait, max=60 * self.settings.retry_wait
        )
        retrying = tenacity.AsyncRetrying(
            stop=tenacity.stop_after_attempt(1 + self.settings.max_retries),
            wait=wait,
            retry=tenacity.retry_if_exception(lambda e: isinstance(e, TryFailed) and self.worth_retrying()),
            before_sleep=count,
            reraise=True,
        )
        try:
            return await retrying(self._try, messages, n, params, seed)
        except TryFailed as error:
            raise RequestFailed(f"{error} (after {retrying.statistics.get('attempt_number', 1)} tries)") from error

    async def _try(
        self, messages: Sequence[Message], n: int, params: SamplingParams, seed: int | None
    ) -> list[Completion]:
        """One try: wait for a slot, the circuit and the caps; ask; tell the circuit and the pace what came of it."""
        characters = sum(len(message.content) for message in messages)
        async with self.pace.slot() as epoch:
            self.before_request()
            if self.in_pool and self.circuit.is_open:
                raise EndpointPaused(f"{self.where} is paused")
            trial = await self.circuit.wait()
            try:
                await self.caps.wait(characters, n * params.max_tokens)
                written = await self._exchange(self.body(messages, n, params, seed))
            except ErrataError as error:
                raise self._judge(error, epoch, n, trial) from error.__cause__
            except BaseException:
                self.circuit.abandon(trial)
                raise
            self.circuit.succeeded()
            self.pace.succeeded()
            read = sum(text.usage.prompt_tokens for text in written)
            self.caps.learn(characters, read, sum(text.usage.completion_tokens for text in written))
        return written

    async def _exchange(self, body: dict[str, Any]) -> list[Completion]:
        """Send one body and read the reply, on the meter."""
        started = time.perf_counter()
        self.meter.requests += 1
        self.meter.in_flight += 1
        self.meter.limit = int(self.pace.limit)
        try:
            written = read_reply(await self.client.send("POST", "/chat/completions", body), self.settings.reasoning)
            if any(self.client.quotes_secret(text.text, text.reasoning) for text in written):
                raise MalformedReply("the server's reply quotes a key", _paid(written))
        except MalformedReply as error:
            self.on_waste(error.usage)
            raise self.client.scrub(error) from None
        finally:
            self.meter.in_flight -= 1
        self.meter.answered += 1
        self.meter.seconds += time.perf_counter() - started
        return written

    def _judge(self, error: ErrataError, epoch: int, n: int, trial: bool) -> ErrataError:
        """Tell meter, pace and circuit of a failed try; returns what it is to the caller."""
        answered = self.circuit.answered
        if isinstance(error, TryFailed):
            self.meter.errors[error.kind] += 1
            if error.kind == "quota" and not answered:  # after an answer it is some servers' word for a rate limit
                return self._end(StoppedEarly(f"{self.where}: the account is out of credit ({error})"))
            if error.overload or error.kind == "timeout":
                self.pace.overloaded(epoch, error.wait)
            self.circuit.failed(str(error), overload=error.overload, trial=trial)
            return error
        self.meter.errors["refused"] += 1
        if not isinstance(error, Refused):
            return self._end(error)
        if error.status == 404 and not answered:
            told = f"{self.where}: there is no such model, or no such path ({error}); see `errata teachers`"
            return self._end(EngineUnusable(told))
        if n == 1:  # what is refused with n > 1 may be the n
            self.circuit.refused(error)
        self.circuit.abandon(trial)
        return error

    def _end(self, error: ErrataError) -> ErrataError:
        self.circuit.kill(error)
        return error

    def body(self, messages: Sequence[Message], n: int, params: SamplingParams, seed: int | None) -> dict[str, Any]:
        """The request's JSON."""
        s = self.settings
        fields = {
            "temperature": params.temperature,
            "top_p": params.top_p,
            "max_tokens": params.max_tokens,
            "seed": seed,
            "stop": list(params.stop) or None,
            "n": n if n > 1 else None,
        }
        sent: dict[str, Any] = {
            name: value for name, value in fields.items() if value is not None and name not in s.omit
        }
        if "max_tokens" in sent:
            sent[s.token_limit_field] = sent.pop("max_tokens")
        turns: list[dict[str, Any]] = [m.model_dump() for m in messages]
        if messages[-1].role == "assistant":
            if s.continuation == "prefix":
                turns[-1]["prefix"] = True
            else:
                sent |= {"continue_final_message": True, "add_generation_prompt": False}
        if params.json_schema is not None:
            schema = {"name": "reply", "strict": True, "schema": json.loads(params.json_schema)}
            sent["response_format"] = {"type": "json_schema", "json_schema": schema}
        return {"model": s.model, "messages": turns, **sent, **s.extra_body}


def _paid(written: Sequence[Completion]) -> Usage:
    return sum((text.usage for text in written), Usage())
