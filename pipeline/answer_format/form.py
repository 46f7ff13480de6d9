r"""What a format of answers is: tags around thoughts, how the final answer is stated, how steps are set apart.

`{answer}` in a final statement and `{n}` in a numbering are the only placeholders and are replaced as they stand, so
every other brace means itself: `\boxed{{answer}}` is the box `\boxed{…}` around the answer.
"""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from pipeline.answer_format.finals import find_final
from pipeline.answer_format.numbering import read_head, write_number
from pipeline.answer_format.statements import ANSWER as ANSWER
from pipeline.answer_format.statements import templates, write
from pipeline.types import Record

Layout = Literal["lines", "paragraphs", "numbered", "sentences"]
Gap = Literal["\n", "\n\n", " "]


class AnswerFormat(Record):
    """How a writer's answers look; a trait that is None is not enforced, `thinking` excepted."""

    thinking: tuple[str, str] | None = None
    """What opens and closes the thoughts, with the white space that belongs to it; None: there are no such tags."""
    thinking_varies: bool = False
    """Whether texts with and without the tags are both the writer's own, so that nothing is enforced."""
    final: str | None = None
    """How the final answer is stated, with `{answer}` in it: `#### {answer}`."""
    inline: bool = False
    r"""Whether a `\boxed{…}` in any sentence is such a statement; `final` is written where a text has no box."""
    last: bool = False
    """Whether nothing follows the final statement."""
    gap: Gap | None = None
    """White space before the final statement."""
    layout: Layout | None = None
    """How the steps are set apart: by line breaks, by blank lines, by numbers, or as sentences of one paragraph."""
    numbering: str | None = None
    """What stands before a numbered step: `{n}. `, `Step {n}: `; `第{一}步：` where the numbers are Chinese."""

    @model_validator(mode="after")
    def _can_be_found_again(self) -> AnswerFormat:
        if self.final is not None and not states(f"So 3 + 4 = 7.\n{write(self.final, '7')}", self.final, self.inline):
            raise ValueError(
                f"{self.final!r} is not found again where it is written; it needs {ANSWER} where the answer stands, and"
                r" a mark: '#### {answer}', 'Answer: {answer}', 'The answer is {answer}.', '答案：{answer}'"
                r" or '\boxed{{answer}}' with such words around it"
            )
        if self.inline and self.final is None:
            raise ValueError("an inline final statement needs words to stand in: `final`")
        if (self.layout == "numbered") != (self.numbering is not None):
            raise ValueError("a layout is numbered where a numbering is given, and only there")
        if self.numbering is not None:
            head = read_head(write_number(self.numbering, 1) + "x")
            if head is None or head.numbering != self.numbering:
                raise ValueError(f"the numbering {self.numbering!r} is not one like '{{n}}. ' or 'Step {{n}}: '")
        if self.thinking is not None and not self.thinking[1].strip():
            raise ValueError("thinking tags need a closing one")
        return self


def states(text: str, final: str, inline: bool) -> bool:
    """Whether a text states its final answer once, and like that."""
    found = find_final(text)
    if inline:
        return found.boxed and not (found.stray or len(found.run) > 1)
    return bool(found.run) and not found.stray and final in templates(found.run, text)


class Detected(Record):
    """A format with what it was read from."""

    format: AnswerFormat
    texts: int
    shares: dict[str, dict[str, float]]
    """For each trait its most frequent values and the share of texts that have them; `none` is a value."""
