"""What a sentence claims: its main clause without what is added to it, and the first mathematics in there."""

from __future__ import annotations

import re

MATH = re.compile(
    r"(?<!\\)\$\$(.+?)\$\$|(?<!\\)\$(?!\d[\d,.]*\s+[a-z]{3,}\s+[a-z]{2,})((?:[^$\n\\]|\\.)+?)\$"
    r"|\\\((.+?)\\\)|\\\[(.+?)\\\]",
    re.DOTALL,
)
SO = re.compile(
    r"(?:[,，;；.。]\s*|\s|^)(?:so|hence|thus|therefore|consequently)\b(?!\s+that\b)[\s,]*|∴|所以|因此|故(?!事)|从而|于是|[,，；]\s*(?:即|也就是)",
    re.IGNORECASE,
)
ADDED = re.compile(
    r"[,，;；]?\s*\b(?:with|attained|achieved|reached|when|whenever|where|since|because|whose|if|iff|at|indeed"
    r"|e\.g\.|namely|including|considering|as\s+(?:its|the|a|expected|required))\b"
    r"|[,，;；]\s*(?:and\s+)?(?:not|indeed|as|for|which|and when|and its?)\b|\band not\b|\bbut not\b"
    r"|[,，;；]?\s*(?:其中|当且仅当|此时)|[,，;；]\s*(?:当|其|共|它|这|因为|由于|比|含|均)"
)
"""How what is added to a claim begins: conditions, places, checks, further facts."""
BRACKETS = re.compile(r"[(（]([^()（）]{0,300})[)）]")
NO_ASIDE = re.compile(r"\\|mod|整数|实数|integer|real|\$")
WORDY = re.compile(r"[A-Za-z]{3,}|[\u4e00-\u9fff]{2,}")
LONGEST_CLAIM = 600
"""Characters beyond which a claim is not taken apart."""
NUMBER = re.compile(r"(?<![\w$\\])[-−]?\d[\d,.]*")
JOINT = re.compile(r"\s*(?:,|;|、|，|；|and|or|和|或|与|及|,\s*and|,\s*or|或者)\s*")
HEDGED = re.compile(
    r"\b(?:think|thought|guess|might|may|could|would|suppose|if|whether|believe)\b[^.\n]{0,40}?\banswer\b|以为|猜",
    re.IGNORECASE,
)
"""An answer that is thought of, not claimed."""
VALUE = re.compile(
    r"\d|[=<>≤≥]|\\(?:in|notin|l[et]q?|g[et]q?|neq?|[dt]?frac|sqrt|pi|infty|left|begin|equiv)(?![A-Za-z])|[{(\[]"
)
"""Mathematics that may be a value, not only the name of one."""
CONDITION = re.compile(
    r"(?:当|若|令|设|由|因为|(?<!exactly )(?<!precisely )(?<!only )"
    r"\b(?:when|if|for|since|because|let|from|by|in|of|at|where|on))\s*$",
    re.IGNORECASE,
)
"""What stands before mathematics that is no claim."""


def is_aside(inside: str) -> bool:
    """Whether what stands in brackets is a remark, no modulus and no word on parameters."""
    return bool(WORDY.search(inside)) and not NO_ASIDE.search(inside)


def without_asides(text: str) -> str:
    """The text without remarks in brackets."""
    return BRACKETS.sub(lambda found: " " if is_aside(found[1]) else found[0], text)


def main_clause(sentence: str) -> str:
    """The clause after the last `so` of a sentence that still holds a number or a formula."""
    for match in reversed([*SO.finditer(sentence)]):
        rest = sentence[match.end() :]
        if re.search(r"[\d$\\=＝]", rest):
            return rest.strip()
    return sentence


def without_additions(claim: str) -> str:
    """A claim up to what is added after its first number or formula, remarks in brackets left out."""
    if len(claim) > LONGEST_CLAIM:
        return claim
    claim = without_asides(claim)
    first = re.search(r"\d|\$|\\|=", claim)
    if first is None:
        return claim.strip()
    maths = [*MATH.finditer(claim)]
    for match in ADDED.finditer(claim):
        if match.start() <= first.start() or any(m.start() < match.start() < m.end() for m in maths):
            continue
        before = claim[: match.start()]
        if not CONDITION.search(before) and re.search(r"\d|\$|\\", before):
            held = [m for m in maths if m.end() <= match.start()]
            if (
                held
                and all(CONDITION.search(claim[: m.start()]) for m in held)
                and not NUMBER.search(MATH.sub(" ", before))
            ):
                continue  # `when $x = 1$, …`: the claim is still to come
            return before.strip()
    return claim.strip()


def claimed_groups(claim: str) -> list[str]:
    """The mathematics of a claim, pieces joined by commas and the like taken together, conditions left out."""
    groups: list[str] = []
    end = None
    matches = [*MATH.finditer(claim)]
    for match in matches:
        if match is not matches[-1] and not VALUE.search(match[0]):
            end = None  # `$n$` and `$PA + PB$` are what a claim is about
            continue
        part = next(filter(None, match.groups()))
        between = claim[end : match.start()] if end is not None else None
        if between is not None and groups and JOINT.fullmatch(between):
            groups[-1] += (" or " if re.search(r"or|或", between) else ", ") + part
            end = match.end()
        elif CONDITION.search(claim[: match.start()]):
            end = None
        else:
            groups.append(part)
            end = match.end()
    return groups
