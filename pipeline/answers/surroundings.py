"""What stands around an answer: words that lead in, labels, conditions on parameters, units and nouns at the end."""

from __future__ import annotations

import re
from fractions import Fraction

from pipeline.answers.numerals import HAN_ONLY, HAN_SCALES, SCALES
from pipeline.answers.units import Unit, find_unit

HAN_MULTIPLES = HAN_SCALES | {"百万": 10**6, "千万": 10**7}
LABELS = (
    (
        re.compile(
            r"‹?\s*\\?(?:the\s+)?\b(?:maximum|max|greatest|largest)(?:\s+value)?\s*›?(?=\s*(?:is|=|:|of|-?\d"
            r"|\\))\s*(?:is|=|:|of)?|(?:最大值)\s*(?:为|是|等于|=|:)?",
            re.IGNORECASE,
        ),
        " ‹largest› = ",
    ),
    (
        re.compile(
            r"‹?\s*\\?(?:the\s+)?\b(?:minimum|min|least|smallest)(?:\s+value)?\s*›?(?=\s*(?:is|=|:|of|-?\d"
            r"|\\))\s*(?:is|=|:|of)?|(?:最小值)\s*(?:为|是|等于|=|:)?",
            re.IGNORECASE,
        ),
        " ‹smallest› = ",
    ),
)
LEAD = re.compile(
    r"^(?:‹?\s*(?:all|any|every|each)(?:\s+(?:integers?|real numbers?|positive integers?|values?(?: of)?"
    r"|numbers?))*\s*›?(?=\s*[a-z]\s*[<>=!])\s*|(?:so|thus|hence|therefore|then|we get|we have|it is|it's|is|are"
    r"|equals?|equal to|exactly|about|approximately|approx\.?|roughly|only|a total of|"
    r"there (?:are|is)|answer|final answer|the|value|solutions?(?: set)?|roots?|ordered pairs?|points?|the answer"
    r" is|solution is|共有|一共有|一共|共|有|约为?|大约|等于|是|为|即|得到?|取值范围(?:是|为)?|解集(?:是"
    r"|为)|答案?(?:是|为)?)(?=[\s:=\d(\[{\\-]"
    r"|$)[\s:]*|[=:~]+\s*)",
    re.IGNORECASE,
)
LEAD_HAN = re.compile(
    r"^[^\d\\(\[{=]{0,40}?(?:等于|取值范围是|取值范围为|解集为|解集是|为|是|有|共"
    r"|得)\s*:?\s*(?=[\d\\(\[{+\-.|a-zA-Z一二三四五六七八九十百])"
)
CONDITIONS = re.compile(
    r"[,;]?\s*\(?\s*‹?\s*(?:(?:where|with|for|when|其中|当|for all|for any|for every|for some|if)\s*›?\s*)?(?:(?:all"
    r"|any|every|some|real|integers?|整数|任意|‹[^‹›]{0,30}›)\s*)*"
    r"(?<![A-Za-z\\\d})\]])(?P<names>[a-zA-Z](?:_\w)?(?:\s*,\s*[a-zA-Z](?:_\w)?)*)\s*(?:\\in\s*(?P<set>\\(?:intege"
    r"rs|reals|naturals|rationals|complexes)\s*\^?\{?[+*]?\}?(?:_\s*\{?[+>=\s0]+\}?)?)|(?:是"
    r"|为)\s*(?P<han>整数|任意整数"
    r"|正整数|自然数|任意实数|实数)|‹?\s*(?:is|are)\s+(?:an?\s+|any\s+|all\s+)*(?P<word>integers?"
    r"|real(?: numbers?)?|positive"
    r" integers?|constants?|natural numbers?)\s*›?)\s*›?\s*\)?\s*\.?$"
)
CONDITIONS_PLAIN = re.compile(
    r"[,;]?\s*\(?\s*‹?\s*\b(?:where|for (?:all|any|every|some|each|integers?)|for real|with)\b\s*›?[^=]*$"
    r"|[,;]?\s*‹?(?:其中|对任意|对所有)[^=]*$|\s*\((?:[^()=]*(?:整数|实数|常数|integer|real|constant|any)[^()=]*)\)\s*$"
)
COMPOUND_PART = re.compile(
    r"(\d+(?:\.\d+)?)\s*‹?\s*([A-Za-z]+|[\u4e00-\u9fff]{1,4}?)\s*›?\s*(?:,|\band\b|又|‹\s*and\s*›|\s)?\s*(?=\d|$)"
)
TAIL_TOKEN = re.compile(
    r"‹[^‹›]*›|\\deg\s*[CF]?|\\dollar|\\[A-Za-z]+|[A-Za-zµ]+|[°$€£¥￥¢₹]|[\u4e00-\u9fff]+|\^\s*\{?\s*[23]\s*\}?|/"
    r"|\.|\s+|."
)
NUMBER_WORDS = re.compile(
    r"\b(?:hundreds?|thousands?|millions?|billions?|half|halves|thirds?|fourths?|fifths?|sixths?|tenths?|hundredths?|squared"
    r"|cubed|below|above|minus|times|more|less|most|least)\b|[半千百万亿]|以上|以下",
    re.IGNORECASE,
)
"""Words after a number that change it; where they are not read as what they mean, nothing is read."""
CLAIM = re.compile(
    r"[为是不奇偶整质素倍]|\b(?:is|are|not|odd|even|prime|integers?|if|where|when|for|all|any|real|positive|negative)\b"
)
"""Words after an expression in variables that say something of them."""
NOT_A_NOUN = re.compile(
    r"(?:and|or|cup|mod|sin|cos|tan|log|ln|sqrt|pi|percent|percentage|pct|per cent)\b|‹\s*(?:and|or|percent)\b|或|和"
    r"|且|与|及"
)


