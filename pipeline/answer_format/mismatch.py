"""What of a format a text does not follow, in plain words."""

from __future__ import annotations

from pipeline.answer_format.finals import find_final
from pipeline.answer_format.form import AnswerFormat
from pipeline.answer_format.layout import follows, shape_of
from pipeline.answer_format.numbering import write_number
from pipeline.answer_format.restate import gap_of, has_final
from pipeline.answer_format.statements import write
from pipeline.answer_format.thinking import Parts, bare, has_tags, split_thinking

GAPS = {" ": "a blank", "\n": "a new line", "\n\n": "a blank line"}


def mismatch(text: str, target: AnswerFormat) -> list[str]:
    """What of the format a text does not follow, in plain words; empty where it follows all of it."""
    told = []
    parts = split_thinking(text)
    if not target.thinking_varies and parts.bare_tags != (target.thinking and bare(target.thinking)):
        told.append(f"{_name(parts.bare_tags)}, the student writes {_name(target.thinking)}")
    elif target.thinking and parts.closing and not has_tags(text, target.thinking):
        told.append("other white space around the thoughts")
    rest = parts.rest if parts.rest.strip() else parts.thought
    if target.final is not None:
        told += _final_mismatch(rest, target, target.final)
    body = body_of(parts)
    if not follows(body, target.layout, target.numbering):
        shape = shape_of(body)
        wanted = f"{target.layout} ({write_number(target.numbering, 1)!r})" if target.numbering else target.layout
        found = f"{shape.layout} ({write_number(shape.numbering, 1)!r})" if shape.numbering else shape.layout
        told.append(f"steps set apart as {found}, the student's as {wanted}")
    return told


def body_of(parts: Parts) -> str:
    """The solution without its final statement; the thoughts where nothing but that follows them."""
    rest = parts.rest if parts.rest.strip() else parts.thought
    start, end = body_span(rest)
    return parts.thought.strip() if is_bare(rest) else rest[start:end].strip()


def body_span(text: str) -> tuple[int, int]:
    """Where the solution stands: before the final statement, or behind it where the text begins with that."""
    run = find_final(text).run
    if not run:
        return 0, len(text)
    return (0, run[0].start) if text[: run[0].start].strip() else (run[-1].end, len(text))


def _final_mismatch(rest: str, target: AnswerFormat, final: str) -> list[str]:
    found = find_final(rest)
    wanted = f"the student writes {write(final, '…')!r}"
    if len(found.conflict) == 1:
        return [f"the final answer {found.conflict[0]!r} cannot be told from the text around it"]
    if found.conflict:
        return [f"different final answers are stated: {', '.join(map(repr, found.conflict))}"]
    if found.answer is None:
        return [f"no final answer is stated, {wanted}"]
    told = []
    if not has_final(rest, target):
        stated = rest[found.run[0].start : found.run[-1].end] if found.run else ""
        if len(found.run) > 1 or found.stray:
            told.append(f"the final answer is stated more than once, {wanted}")
        elif gap_of(rest, target) not in (None, target.gap):
            told.append(f"{GAPS[gap_of(rest, target) or ' ']} before the final answer, not {GAPS[target.gap or ' ']}")
        elif stated:
            told.append(f"final answer stated as {stated[:120].replace(found.answer, '…')!r}, {wanted}")
        else:
            where = "in a box of the solution" if found.boxed else "in a sentence of the solution"
            told.append(f"final answer stated {where}, {wanted}")
    if target.last and found.run and rest[found.run[-1].end :].strip():
        told.append("the text goes on after the final answer, the student's ends there")
    return told


def is_bare(rest: str) -> bool:
    """Whether a text is nothing but its final statement."""
    run = find_final(rest).run
    return bool(run) and not (rest[: run[0].start] + rest[run[-1].end :]).strip()


def _name(tags: tuple[str, str] | None) -> str:
    return f"thoughts in {tags[0].strip()}…{tags[1].strip()}" if tags else "no tags around thoughts"
