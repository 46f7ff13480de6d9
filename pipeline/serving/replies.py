"""From a server's reply to completions: thinking kept apart, usage shared out, nothing empty taken for an answer."""

from __future__ import annotations

import json
from typing import Any, Literal

from pipeline.errors import MalformedReply
from pipeline.types import Completion, FinishReason, Usage
from pipeline.unicode import is_unicode

FINISH: dict[object, FinishReason] = {
    "stop": "stop",
    "eos": "stop",
    "eos_token": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "content_filter": "content_filter",
}
"""The standard's words, and those of servers that have their own."""
OPEN, CLOSE = "<think>", "</think>"
MOST_TOKENS = 1 << 32
"""Tokens above which a count is none: they are added up, and paid."""
Reasoning = Literal["apart", "keep"]


def read_reply(reply: object, reasoning: Reasoning) -> list[Completion]:
    """The completions of a chat reply. Raises MalformedReply for anything that is none."""
    if isinstance(reply, str):  # the server named another content type
        try:
            reply = json.loads(reply)
        except (ValueError, RecursionError) as error:
            start = " ".join(str(reply)[:400].split())[:80]
            told = f"the server's reply is not JSON but {start!r}; is base_url right (it often ends in /v1)?"
            raise MalformedReply(told) from error
    body = reply if isinstance(reply, dict) else {}
    choices = body.get("choices")
    if not isinstance(choices, list) or not choices:
        why = f": {body['error']}" if body.get("error") else ""
        raise MalformedReply(f"the server's reply has no choices{why}")
    usage: Usage | None = None
    try:
        usage = _read_usage(body.get("usage"))
        return [_read_choice(c, _share(usage, i, len(choices)), reasoning) for i, c in enumerate(choices)]
    except MalformedReply as error:
        error.usage = usage
        raise
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
        told = f"a choice in the server's reply is no chat completion: {type(error).__name__}: {error}"
        raise MalformedReply(" ".join(told.split()), usage) from error


def _read_choice(choice: dict[str, Any], usage: Usage, reasoning: Reasoning) -> Completion:
    message = choice["message"]
    content = _read_text(message.get("content"))
    told = choice["finish_reason"]
    finish = FINISH.get(told, "stop" if told is None and content else None)
    if finish is None:
        raise MalformedReply(f"the server ended with finish reason {told!r}")
    if content is None and finish == "stop":
        raise MalformedReply("the server's reply has no text")
    # cut off or filtered before its first word, a text is empty, and paid for: the grade will be `unknown`
    text = content or ""
    thought = _read_text(message.get("reasoning_content") or message.get("reasoning"))
    if reasoning == "keep":
        text = f"{OPEN}\n{thought.strip()}\n{CLOSE}\n\n{text}" if thought else text
        return Completion(text=text, finish_reason=finish, usage=usage)
    if thought is None:
        thought, text = split_thought(text)
    return Completion(text=text, reasoning=thought, finish_reason=finish, usage=usage)


def _read_text(content: object) -> str | None:
    """A text, or the text parts of a list of parts joined. Raises TypeError for anything else."""
    if isinstance(content, list):
        content = "".join(part["text"] for part in content if part.get("type", "text") == "text")
    if content is not None and not isinstance(content, str):
        raise TypeError(f"its text is a {type(content).__name__}")
    if content is not None and not is_unicode(content):
        raise ValueError("its text is not valid Unicode")
    return content


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


def _read_usage(usage: object) -> Usage:
    if not isinstance(usage, dict):
        return Usage()
    told = Usage(
        prompt_tokens=int(usage.get("prompt_tokens") or 0), completion_tokens=int(usage.get("completion_tokens") or 0)
    )
    if not (0 <= told.prompt_tokens <= MOST_TOKENS and 0 <= told.completion_tokens <= MOST_TOKENS):
        raise ValueError("it counts tokens that no reply has")
    return told


def _share(usage: Usage, number: int, of: int) -> Usage:
    """One choice's part: the prompt counts once, the completions, counted together, in equal parts."""
    part = usage.completion_tokens // of + (number < usage.completion_tokens % of)
    return Usage(prompt_tokens=usage.prompt_tokens if number == 0 else 0, completion_tokens=part)