def tidy(plain: str) -> str:
    """The text without marks at its ends, lead-in words and labels."""
    plain = plain.strip()
    if len(plain) > 2 and plain[0] == plain[-1] and plain[0] in "\"'":
        plain = plain[1:-1].strip()
    for _ in range(4):
        before = plain
        plain = re.sub(r"[\s.。;,!]+$" if not re.search(r"[\d)}\w]!$", plain) else r"[\s.。;,]+$", "", plain).strip()
        plain = re.sub(r"^[\s,;.*]+(?![\d])", "", plain)
        plain = LEAD.sub("", plain, count=1).strip() or plain
        if plain.startswith("{") and _closes_at_end(plain) and "," not in plain:
            plain = plain[1:-1].strip()
        if plain.startswith("‹") and plain.endswith("›") and plain.count("‹") == 1:
            plain = plain[1:-1].strip()
        if plain == before:
            break
    plain = re.sub(r"(?<=\d)\s*(万|亿|百万|千万)(?![\u4e00-\u9fff]*\d)", lambda m: f"*{HAN_MULTIPLES[m[1]]} ", plain)
    plain = (
        re.sub(
            r"(?<=[\d}])\s*‹?\s*\b(hundred|thousand|million|billion|trillion)\b",
            lambda m: f"*{SCALES[m[1].lower()]} ",
            plain,
            flags=re.IGNORECASE,
        )
        if re.match(r"[-\d\\$€£]", plain)
        else plain
    )
    plain = re.sub(
        r"‹?\s*\bfor (?:all|every|each|any) (?:real |positive |integers? |numbers? )*›?\s*[a-z]\b(?=\s*(?:,|;|or\b"
        r"|and\b|‹\s*(?:or|and)))",
        " ",
        plain,
    )
    plain = re.sub(r"\((?:at|when|当)\b[^()]*\)", " ", plain)
    plain = re.sub(
        r"^(?:all )?real numbers? (?:except|other than|not equal to) (.+)$",
        r"\\reals \\setminus \\{\1\\}",
        plain,
        flags=re.IGNORECASE,
    )
    for pattern, label in LABELS:
        plain = pattern.sub(label, plain)
    if HAN_ONLY.search(plain) and (lead := LEAD_HAN.match(plain)) and not re.search(r"[\d=]", lead[0]):
        plain = plain[lead.end() :]
    if builder := re.match(r"^\\\{\s*\(?[\w, ]+\)?\s*(?:\\in\s*\\reals\s*)?(?:\||:)\s*([^|]*)\\\}$", plain):
        plain = builder[1].strip()
    plain = re.sub(r"^‹?\s*\([A-E]\)\s*›?\s*(?=[\d\\$-])", "", plain)
    return plain.strip()


def _closes_at_end(text: str) -> bool:
    depth = 0
    for position, character in enumerate(text):
        depth += {"{": 1, "}": -1}.get(character, 0)
        if depth == 0:
            return position == len(text) - 1
    return False


