"""A model in this process, through `transformers`: the embedded default, and the one that needs no server.

Prompts are rendered with the model's own chat template, sorted by length, left-padded and decoded in batches. A
sample's random numbers come from its own request and index, not from its batch, so the same request gives the same
text wherever it lands (up to floating-point noise; exactly, when the group is the same).
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pipeline.engines.base import Engine, EngineSettings, Request
from pipeline.errors import ConfigError, RequestFailed
from pipeline.identity import check_model, model_identity
from pipeline.printable import printable
from pipeline.types import Completion, Message, SamplingParams, Usage, content_id

if TYPE_CHECKING:
    import torch

Outcome = list[Completion] | Exception
OWN_CODE = "brings Python code of its own, which is not run; read it, and set trust_remote_code: true if you trust it"
LOADING = threading.Lock()
"""Loading a model is not thread-safe in transformers (weights are made on a global default device)."""


class Settings(EngineSettings):
    """Which model, where, in what batches."""

    scores: ClassVar[bool] = True
    engine: Literal["transformers"] = "transformers"
    model: str
    """A folder with weights, tokenizer and chat template, or a hub id."""
    batch_size: int = 128
    """Texts decoded at once."""
    group_size: int = 64
    """Problems per unit of work; an interrupted unit is run again whole, so that a resumed run repeats it exactly."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Precision of the weights; `auto` keeps what they were saved in."""
    device: str | None = None
    """`cuda`, `cpu`, …; by default the GPU where there is one."""
    trust_remote_code: bool = False
    """Whether Python files in the model's folder or hub repository may be run; without it such a model is refused."""

    def create(self) -> Engine:
        return Transformers(self)

    def check(self) -> None:
        check_model(self.model)

    @property
    def local_model(self) -> str:
        return self.model

    @property
    def continues(self) -> bool:
        return True


@dataclass
class Line:
    """One text to be written: the prompt's ids and where the result goes."""

    request: int
    prompt: list[int]
    seed: str


