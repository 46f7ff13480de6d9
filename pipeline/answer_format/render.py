"""A text written in another writer's format: tags around thoughts, the final answer, the layout; never the words."""

from __future__ import annotations

import re
from dataclasses import replace

from pipeline.answer_format.boxes import unframed
from pipeline.answer_format.finals import find_final
from pipeline.answer_format.form import AnswerFormat
from pipeline.answer_format.layout import follows, lay_out
from pipeline.answer_format.mismatch import body_span, is_bare
from pipeline.answer_format.mismatch import mismatch as mismatch
from pipeline.answer_format.restate import has_final, restate
from pipeline.answer_format.rows import sentence_ends
from pipeline.answer_format.statements import same, write
from pipeline.answer_format.thinking import Parts, is_solution, join_thinking, split_thinking, without_tags

TIMES = 4
"""How often a text is written anew before it is given up."""
DISPLAY = re.compile(r"[ \t\n]{0,4}(?:\\\[|\$\$|\\boxed|\\begin)")


def render(text: str, target: AnswerFormat, answer: str | None = None) -> str:
    """The text in the target's format, as far as that can be had without touching its words; see `mismatch`.

    The text's own final statement is restated; `answer` is stated where it has none. A text that follows the format is
    returned as it is, and so is one that would be another each time. White space at the ends of others is dropped.
    """
    rendered = text
    for _ in range(TIMES):
        if not mismatch(rendered, target) or (again := _rendered(rendered, target, answer)) == rendered:
            return rendered
        rendered = again
    return text


def _rendered(text: str, target: AnswerFormat, answer: str | None) -> str:
    if target.thinking is None and not target.thinking_varies:
        text = _without_thinking(text)
    parts = split_thinking(text)
    if not (parts.closing and parts.rest.strip()):
        return _with_thinking((parts.thought or parts.rest).strip(), target, answer)
    rest = _laid_out(restate(parts.rest.strip(), target, answer), target)
    thought = unframed(parts.thought) if "boxed" in parts.rest and "boxed" not in rest else parts.thought
    if is_bare(rest) and (inner := thought.strip()):
        thought = thought.replace(inner, lay_out(inner, target.layout, target.numbering), 1)
    blank = parts.rest[: len(parts.rest) - len(parts.rest.lstrip())]
    blank = blank if "\n" in blank or rest == parts.rest.strip() else "\n"
    parts = replace(parts, thought=thought, rest=blank + rest)
    if target.thinking is None or parts.tags == target.thinking:
        return parts.opening + parts.thought + parts.closing + parts.rest
    return join_thinking(parts, target.thinking)


def _with_thinking(text: str, target: AnswerFormat, answer: str | None) -> str:
    """Render a text that has no tags; where the target has some, all before the final statement is thought."""
    if target.thinking is None or target.thinking_varies:
        return _laid_out(restate(text, target, answer), target)
    text = text if find_final(text).answer else restate(text, target, answer)
    split = _before_final(text, target.final)
    if split is None:
        return _laid_out(text, target)
    rest = _laid_out(restate(split[1].strip(), target), target)
    thought = split[0] if target.final is None or target.inline else unframed(split[0])
    thought = lay_out(thought.strip(), target.layout, target.numbering)
    return join_thinking(Parts("", thought, "", rest), target.thinking)


def _without_thinking(text: str) -> str:
    """Thoughts and answer as one text; the answer alone where it is a solution by itself.

    The text stays as it is where its final answer would be another then.
    """
    parts = split_thinking(text)
    thought, rest = without_tags(parts).strip(), parts.rest.strip()
    if not parts.closing:
        return text
    if not rest or not thought:
        return thought or rest
    run = find_final(rest).run
    concludes = find_final(rest).answer is not None or find_final(thought).answer is None
    if concludes and is_solution(rest[: run[0].start] if run else rest):
        return rest
    joined = f"{thought}{chr(10) * (2 if chr(10) * 2 in thought else 1)}{rest}"
    before, after = find_final(rest).answer, find_final(joined).answer
    return joined if before is None or (after is not None and same(before, after)) else text


def _laid_out(text: str, target: AnswerFormat) -> str:
    """The steps set apart as the target's are; the final statement stays as it is set off.

    A text whose final answer could not be restated stays as it is, and so does one that would be read otherwise.
    """
    if not has_final(text, target):
        return text
    start, end = body_span(text)
    body = text[start:end].strip()
    if follows(body, target.layout, target.numbering):
        return text
    at = text.index(body, start)
    changed = text[:at] + lay_out(body, target.layout, target.numbering) + text[at + len(body) :]
    same_end = has_final(changed, target) and find_final(changed).answer == find_final(text).answer
    return changed if same_end else text


def _before_final(text: str, final: str | None) -> tuple[str, str] | None:
    """A solution and its final statement, which may be its last lines; None where there is nothing before it."""
    found = find_final(text)
    if found.run:
        at = found.run[0].start
        return (text[:at], text[at:]) if text[:at].strip() else None
    box = text.rfind("boxed") if found.boxed else -1
    for mark in ("\n\n", "\n"):
        at = text.rfind(mark, 0, max(box, 0))
        while at > 0 and DISPLAY.match(text, at):
            at = text.rfind(mark, 0, at)
        if at > 0:
            return text[:at], text[at:]
    starts = [end for _, end in sentence_ends(text) if end < box]
    if starts:
        return text[: starts[-1]], text[starts[-1] :]
    return (unframed(text), write(final, found.answer, found.math)) if found.boxed and found.answer and final else None