def split_condition(plain: str) -> tuple[str, str]:
    """(the answer, what it says of its parameters): `k\\pi (k \\in \\integers)`."""
    found = CONDITIONS.search(plain) or CONDITIONS_PLAIN.search(plain)
    if found is None or not plain[: found.start()].strip(" ,;("):
        return plain, ""
    told = found[0]
    kind = (
        "integers"
        if re.search(r"integers|整数|naturals|自然数", told)
        else "reals"
        if re.search("real|实数", told)
        else "some"
    )
    return plain[: found.start()].strip(" ,;"), kind


def read_compound(plain: str) -> tuple[Fraction, Unit] | None:
    """`1 hour 30 minutes`, `3元5角`: parts of one kind, each smaller than the one before; in base units."""
    text = plain.replace("‹", " ").replace("›", " ").strip()
    if len(text) > 80:
        return None
    parts = list(COMPOUND_PART.finditer(text))
    if len(parts) < 2 or "".join(part[0] for part in parts).strip() != text:
        return None
    units = [find_unit({"分": "分钟"}.get(part[2], part[2])) for part in parts]
    first = units[0]
    if first is None:
        return None
    total, before = Fraction(0), None
    for part, unit in zip(parts, units, strict=True):
        if part[2] == "分" and first.kind == "yuan":
            unit = find_unit("fen")
        if unit is None or unit.kind != first.kind or (before and unit.factor >= before.factor):
            return None
        total, before = total + Fraction(part[1]) * unit.factor, unit
    return total, Unit(first.kind, Fraction(1))


def split_unit(plain: str) -> list[tuple[str, Unit | None, str, bool]]:
    """Ways to split a text into (mathematics, unit, noun, whether unlikely), the likeliest first."""
    options: list[tuple[str, Unit | None, str, bool]] = []
    letters = ""
    for start in _tail_starts(plain):
        body, tail = plain[:start].strip(), plain[start:].strip(" .")
        if not re.search(r"[\d)}\]a-zA-Z%]$", body):
            continue
        unit = find_unit(tail)
        letters = re.sub(r"[^A-Za-z]", "", tail)
        if unit is not None:
            variables = re.search(r"(?<![A-Za-z])[A-Za-z](?![A-Za-z])", re.sub(r"\\[A-Za-z]+", " ", body))
            spaced = plain[:start].endswith((" ", ")", "}"))
            told = "‹" in tail or HAN_ONLY.search(tail) or len(letters) >= 3 or tail[0] in "°$€£¥"
            certain = bool(told or (not variables and (spaced or len(letters) >= 2)))
            options.append((body, unit, "", not certain))
            break
        if tail.startswith("\\deg"):
            continue
        word = re.match(r"[A-Za-z]+", tail)
        if CLAIM.search(tail) and re.search(r"(?<![A-Za-z\\])[A-Za-z](?![A-Za-z])", body):
            break
        if NUMBER_WORDS.search(tail):
            break
        noun = "‹" in tail or HAN_ONLY.search(tail) or any(len(run) >= 3 for run in re.findall(r"[A-Za-z]+", tail))
        if noun and not NOT_A_NOUN.match(tail) and not (word and len(word[0]) == 1):
            options.append((body, None, tail, False))
            break
    if options and not options[0][3]:
        return options if options[0][1] and len(letters) != 1 else [*options, (plain, None, "", True)]
    return [(plain, None, "", False), *options]


def _tail_starts(plain: str) -> list[int]:
    """Where a unit or noun at the end of the text may begin, from the left."""
    pieces = [(match.start(), match[0]) for match in TAIL_TOKEN.finditer(plain)]
    starts: list[int] = []
    for place in range(len(pieces) - 1, -1, -1):
        start, piece = pieces[place]
        if piece.isspace() or piece == "." or (piece == "/" and starts):
            continue
        if piece.startswith("^") and place and re.match(r"[A-Za-z›]", pieces[place - 1][1][-1]):
            continue
        if piece.startswith(("‹", "\\deg", "\\dollar")) or re.fullmatch(
            r"[A-Za-zµ]+|[°$€£¥￥¢₹]|[\u4e00-\u9fff]+", piece
        ):
            starts.append(start)
            if HAN_ONLY.match(piece):
                starts.extend(range(start + len(piece) - 1, start, -1))
            continue
        break
    return sorted(starts)