class Transformers(Engine):
    """Decodes in one background thread; the event loop stays free."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = settings
        self.group_size = settings.group_size
        self._identity = ""
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="decode")
        self._stop = threading.Event()
        self._waiting: list[tuple[Request, asyncio.Future[Outcome]]] = []
        self._drain: asyncio.Task[None] | None = None

    @property
    def identity(self) -> str:
        return self._identity

    async def __aenter__(self) -> Self:
        self.settings.check()
        await asyncio.get_running_loop().run_in_executor(self._worker, self._load_alone)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stop.set()
        self._worker.shutdown(wait=True, cancel_futures=True)
        self.model: Any = None

    def _load_alone(self) -> None:
        with LOADING:
            self._load()

    def _load(self) -> None:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer
        from transformers.utils.logging import disable_progress_bar

        disable_progress_bar()  # loading bars would tear the run's own display
        s = self.settings
        identity = model_identity(s.model, code=s.trust_remote_code)
        trust = {"trust_remote_code": s.trust_remote_code}
        try:
            self.tokenizer: Any = AutoTokenizer.from_pretrained(s.model, padding_side="left", **trust)
            model: Any = AutoModelForCausalLM.from_pretrained(s.model, dtype=s.dtype, use_safetensors=True, **trust)
        except Exception as error:  # whatever is wrong with a folder of somebody's
            if not s.trust_remote_code and "trust_remote_code" in str(error):
                raise ConfigError(f"model {s.model}: {OWN_CODE}") from error
            raise ConfigError(f"model {s.model}: cannot be loaded: {error}") from error
        if self.tokenizer.chat_template is None:
            raise ConfigError(f"model {s.model}: its tokenizer has no chat template")
        if self.tokenizer.pad_token_id is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token
        device = s.device or ("cuda" if torch.cuda.is_available() else "cpu")
        self.model = model.to(device).eval()
        self._identity = f"local:{identity}:{self.model.dtype}"
        ends = self.model.generation_config.eos_token_id
        self.ends = set(ends if isinstance(ends, list) else [ends]) - {None} | {self.tokenizer.eos_token_id}
        self.context: int = getattr(self.model.config, "max_position_embeddings", 1 << 30)

    async def complete(
        self, messages: Sequence[Message], *, n: int = 1, params: SamplingParams, offset: int = 0
    ) -> list[Completion]:
        """Single requests that come in while a batch is decoding are decoded together as the next one."""
        result: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append((Request(messages=tuple(messages), params=params, n=n, offset=offset), result))
        if self._drain is None or self._drain.done():
            self._drain = asyncio.create_task(self._drain_waiting())
        outcome = await result
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def _drain_waiting(self) -> None:
        await asyncio.sleep(0)  # let the callers that are ready join
        while self._waiting:
            group, self._waiting = self._waiting, []
            try:
                outcomes: Sequence[Outcome] = await self.complete_many([request for request, _ in group])
            except Exception as error:  # handed to every caller, who raises it
                outcomes = [error] * len(group)
            for (_, result), outcome in zip(group, outcomes, strict=True):
                if not result.done():
                    result.set_result(outcome)

    async def complete_many(self, requests: Sequence[Request]) -> list[Outcome]:
        return await asyncio.get_running_loop().run_in_executor(self._worker, self._complete_group, requests)

    def _complete_group(self, requests: Sequence[Request]) -> list[Outcome]:
        outcomes: list[Outcome] = [[] for _ in requests]
        lines_by_params: dict[SamplingParams, list[Line]] = {}
        for number, request in enumerate(requests):
            try:
                prompt = self._encode(request.messages)
            except RequestFailed as error:
                outcomes[number] = error
                continue
            if len(prompt) + request.params.max_tokens > self.context:
                outcomes[number] = RequestFailed(
                    f"prompt of {len(prompt)} tokens + max_tokens {request.params.max_tokens} "
                    f"exceeds the model's context of {self.context}"
                )
                continue
            for index in range(request.offset, request.offset + request.n):
                seed = content_id(prompt, request.params.seed, index)
                lines_by_params.setdefault(request.params, []).append(Line(number, prompt, seed))
        for params, lines in lines_by_params.items():
            order = sorted(range(len(lines)), key=lambda i: len(lines[i].prompt))
            written: dict[int, Completion] = {}
            for start in range(0, len(order), self.settings.batch_size):
                part = order[start : start + self.settings.batch_size]
                written.update(zip(part, self._decode([lines[i] for i in part], params), strict=True))
            for i, line in enumerate(lines):
                texts = outcomes[line.request]
                assert isinstance(texts, list)
                texts.append(written[i])
        return outcomes

    def _encode(self, messages: Sequence[Message]) -> list[int]:
        """The prompt's ids; a begun answer's follow, tokenized apart, as a trainer tokenizes prompt and completion.

        The model's template runs in jinja's sandbox. Raises RequestFailed where it takes no such conversation, or tries
        to leave.
        """
        begun = messages[-1].content if messages[-1].role == "assistant" else ""
        asked = messages[:-1] if begun else messages
        turns = [m.model_dump() for m in asked]
        try:
            rendered = self.tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
        except Exception as error:  # whatever a template of somebody's does wrong
            told = printable(" ".join(str(error).split())[:300], "")
            raise RequestFailed(f"the model's chat template fails: {type(error).__name__}: {told}") from error
        ids: list[int] = self.tokenizer(rendered, add_special_tokens=False)["input_ids"]
        return ids + (self.tokenizer(begun, add_special_tokens=False)["input_ids"] if begun else [])

    async def score(self, messages: Sequence[Message], text: str) -> float:
        return await asyncio.get_running_loop().run_in_executor(self._worker, self._score, tuple(messages), text)

    def _score(self, messages: Sequence[Message], text: str) -> float:
        import torch

        prompt = self._encode(messages)
        answer = [*self.tokenizer(text, add_special_tokens=False)["input_ids"], self.tokenizer.eos_token_id]
        if len(prompt) + len(answer) > self.context:
            raise RequestFailed(f"{len(prompt) + len(answer)} tokens exceed the model's context of {self.context}")
        ids = torch.tensor([prompt + answer], device=self.model.device)
        with torch.inference_mode():
            logits = self.model(input_ids=ids).logits[0, len(prompt) - 1 : -1].float()
        log_probs = logits.log_softmax(-1).gather(-1, ids[0, len(prompt) :, None])
        return float(log_probs.mean())

    def _decode(self, lines: Sequence[Line], params: SamplingParams) -> list[Completion]:
        import torch
        from transformers import GenerationConfig

        from pipeline.decoding import Interrupt, make_processors

        batch = self.tokenizer.pad({"input_ids": [line.prompt for line in lines]}, return_tensors="pt")
        batch = batch.to(self.model.device)
        config = GenerationConfig(
            do_sample=False,  # the choice is made by the seeded processor
            max_new_tokens=params.max_tokens,
            eos_token_id=sorted(self.ends),
            pad_token_id=self.tokenizer.pad_token_id,
            stop_strings=list(params.stop) or None,
        )
        with torch.inference_mode():
            ids = self.model.generate(
                input_ids=batch["input_ids"],
                attention_mask=batch["attention_mask"],
                generation_config=config,
                logits_processor=make_processors(params, [line.seed for line in lines], self.model.device),
                stopping_criteria=[Interrupt(self._stop)],
                tokenizer=self.tokenizer if params.stop else None,
            )
        if self._stop.is_set():
            raise RequestFailed("the engine was closed while it was decoding")
        written = ids[:, batch["input_ids"].shape[1] :]
        return [self._read(row, len(line.prompt), params) for row, line in zip(written, lines, strict=True)]

    def _read(self, row: torch.Tensor, prompt_tokens: int, params: SamplingParams) -> Completion:
        ids: list[int] = row.tolist()
        end = next((i for i, token in enumerate(ids) if token in self.ends), None)
        ids = ids if end is None else ids[: end + 1]
        text: str = self.tokenizer.decode(ids, skip_special_tokens=True)
        stopped = end is not None
        for stop in params.stop:
            if stop in text:
                text, stopped = text[: text.index(stop)], True
        return Completion(
            text=text,
            finish_reason="stop" if stopped else "length",
            token_ids=tuple(ids),
            usage=Usage(prompt_tokens=prompt_tokens, completion_tokens=len(ids)),
        )
