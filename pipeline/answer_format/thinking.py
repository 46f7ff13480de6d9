"""Thoughts apart from the answer: `<think>…</think>` and its kin at the start of a text."""

from __future__ import annotations

import re
from dataclasses import dataclass

OPENING = re.compile(
    r"\s*(?:<\|begin_of_(?P<part>\w{1,30})\|>|<\|(?P<bar>\w{1,30})\|>|\[(?P<square>[A-Z]{3,20})\]"
    r"|<(?P<name>[A-Za-z][\w:-]{0,30})>)"
)
CLOSING = re.compile(r"</(?:think|thinking|thought|thoughts|reasoning)>|<\|end_of_thought\|>|\[/THINK\]|<\|/think\|>")
"""Tags that are known without the opening one, which some chat templates write themselves."""
NO_THOUGHTS = {"answer", "solution", "response", "final", "output", "result", "p", "div", "b", "i", "code", "pre"}
WORDS = re.compile(r"[\u4e00-\u9fff]|[^\W\d_]{2,}")
SOLUTION_WORDS = 25
"""Words beside the final statement that make what follows the thoughts a solution of its own."""


@dataclass(frozen=True)
class Parts:
    """A text as opening tag, thoughts, closing tag and the rest; both tags are empty where it has none."""

    opening: str
    thought: str
    closing: str
    rest: str

    @property
    def tags(self) -> tuple[str, str] | None:
        """The tags with the white space between them and the thoughts or the rest."""
        if not self.closing:
            return None
        thought = self.thought
        left = thought[: len(thought) - len(thought.lstrip())] if thought.strip() else ""
        right = thought[len(thought.rstrip()) :] if thought.strip() else thought
        after = self.rest[: len(self.rest) - len(self.rest.lstrip())]
        return self.opening + left, right + self.closing + after

    @property
    def bare_tags(self) -> tuple[str, str] | None:
        """The tags alone."""
        return (self.opening, self.closing) if self.closing else None


def split_thinking(text: str) -> Parts:
    """Take the thoughts from a text; a tag that is never closed is part of the text."""
    if found := OPENING.match(text):
        if found["part"]:
            closing = f"<|end_of_{found['part']}|>"
        elif found["bar"]:
            closing = f"<|/{found['bar']}|>"
        else:
            closing = f"[/{found['square']}]" if found["square"] else f"</{found['name']}>"
        name = found["part"] or found["bar"] or found["square"] or found["name"]
        at = text.rfind(closing, found.end())
        if at >= 0 and name.lower() not in NO_THOUGHTS:
            return Parts(found[0].strip(), text[found.end() : at], closing, text[at + len(closing) :])
    closings = [*CLOSING.finditer(text)]
    if closings:
        last = closings[-1]
        return Parts("", text[: last.start()], last[0], text[last.end() :])
    return Parts("", "", "", text)


def has_tags(text: str, tags: tuple[str, str]) -> bool:
    """Whether a text has exactly these tags, with their white space where they have any."""
    parts = split_thinking(text)
    if tags == bare(tags) or not parts.rest.strip():
        return parts.bare_tags == bare(tags)
    return parts.tags == tags


def join_thinking(parts: Parts, tags: tuple[str, str]) -> str:
    """Put tags around the thoughts; bare ones stand where the old ones stood, else on lines of their own."""
    opening, closing = tags
    thought, rest = parts.thought, parts.rest
    if tags != bare(tags):
        return f"{opening}{thought.strip()}{closing}{rest.strip()}"
    if parts.closing:
        return f"{opening}{thought}{closing}{rest}"
    return f"{opening}\n{thought.strip()}\n{closing}\n\n{rest.strip()}".lstrip()


def without_tags(parts: Parts) -> str:
    """The thoughts without the tags that stand within them."""
    thought = parts.thought
    for tag in (parts.opening, parts.closing):
        thought = thought.replace(tag, "") if tag else thought
    return CLOSING.sub("", thought)


def is_solution(rest: str) -> bool:
    """Whether what follows the thoughts, its final statement left out, is a solution by itself."""
    return rest.count("=") + rest.count("＝") >= 2 or len(WORDS.findall(rest)) >= SOLUTION_WORDS


def bare(tags: tuple[str, str]) -> tuple[str, str]:
    """Tags without white space."""
    return tags[0].strip(), tags[1].strip()
