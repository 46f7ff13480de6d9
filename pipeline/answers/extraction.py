r"""Where a text states its final answer: boxes, marked lines, sentences, the last line.

The surest kind of mark that a text has is read: `\boxed{…}`, `####`, `Answer:` and the like together; only without any
of them sentences that state an answer; only without those the end of the text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pipeline.answers.claims import (
    BRACKETS,
    HEDGED,
    JOINT,
    MATH,
    claimed_groups,
    is_aside,
    main_clause,
    without_additions,
    without_asides,
)
from pipeline.answers.numerals import SCALES, SMALL, TENS
from pipeline.answers.units import find_unit

BETWEEN_BOXES = re.compile(
    r"(?:\s|\$|\\\[|\\\]|\\\(|\\\)|,|;|、|，|；|\\quad|\\qquad|\\ |\\,|\.|\band\b|\bor\b|和|或|与|及|&"
    r"|[a-zA-Z]\s*(?:_\{?\d\}?)?\s*=|\\text\s*\{[^{}]{0,20}\}|\*\*)*"
)
CHUNK = re.compile(
    r"(?:[$€£¥￥]|\\\$)?\s*[-−]?\d[\d,]*(?:[.:：/]\d+)*\s*(?:%|％|°C?|[ap]\.?m\.?|元\s*\d+\s*角(?:\s*\d+\s*分)?"
    r"|[A-Za-z]+(?:[/^][A-Za-z0-9]+)*|[点时]\s*(?:\d+\s*分|半)?|[\u4e00-\u9fff]{1,3}(?=[。.\s]*$)"
    r"|[千万亿]?[元米克升]|小时|分钟)?",
    re.IGNORECASE,
)
_WORDS = "|".join(sorted([*SMALL, *TENS, *SCALES], key=len, reverse=True))
SPELLED = re.compile(rf"\b(?:{_WORDS})(?:[\s-]+(?:and\s+)?(?:{_WORDS}))*\b", re.IGNORECASE)
CONCLUSION = re.compile(
    r"(?:\b(?:is|are|equals|gives|get|obtain|be|=|has|have|by|of|at|for|value|when|only|exactly|total(?:s)?|to"
    r"|costs?|needs?|takes?)\b|为|是|等于|得到?|有|即|=|共|:|：|剩下?|需要?)\s*(?P<answer>[^=]{1,200})$"
)
DENIED_AFTER = re.compile(
    r"\s*(?:[,，;]\s*(?:and\s+)?(?:not|rather than|instead of)\b|\b(?:rather than|instead of)\b|[,，]?\s*(?:而不是|而非"
    r"|并非|不是))[^.。]*$"
)
NOT_BUT = re.compile(
    r"\b(?:not|isn't)\b[^.;\n]{1,60}?\b(?:but|rather)\b\s*(?:rather\s+|it is\s+|is\s+)?|不是[^。\n]{1,40}?[,，]?\s*而是"
    r"|instead of [^.\n,]{1,40},?\s*"
)
IFF = re.compile(
    r"\b(?:if and only if|iff|exactly when|precisely when|only when)\b\s*([^,.，。]{1,60}?)[.\s]*$"
    r"|当且仅当\s*([^，,。]{1,40}?)\s*时?(?:[，,][^=]{0,12})?[。.\s]*$"
)
EXTREMUM = re.compile(r"\b(?:the )?(max|min|largest|smallest)(?:imum)?\b|(最[大小])值", re.IGNORECASE)
BOLD = re.compile(r"\*\*([^*\n]{1,120})\*\*|__([^_\n]{1,120})__")
PLEASANTRY = re.compile(r"(?:I hope|Let me know|Feel free|If you have|Hope this|希望|如有)", re.IGNORECASE)
PLEASANTRY_AFTER = re.compile(rf"(?<=[.!。])\s*{PLEASANTRY.pattern}[^\n]*$", re.IGNORECASE)
CONTINUED = re.compile(r"(?:where|whose|with|which|since|because|and when|其中|此时)")
ASSIGNMENT = re.compile(r"^\$?\s*[A-Za-z](?:_\{?\w\}?)?\s*[=＝][^=＝]{1,60}$")
BULLET = re.compile(r"^(?:[-•*]|\(?\d{1,2}[.)])\s+(?=\S)")
PARAMETERS = re.compile(
    r"[,，]?\s*[(（]?\s*(?:\b(?:for (?:all|any|every|some|each|an?)|where|with|namely|since|because)\b|其中|因为|(?:\$"
    r"|\\\()?\s*[a-z]\s*\\in\s*\\math)[^=]*$"
)
"""What a sentence says of its parameters at its end."""
NOTHING = re.compile(
    r"\bno (?:such |real |positive |integer |integral |prime |natural )*(?:solutions?|numbers?|integers?"
    r"|functions?|values?|pairs?|triples?)(?: exists?)?(?=[\s.]*$)|\bno such\b[^.$]{0,40}(?=[\s.]*$)|\b(?:does|do)"
    r" not exist(?=[\s.]*$)|(?:无解|不存在|没有解)(?=[^，,。=]{0,20}[.。]*$)"
)
DENIAL = re.compile(r"\b(?:is|are|was|be) not\b|n't\b|不是")
LONGEST_LINE = 500
"""Characters of a last line that may still be the statement of an answer."""
END_OF_TURN = re.compile(r"<\|(?:im_start|im_end|endoftext|eot_id|end|eos)\|>")
THINKING = re.compile(r"</think(?:ing)?>|<\|/?think\|>")
THEREFORE = re.compile(
    r"^\s*(?:\*\*)?(?:so|thus|hence|therefore|then|in conclusion|finally|consequently|as a result|因此"
    r"|所以|故|综上|综上所述"
    r"|从而|于是|则)[\s,，:：]*",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Conclusion:
    """What the end of a text claims."""

    claim: str
    """The claim without what is added to it."""
    sentence: str
    """The whole sentence."""
    forms: list[str]
    """Forms of the answer to read, the likeliest first."""
    sure: bool = True
    """Whether the claim holds one answer."""


def tidy_spaces(text: str) -> str:
    """The text with runs of blanks made one, which no pattern may be slow on."""
    return re.sub(r"[^\S\n]{2,}", " ", text)


def after_thinking(text: str) -> str:
    """What a reasoning model says after its thoughts; the whole text where it says nothing there."""
    told = END_OF_TURN.split(text)[0]
    parts = THINKING.split(told if told.strip() else text)
    return parts[-1] if len(parts) > 1 and parts[-1].strip() else parts[0] if told.strip() else text


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
        joined = not between or re.search(r",|;|、|，|；|and|or|和|或|与|及|quad", between)
        if len(between) > 60 or not BETWEEN_BOXES.fullmatch(between) or not joined:
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
    if found := re.match(
        r"\\?%|percent\b|pct\b|\^\{?\\circ\}?|°|\\(?:text|mathrm|mbox|textbf)\s*\{([^{}]{1,30})\}(?:\^\{?[23]\}?)?",
        plain,
    ):
        return found[0]
    if words := re.match(r"(?:[A-Za-z]+(?:\^\{?[23]\}?)?(?:\s*/\s*|\s+|(?=[^A-Za-z]|$))){1,4}", plain[:60]):
        split = words[0].split()
        return next(
            (unit for size in range(len(split), 0, -1) if find_unit(unit := " ".join(split[:size]).strip(" .,"))), ""
        )
    if words := re.match(r"[\u4e00-\u9fff]{1,5}", plain):
        return next((words[0][:size] for size in range(len(words[0]), 0, -1) if find_unit(words[0][:size])), "")
    return ""


def _named(text: str, start: int, content: str) -> str:
    name = re.search(r"([a-zA-Z](?:_\{?\w+\}?)?)\s*=\s*$", text[max(0, start - 20) : start])
    return f"{name[1]} = {content}" if name and "=" not in content else content


def strip_denied(answer: str) -> str:
    """`not 5 but 7` says 7."""
    if len(answer) > LONGEST_LINE:
        return answer
    stated = NOT_BUT.sub(lambda denied: "是 " if "不是" in denied[0] else " ", answer, count=1)
    return DENIED_AFTER.sub("", stated).strip() or answer


def candidates(statement: str) -> list[str]:
    """Forms of a stated answer to read: the whole, the mathematics in it, what stands before a comma, and so on."""
    statement = strip_denied(statement.strip())
    if len(statement) > LONGEST_LINE:
        return [statement]
    found = [statement]
    if (claim := without_additions(statement)) != statement and claim:
        found.append(claim)
        statement = claim
    matches = [*MATH.finditer(statement)]
    parts = [next(filter(None, match.groups())) for match in matches]
    if parts and not statement[: matches[0].start()].strip(" *:：_") and len(parts) > 1:
        found.append(_first_group(statement, matches))
    if len(parts) == 1:
        tail = statement[matches[0].end() :]
        if re.search(r"\d", tail) and (ended := CONCLUSION.search(tail.rstrip(" .。"))):
            found.append(ended["answer"])
        unit = _unit_after(tail)
        found.append(f"{parts[0]} {unit}" if unit else parts[0])
    elif len(parts) > 1:
        found.append(_last_group(statement, matches)[0])
    if sentence := re.match(
        r"(.+?[^\d\s])[.。]\s+[A-Z\u4e00-\u9fff].*$|(.+?)(?:,|，|\s)(?:because|since|so that|因为|由于)\b.*$",
        statement,
        re.DOTALL,
    ):
        found.append(next(filter(None, sentence.groups())))
    chunks = [match[0].strip() for match in CHUNK.finditer(statement)] if not parts else []
    if len(chunks) == 1:
        found.append(chunks[0])
    if ended := CONCLUSION.search(statement.rstrip(" .。")):
        found.append(ended["answer"])
    found.append(re.sub(r"^[^\d\\$(\[{]*[\u4e00-\u9fff]\s*(?=[\d\\$(\[{-])", "", statement))
    if spelled := [match for match in SPELLED.finditer(statement) if match[0].lower() not in ("one", "a half")]:
        found += [spelled[0][0]] if len(spelled) == 1 and not re.search(r"\d", statement) else []
    return _balanced(found)


def conclusion(text: str) -> Conclusion | None:
    """What the end of a text without any mark claims, None where it claims nothing.

    Sure is a claim that holds one answer: a line that is nothing else, or one number or formula in a main clause.
    """
    lines = _last_lines(text)
    if not lines or len(lines[-1]) > LONGEST_LINE:
        return None
    last = strip_denied(THEREFORE.sub("", lines[-1]).strip())
    sentence = re.split(r"(?<=[^\d\s])[.。!]\s+(?=[A-Z\u4e00-\u9fff])|。(?=.)", last)[-1].strip()
    if HEDGED.search(sentence):
        return None
    if none := NOTHING.search(sentence):
        return Conclusion(sentence, sentence, ["不存在" if "不存在" in none[0] else "no solution"])
    bare = without_asides(sentence)
    if (iff := IFF.search(bare)) and not re.search(r"[\d=]", bare[: iff.start()]):
        form = (iff[1] or iff[2]).replace("$", "")
        return Conclusion(form, sentence, _balanced([form]))
    labels = [*EXTREMUM.finditer(sentence)]
    if len({label[1] or label[2] for label in labels}) > 1:
        form = without_asides(re.sub(r"[(（](?:at|when|当)[^()（）]*[)）]", " ", sentence[labels[0].start() :]))
        return Conclusion(form, form, _balanced([form]))
    bold = [match[1] or match[2] for match in BOLD.finditer(sentence)]
    if len(bold) == 1 and not MATH.search(BOLD.sub("", sentence)) and not bold[0].rstrip().endswith((":", "：")):
        return Conclusion(bold[0], bold[0], _balanced([bold[0], *candidates(bold[0])]))
    full = without_additions(main_clause(re.sub(r"^\*\*[^*]{1,30}[:：]\*\*", "", sentence)))
    claim = PARAMETERS.sub("", full).strip() or full
    if DENIAL.search(claim):
        return None
    groups = claimed_groups(claim)
    if len(groups) > 1:
        return Conclusion(claim, sentence, _balanced([groups[0]]), sure=False)
    if not groups:
        stated = CONCLUSION.search(claim.rstrip(" .。"))
        forms = [full, claim, *([stated["answer"]] if stated else []), *candidates(claim)]
        return Conclusion(claim, sentence, _balanced(forms))
    unit = _unit_after(claim[[*MATH.finditer(claim)][-1].end() :])
    return Conclusion(claim, sentence, _balanced([full, claim, *([f"{groups[0]} {unit}"] if unit else []), *groups]))


def _last_lines(text: str) -> list[str]:
    """The lines of a text, pleasantries left out; lists, systems and displays at its end are taken together."""
    lines = [line.strip() for line in text.strip().splitlines() if line.strip(" $`*\\[]().。")]
    while len(lines) > 1 and (PLEASANTRY.match(lines[-1]) or (len(lines[-1]) < 200 and _is_remark(lines[-1]))):
        lines.pop()
    if not lines:
        return []
    lines[-1] = PLEASANTRY_AFTER.sub("", lines[-1]) or lines[-1]
    if "\\end{" in lines[-1] and "\\begin{" not in lines[-1]:
        start = max((i for i, line in enumerate(lines) if "\\begin{" in line), default=len(lines) - 1)
        return [*lines[:start], " ".join(lines[start:])]
    for pattern in (BULLET, ASSIGNMENT):
        listed = 0
        while listed < len(lines) and pattern.match(lines[-1 - listed]):
            listed += 1
        block = lines[len(lines) - listed :]
        names = [line.split("=")[0].split("＝")[0].strip(" $-*") for line in block]
        if listed > 1 and (pattern is BULLET or len(set(names)) == len(names)):
            bare = [BULLET.sub("", line) if pattern is BULLET else line.strip(" $") for line in block]
            joined = [line.rstrip(" .．。;；,，" if pattern is BULLET else " $.．。;；,，") for line in bare]
            return [*lines[:-listed], "; ".join(joined)]
    if len(lines) > 1:
        noun = len(lines[-1]) <= 12 and not re.search(r"[\d$\\=]|\b(?:yes|no)\b", lines[-1]) and "$" in lines[-2]
        if noun or (CONTINUED.match(lines[-1]) and MATH.search(lines[-2][-LONGEST_LINE:])):
            return [*lines[:-2], f"{lines[-2]} {lines[-1]}"]
    return lines


def _is_remark(line: str) -> bool:
    """Whether a line is nothing but a remark in brackets."""
    found = BRACKETS.fullmatch(line)
    return found is not None and is_aside(found[1])


def _last_group(sentence: str, matches: list[re.Match[str]]) -> tuple[str, str]:
    """(the last pieces of mathematics that commas and the like join, what stands before them)."""
    first = len(matches) - 1
    joints: list[str] = []
    while first and JOINT.fullmatch(joint := sentence[matches[first - 1].end() : matches[first].start()]):
        joints.insert(0, " or " if re.search(r"or|或", joint) else ", ")
        first -= 1
    parts = [next(filter(None, match.groups())) for match in matches[first:]]
    joined = parts[0] + "".join(joint + part for joint, part in zip(joints, parts[1:], strict=True))
    return joined, sentence[: matches[first].start()]


def _first_group(sentence: str, matches: list[re.Match[str]]) -> str:
    """The first pieces of mathematics that commas and the like join."""
    last = 0
    while last + 1 < len(matches) and JOINT.fullmatch(sentence[matches[last].end() : matches[last + 1].start()]):
        last += 1
    return _last_group(sentence, matches[: last + 1])[0]


def _balanced(forms: list[str]) -> list[str]:
    """Forms without half a formula."""
    whole = [
        form
        for form in forms
        if (form.count("{") == form.count("}") and (form.replace("\\$", "").count("$") + 1) % 2) or form.count("$") == 1
    ]
    return list(dict.fromkeys(form.strip() for form in whole if form.strip()))


def last_number(text: str) -> str | None:
    """The last number of a text: no more than a guess."""
    found = re.findall(r"-?\d[\d,]*(?:\.\d+)?(?:\s*/\s*\d+)?\s*%?", text)
    return found[-1].strip().rstrip(",") if found else None
