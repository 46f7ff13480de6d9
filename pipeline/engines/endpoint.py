"""Any OpenAI-compatible server, through the `openai` package: hosted models, a running vLLM, SGLang, Ollama."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, Self

from pydantic import JsonValue

from pipeline.engines.base import Engine, EngineSettings
from pipeline.errors import ConfigError, EngineUnusable, RequestFailed
from pipeline.types import Completion, FinishReason, Message, SamplingParams, Usage

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletion

FINISH: dict[str | None, FinishReason] = {"stop": "stop", "length": "length", "content_filter": "content_filter"}


class Settings(EngineSettings):
    """Where the server is and how to ask it."""

    engine: Literal["endpoint"] = "endpoint"
    base_url: str
    """For example `http://127.0.0.1:8000/v1`."""
    model: str
    """The model's name, as the server lists it."""
    api_key_env: str | None = None
    """Name of the environment variable that holds the key; the key itself is never written anywhere."""
    timeout: float = 600.0
    """Seconds one request may take."""
    max_retries: int = 5
    """Retries with back-off on rate limits, overload, connection errors and time-outs."""
    max_concurrency: int = 64
    """Requests in flight at once."""
    send_seeds: bool = True
    """Whether each sample's seed is sent; turn it off where a server fails on seeds (vLLM's CPU build dies of some)."""
    input_price: float | None = None
    """Price of a million prompt tokens, in the currency you like; for the cost in `summary.json`."""
    output_price: float | None = None
    """Price of a million completion tokens."""
    extra_body: dict[str, JsonValue] = {}
    """Further fields of the request's body, for what a server takes beyond the standard."""

    def create(self) -> Engine:
        return Endpoint(self)

    def cost(self, usage: Usage) -> float | None:
        if self.input_price is None or self.output_price is None:
            return None
        return (usage.prompt_tokens * self.input_price + usage.completion_tokens * self.output_price) / 1e6

    def check(self) -> None:
        self.key()

    def key(self) -> str:
        """The API key; servers without keys get a dummy. Raises ConfigError naming the variable to set."""
        if self.api_key_env is None:
            return "none"
        if not os.environ.get(self.api_key_env):
            raise ConfigError(f"endpoint {self.base_url}: set the environment variable {self.api_key_env} to its key")
        return os.environ[self.api_key_env]


class Endpoint(Engine):
    """Asks a server; `n` samples with a seed go out as `n` single requests, each with its own seed."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @property
    def identity(self) -> str:
        return f"endpoint:{self.settings.base_url.rstrip('/')}:{self.settings.model}"

    async def __aenter__(self) -> Self:
        import openai

        s = self.settings
        self.client = openai.AsyncOpenAI(
            base_url=s.base_url,
            api_key=s.key(),
            timeout=s.timeout,
            max_retries=s.max_retries,
            http_client=openai.DefaultAioHttpClient(),
        )
        self.slots = asyncio.Semaphore(s.max_concurrency)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.client.close()

    async def complete(
        self, messages: Sequence[Message], *, n: int = 1, params: SamplingParams, offset: int = 0
    ) -> list[Completion]:
        written: list[Completion] = []
        while len(written) < n:  # servers may return fewer choices than asked for
            first = params.seed if self.settings.send_seeds else None
            seed = None if first is None else first + offset + len(written)
            want = n - len(written) if seed is None else 1
            written += (await self._ask(messages, want, params, seed))[:want]
        return written

    async def _ask(
        self, messages: Sequence[Message], n: int, params: SamplingParams, seed: int | None
    ) -> list[Completion]:
        import openai

        s, omit = self.settings, openai.omit
        try:
            async with self.slots:
                reply = await self.client.chat.completions.create(
                    model=s.model,
                    messages=[m.model_dump() for m in messages],  # type: ignore[misc]  # plain dicts of the same shape
                    n=n if n > 1 else omit,
                    temperature=params.temperature,
                    top_p=params.top_p,
                    max_tokens=params.max_tokens,
                    seed=seed if seed is not None else omit,
                    stop=list(params.stop) or omit,
                    extra_body=dict(s.extra_body) or None,
                )
        except (openai.AuthenticationError, openai.PermissionDeniedError) as error:
            fix = f"check the key in {s.api_key_env}" if s.api_key_env else "set api_key_env"
            raise EngineUnusable(f"endpoint {self.name or s.model} ({s.base_url}) refuses the key: {fix}") from error
        except openai.NotFoundError as error:
            raise EngineUnusable(f"endpoint {s.base_url}: no model {s.model!r}, or no such path: {error}") from error
        except openai.APIError as error:
            cause = f" ({error.__cause__})" if error.__cause__ else ""  # a refused connection reads as a time-out else
            raise RequestFailed(f"{type(error).__name__}: {error}{cause}") from error
        return _read_reply(reply)


def _read_reply(reply: ChatCompletion) -> list[Completion]:
    """Turn the server's reply into completions. Raises RequestFailed for one without any text."""
    if not getattr(reply, "choices", None):
        raise RequestFailed("the server's reply has no choices")
    usage = reply.usage
    share = len(reply.choices)
    completions = []
    for number, choice in enumerate(reply.choices):
        if choice.message.content is None:
            raise RequestFailed(f"the server's reply has no text (finish reason {choice.finish_reason})")
        if choice.finish_reason not in FINISH:
            raise RequestFailed(f"the server ended with finish reason {choice.finish_reason!r}")
        counted = Usage()
        if usage is not None:  # usage is for the whole reply: the prompt counts once, completions in equal parts
            part = usage.completion_tokens // share + (number < usage.completion_tokens % share)
            counted = Usage(prompt_tokens=usage.prompt_tokens if number == 0 else 0, completion_tokens=part)
        completions.append(
            Completion(text=choice.message.content, finish_reason=FINISH[choice.finish_reason], usage=counted)
        )
    return completions
