"""A teacher writes a chosen text once more in the student's style. It sees the question, never the gold answer.

What comes back is no chosen text yet: whoever asks grades it again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from pipeline.allusions import find_allusion
from pipeline.engines.base import Engine
from pipeline.errors import ConfigError, RequestFailed
from pipeline.languages import differs_in_language
from pipeline.prompts import Prompt, make_mark
from pipeline.replies import Form, Reply, read_reply, reply_schema
from pipeline.types import Completion, Message, Problem, Record, SamplingParams, Usage, content_id

EXAMPLES = 3
"""The student's own solutions that are shown."""
REFUSAL = re.compile(
    r"\W{0,4}(?:(?:i['’]?m|i am|we are) (?:very |really |so )?sorry|sorry[,.]|my apologies|i apologi[sz]e|as an ai\b"
    r"|(?:unfortunately,? )?(?:i|we)(?: can(?:not|['’]t| not)| am unable to|['’]m unable to| are unable to| won['’]t"
    r"| will not) (?:\w+ ){0,2}(?:help|assist|do|provide|comply|rewrite|solve|fulfil|complete|answer|write|produce)"
    r"|(?:非常|很)?(?:抱歉|对不起|遗憾)|(?:我|作为.{0,8}?[，,]我)(?:无法|不能|没有办法|没法|拒绝)|作为.{0,4}(?:AI|人工智能))",
    re.IGNORECASE,
)
"""How a refusal begins."""
REMARK = re.compile(
    r"\b(?:rewritten|reworded|rephrased|restyled|adapted) (?:version|solution|text|answer)\b"
    r"|\b(?:here(?: is|['’]s)|below is) (?:the|a|my|your) (?:\w+ )?(?:version|solution|rewrite)\b"
    r"|\bin the (?:style|manner) of (?:the|that) (?:author|example)|\b(?:the|that|this|another) author\b"
    r"|\bthe examples? (?:above|given)\b|(?:改写|重写)(?:后|如下|的)|(?:那位|该|另一位)作者|范例",
    re.IGNORECASE,
)
"""Talk of the rewriting."""


class Restyled(Record):
    """What came of one request."""

    text: str | None
    failure: str | None = None
    """Why there is no text that may be used."""
    completion: Completion | None = None
    """What the teacher wrote at last."""
    usage: Usage = Usage()
    """Of all its replies."""
    prompt_hash: str
    repaired: bool = False
    """Whether a reply that could not be read was asked for again."""


async def restyle(
    engine: Engine,
    prompt: Prompt,
    question: str,
    text: str,
    examples: Sequence[str],
    params: SamplingParams,
    *,
    form: Form = "tagged",
    enforced: bool = False,
    repairs: int = 1,
) -> Restyled:
    """Ask for `text` in the style of `examples`, the first three of them, which solve other problems.

    `enforced`: the server makes a reply follow a JSON schema (for `form` json). A reply that cannot be read is asked
    for once more for each of `repairs`. A failed request is told, not raised. Raises ConfigError for a prompt that uses
    what there is not, or does not ask for what is read.
    """
    if form == "json" and enforced:
        params = params.model_copy(update={"json_schema": reply_schema("solution")})
    shown = tuple(examples[:EXAMPLES])
    messages = [Message(role="user", content=_fill(prompt, question, text, shown, form))]
    used, written, fault = Usage(), None, ""

    def end(text: str | None, failure: str | None) -> Restyled:
        told: dict[str, Any] = {"text": text, "failure": failure, "completion": written, "usage": used}
        return Restyled(**told, prompt_hash=prompt.hash, repaired=len(messages) > 1)

    for left in range(repairs, -1, -1):
        try:
            (written,) = await engine.complete(messages, params=params)
        except RequestFailed as error:
            return end(None, str(error))
        used += written.usage
        if written.finish_reason == "content_filter":
            return end(None, "the teacher's server holds the text back (content_filter)")
        reply = read_reply(written, form, "solution")
        if isinstance(reply, Reply):
            failure = _objection(reply, question, text, shown)
            return end(reply.solution if failure is None else None, failure)
        fault = reply.problem
        if left:
            again = _fill(prompt, question, text, shown, form, fault)
            messages += [Message(role="assistant", content=written.text), Message(role="user", content=again)]
    return end(None, f"the teacher's reply cannot be read: {fault}")


def _fill(prompt: Prompt, question: str, text: str, shown: Sequence[str], form: Form, fault: str = "") -> str:
    """The request; with a fault, the request to send a reply again."""
    problem = Problem(id=content_id(question), question=question, answer=None)
    mark = make_mark(question, text, *shown)
    values: dict[str, Any] = {"solution": text, "examples": shown, "mark": mark, "reply": form, "fault": fault}
    filled = prompt.fill(problem, **values)
    if form != "plain" and (field := "<solution>" if form == "tagged" else '"solution"') not in filled:
        raise ConfigError(f"prompt {prompt.path}: must ask for {field}, which is what is read")
    if not fault and text.strip() not in filled:
        raise ConfigError(f"prompt {prompt.path}: does not show the solution: {{{{ solution }}}}")
    return filled


def _objection(reply: Reply, question: str, text: str, shown: Sequence[str]) -> str | None:
    """Why what a teacher wrote cannot be used; None where nothing speaks against it."""
    written = reply.solution
    if reply.objection is not None or written is None:
        return f"the teacher objects: {reply.diagnosis or 'no reason given'}"[:500]
    if REFUSAL.match(written) and not REFUSAL.match(text):
        return f"the teacher refuses: {written[:80]!r}"
    if written in (example.strip() for example in shown):
        return "the teacher repeats an example"
    if span := find_allusion(written, question):
        return f"the text gives away that it rewrites another one: {written[span[0] : span[1]]!r}"
    if (remark := REMARK.search(written)) and remark[0].casefold() not in (question + text).casefold():
        return f"the text gives away that it rewrites another one: {remark[0]!r}"
    return differs_in_language(text, written)
