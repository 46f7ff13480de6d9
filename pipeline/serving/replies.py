"""From a server's reply to completions: thinking kept apart, usage shared out, nothing empty taken for an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pipeline.errors import MalformedReply
from pipeline.types import Completion, FinishReason, Usage

if TYPE_CHECKING:
    from openai.types import CompletionUsage

FINISH: dict[str | None, FinishReason] = {"stop": "stop", "length": "length", "content_filter": "content_filter"}
OPEN, CLOSE = "<think>", "</think>"
Reasoning = Literal["apart", "keep"]


def read_reply(reply: object, reasoning: Reasoning) -> list[Completion]:
    """The completions of a chat reply. Raises MalformedReply for anything that is none."""
    if isinstance(reply, str):
        start = " ".join(reply.split())[:80]
        raise MalformedReply(f"the server's reply is not JSON but {start!r}; is base_url right (it often ends in /v1)?")
    choices = getattr(reply, "choices", None)
    if not isinstance(choices, list) or not choices:
        told = getattr(reply, "error", None)
        raise MalformedReply(f"the server's reply has no choices{f': {told}' if told else ''}")
    usage: CompletionUsage | None = getattr(reply, "usage", None)
    return [_read_choice(choice, _share(usage, i, len(choices)), reasoning) for i, choice in enumerate(choices)]


def _read_choice(choice: Any, usage: Usage, reasoning: Reasoning) -> Completion:
    finish = FINISH.get(choice.finish_reason)
    message = getattr(choice, "message", None)
    if finish is None or message is None:
        raise MalformedReply(f"the server ended with finish reason {choice.finish_reason!r}")
    if message.content is None and finish == "stop":
        raise MalformedReply("the server's reply has no text")
    # cut off or filtered before its first word, a text is empty, and paid for: the grade will be `unknown`
    text: str = message.content or ""
    extra = getattr(message, "reasoning_content", None) or getattr(message, "reasoning", None)
    thought: str | None = extra if isinstance(extra, str) else None
    if reasoning == "keep":
        text = f"{OPEN}\n{thought.strip()}\n{CLOSE}\n\n{text}" if thought else text
        return Completion(text=text, finish_reason=finish, usage=usage)
    if thought is None:
        thought, text = split_thought(text)
    return Completion(text=text, reasoning=thought, finish_reason=finish, usage=usage)


def split_thought(text: str) -> tuple[str | None, str]:
    """(thought, answer) of a text that begins with `<think>…</think>`.

    Some chat templates open the tag inside the prompt, so the opening may be missing; a thought that never ends leaves
    an empty answer.
    """
    head, closed, answer = text.partition(CLOSE)
    begins = head.lstrip().startswith(OPEN)
    if not closed and not begins:
        return None, text
    if OPEN in head and not begins:  # a tag somewhere in the middle is part of the answer
        return None, text
    return head.lstrip().removeprefix(OPEN).strip(), answer.lstrip()


def _share(usage: CompletionUsage | None, number: int, of: int) -> Usage:
    """One choice's part: the prompt counts once, the completions, counted together, in equal parts."""
    if usage is None:
        return Usage()
    written, prompt = usage.completion_tokens or 0, usage.prompt_tokens or 0
    part = written // of + (number < written % of)
    return Usage(prompt_tokens=prompt if number == 0 else 0, completion_tokens=part)
