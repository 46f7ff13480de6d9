"""From a server's reply to completions: thinking kept apart, usage shared out, nothing empty taken for an answer."""

from __future__ import annotations

import json
from typing import Any, Literal

from pipeline.errors import MalformedReply
from pipeline.types import Completion, FinishReason, Usage

FINISH: dict[str | None, FinishReason] = {"stop": "stop", "length": "length", "content_filter": "content_filter"}
OPEN, CLOSE = "<think>", "</think>"
Reasoning = Literal["apart", "keep"]


def read_reply(reply: object, reasoning: Reasoning) -> list[Completion]:
    """The completions of a chat reply. Raises MalformedReply for anything that is none."""
    if isinstance(reply, str):  # the server named another content type
        try:
            reply = json.loads(reply)
        except ValueError as error:
            start = " ".join(str(reply).split())[:80]
            told = f"the server's reply is not JSON but {start!r}; is base_url right (it often ends in /v1)?"
            raise MalformedReply(told) from error
    body = reply if isinstance(reply, dict) else {}
    choices = body.get("choices")
    if not isinstance(choices, list) or not choices:
        why = f": {body['error']}" if body.get("error") else ""
        raise MalformedReply(f"the server's reply has no choices{why}")
    shares = [_share(body.get("usage"), number, len(choices)) for number in range(len(choices))]
    try:
        return [_read_choice(choice, share, reasoning) for choice, share in zip(choices, shares, strict=True)]
    except (KeyError, TypeError, AttributeError) as error:
        raise MalformedReply(f"a choice in the server's reply is no chat completion: {error!r}") from error


def _read_choice(choice: dict[str, Any], usage: Usage, reasoning: Reasoning) -> Completion:
    finish = FINISH.get(choice["finish_reason"])
    if finish is None:
        raise MalformedReply(f"the server ended with finish reason {choice['finish_reason']!r}")
    message = choice["message"]
    content = message.get("content")
    if content is None and finish == "stop":
        raise MalformedReply("the server's reply has no text")
    # cut off or filtered before its first word, a text is empty, and paid for: the grade will be `unknown`
    text: str = content or ""
    thought: str | None = message.get("reasoning_content") or message.get("reasoning")
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


def _share(usage: dict[str, Any] | None, number: int, of: int) -> Usage:
    """One choice's part: the prompt counts once, the completions, counted together, in equal parts."""
    if not isinstance(usage, dict):
        return Usage()
    written, prompt = usage.get("completion_tokens") or 0, usage.get("prompt_tokens") or 0
    part = written // of + (number < written % of)
    return Usage(prompt_tokens=prompt if number == 0 else 0, completion_tokens=part)
