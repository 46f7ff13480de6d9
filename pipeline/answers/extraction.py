r"""Where a text states its final answer: boxes, marked lines, sentences, the last line.

The surest kind of mark that a text has is read: `\boxed{…}`, `####`, `Answer:` and the like together; only without any
of them sentences that state an answer; only without those the end of the text.
"""

from __future__ import annotations

import itertools
import re

from pipeline.answers.units import find_unit

BETWEEN_BOXES = re.compile(
    r"(?:\s|\$|\\\[|\\\]|\\\(|\\\)|,|;|、|，|；|\\quad|\\qquad|\\ |\\,|\.|\band\b|\bor\b|和|或|与|及|&|[a-zA-Z]\s*(?:_\{?\d\}?)?\s*=|\\text\s*\{[^{}]{0,20}\}|\*\*)*"
)
MATH = re.compile(r"\$\$(.+?)\$\$|\$([^$\n]+?)\$|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)
CHUNK = re.compile(
    r"(?:[$€£¥￥]|\\\$)?\s*[-−]?\d[\d,]*(?:[.:：/]\d+)*\s*(?:%|％|°C?|[ap]\.?m\.?|元\s*\d+\s*角(?:\s*\d+\s*分)?|[A-Za-z]+(?:[/^][A-Za-z0-9]+)*|[点时]\s*(?:\d+\s*分|半)?|[\u4e00-\u9fff]{1,3}(?=[。.\s]*$)|[千万亿]?[元米克升]|小时|分钟)?",
    re.IGNORECASE,
)
CONCLUSION = re.compile(
    r"(?:\b(?:is|are|equals|gives|get|obtain|be|=|has|have|by|of|at|for|value|when|only|exactly|total(?:s)?|to|costs?|needs?|takes?)\b|为|是|等于|得到?|有|即|=|共|:|：|剩下?|需要?)\s*(?P<answer>[^=]{1,200})$"
)
DENIED_AFTER = re.compile(r"\s*(?:[,，;]\s*(?:and\s+)?(?:not|rather than|instead of)\b|\b(?:rather than|instead of)\b|[,，]?\s*(?:而不是|而非|并非|不是))[^.。]*$")
NOT_BUT = re.compile(r"\b(?:not|isn't)\b[^.;\n]{1,60}?\b(?:but|rather)\b\s*(?:rather\s+|it is\s+|is\s+)?|不是[^。\n]{1,40}?[,，]?\s*而是|instead of [^.\n,]{1,40},?\s*")
THINKING = re.compile(r"</think(?:ing)?>|<\|/?think\|>")
THEREFORE = re.compile(r"^\s*(?:\*\*)?(?:so|thus|hence|therefore|then|in conclusion|finally|consequently|as a result|因此|所以|故|综上|综上所述|从而|于是|则)[\s,，:：]*", re.IGNORECASE)


def after_thinking(text: str) -> str:
    """What a reasoning model says after its thoughts; the whole text where it says nothing there."""
    parts = THINKING.split(text)
    return parts[-1] if len(parts) > 1 and parts[-1].strip() else text


def boxed_contents(text: str) -> list[tuple[int, int, str]]:
    r"""(start, end, content) of every outermost `\boxed{…}` with balanced braces, in order; one pass."""
    found: list[tuple[int, int, str]] = []
    opened = re.compile(r"\\f?boxed\s*(?:\{|(?=\d))")
    position = 0
    while match := opened.search(text, position):
        if not match[0].endswith("{"):
            found.append((match.start(), match.end() + 1, text[match.end()]))
            position = match.end() + 1
            continue
        depth, at = 1, match.end()
        for brace in re.compile(r"\\.|[{}]", re.DOTALL).finditer(text, match.end()):
            depth += {"{": 1, "}": -1}.get(brace[0], 0)
            if depth == 0:
                at = brace.end()
                break
        else:
            return found
        found.append((match.start(), at, text[match.end() : at - 1]))
        position = at
    return found


def last_boxes(text: str) -> tuple[str, list[str]]:
    """(the last boxed answer, all boxed answers); boxes joined by `and` or commas are one answer."""
    boxes = boxed_contents(text)
    if not boxes:
        return "", []
    group = [boxes[-1]]
    for box in reversed(boxes[:-1]):
        between = text[box[1] : group[0][0]]
        if len(between) > 60 or not BETWEEN_BOXES.fullmatch(between) or not re.search(r",|;|、|，|；|and|or|和|或|与|及|quad", between):
            break
        group.insert(0, box)
    contents = [_named(text, start, content) for start, _, content in group] if len(group) > 1 else [group[0][2]]
    answer = ", ".join(dict.fromkeys(contents))
    tail = text[group[-1][1] : group[-1][1] + 80]
    if len(group) == 1 and (unit := _unit_after(tail)):
        answer += f" {unit}"
    return answer, [content for _, _, content in boxes]


def _unit_after(tail: str) -> str:
    """The unit that follows a box outside of it."""
    plain = re.sub(r"^(?:\\[,;! \)\]]|~|[\s$])+", "", tail)
    if found := re.match(r"\\?%|percent\b|pct\b|\^\{?\\circ\}?|°|\\(?:text|mathrm|mbox|textbf)\s*\{([^{}]{1,30})\}(?:\^\{?[23]\}?)?", plain):
        return found[0]
    for words in re.finditer(r"(?:[A-Za-z]+(?:\^\{?[23]\}?)?(?:/[A-Za-z]+(?:\^\{?2\}?)?)?|square [a-z]+|cubic [a-z]+|[\u4e00-\u9fff]{1,4})", plain[:30]):
        if words.start() == 0:
            found_units = [words[0][:size] for size in range(len(words[0]), 0, -1)] if not words[0].isascii() else [words[0]]
            return next((unit for unit in found_units if find_unit(unit)), "")
    return ""


def _named(text: str, start: int, content: str) -> str:
    name = re.search(r"([a-zA-Z](?:_\{?\w+\}?)?)\s*=\s*$", text[max(0, start - 20) : start])
    return f"{name[1]} = {content}" if name and "=" not in content else content


def strip_denied(answer: str) -> str:
    """`not 5 but 7` says 7."""
    stated = NOT_BUT.sub(lambda denied: "是 " if "不是" in denied[0] else " ", answer, count=1)
    return DENIED_AFTER.sub("", stated).strip() or answer


def candidates(statement: str) -> list[str]:
    """Forms of a stated answer to read, the whole first: then the mathematics in it, then what stands before a comma."""
    statement = strip_denied(statement.strip())
    found = [statement]
    matches = [*MATH.finditer(statement)]
    parts = [next(filter(None, match.groups())) for match in matches]
    if len(parts) == 1:
        tail = statement[matches[0].end() :]
        unit = re.match(r"\s*(\\?%|percent\b|[A-Za-z]+(?:\^?[23])?|[\u4e00-\u9fff]{1,5})\s*[.。]?\s*$", tail)
        found.append(f"{parts[0]} {unit[1]}" if unit else parts[0])
    elif len(parts) > 1:
        between = [statement[a.end() : b.start()] for a, b in itertools.pairwise(matches)]
        if all(re.fullmatch(r"\s*(?:,|;|、|，|and|or|和|或|与|及|,\s*and|,\s*or)\s*", piece) for piece in between):
            found.append(", ".join(parts))
    if sentence := re.match(r"(.+?[^\d\s])[.。]\s+[A-Z\u4e00-\u9fff].*$|(.+?)(?:,|，|\s)(?:because|since|so that|因为|由于)\b.*$", statement, re.DOTALL):
        found.append(next(filter(None, sentence.groups())))
    chunks = [match[0].strip() for match in CHUNK.finditer(statement)] if not parts else []
    if len(chunks) == 1:
        found.append(chunks[0])
    if ended := CONCLUSION.search(statement.rstrip(" .。")):
        found.append(ended["answer"])
    found.append(re.sub(r"^[^\d\\$(\[{]*[\u4e00-\u9fff]\s*(?=[\d\\$(\[{-])", "", statement))
    return list(dict.fromkeys(part.strip() for part in found if part.strip()))


def conclusion(text: str) -> list[str]:
    """Candidates from the last line of a text without any mark: the line itself, then how its sentence ends."""
    lines = [line.strip() for line in text.strip().splitlines() if line.strip(" $`*\\[]()")]
    if not lines:
        return []
    last = strip_denied(THEREFORE.sub("", lines[-1]).strip())
    found = [last] if len(last) <= 200 else []
    sentence = re.split(r"(?<=[^\d\s])[.。!]\s+(?=[A-Z\u4e00-\u9fff])|。(?=.)", last)[-1].strip()
    parts = [next(filter(None, match.groups())) for match in MATH.finditer(sentence)]
    if len(parts) == 1:
        found += candidates(sentence)[1:]
    if ended := CONCLUSION.search(sentence.rstrip(" .。")):
        found += candidates(ended["answer"])
    if parts:
        found.append(parts[-1])
    return list(dict.fromkeys(found))


def last_number(text: str) -> str | None:
    """The last number of a text: no more than a guess."""
    found = re.findall(r"-?\d[\d,]*(?:\.\d+)?(?:\s*/\s*\d+)?\s*%?", text)
    return found[-1].strip().rstrip(",") if found else None
