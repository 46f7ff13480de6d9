"""Words by which a written solution gives away that it corrects another text or was told the answer."""

from __future__ import annotations

import re
from collections.abc import Iterator

TEXT = r"(?:attempt|answer|solution|response|reply)"
BEFORE = (
    r"(?:original|previous|earlier|given|provided|known|stated|supplied|expected|reference|gold|"
    r"incorrect|wrong|flawed|faulty|erroneous|mistaken|corrected|revised|repaired|fixed)"
)
ENGLISH = (
    # somebody else's text
    r"\b(?:the|this|that|your|his|her|their) (?:student|model|assistant|author|solver|learner)(?:'s|’s)? "
    r"(?:own |final |first |original )?(?:attempt|answer|solution|response|reply|work|reasoning|calculation|mistake|"
    r"error|step|wrote|writes|says|said|forgot|assumed)\b",
    r"\b(?:the|this|that|your|an?) (?:" + BEFORE + r" )" + TEXT + r"\b(?! (?:choice|option|key|sheet))",
    r"\b(?:the|this|that|your) (?:original|earlier|previous) (?:work|calculation|reasoning) (?:was|forgot|added)\b",
    r"\bcorrection:",
    r"\b(?:the|this|your) (?:attempt|hint)\b",
    r"\bin (?:the|this|your) (?:attempt|response)\b",
    # correcting
    r"\b(?:the|this|your|an?) (?:mistake|misstep) (?:is|was|lies|lay|occurs|occurred|comes|came|here|in)\b",
    r"\b(?:the|this|your|an?) error (?:is|was|lies|lay|occurs|occurred|comes) (?:in|that|from|here|with|made)\b",
    r"\b(?:to|let me|let us|let's|we can|i will|i'll) (?:correct|fix|repair|revise) "
    r"(?:it|that|(?:the|this|my|your) (?:\w+ )?(?:mistake|error|attempt|answer|solution|step|line))\b",
    r"\bcorrect(?:ed|ing) (?:the |this |that |my |your )?(?:version|solution|answer|mistake|error|step|calculation)\b",
    r"\bhere(?: is|'s|’s) (?:the|a|my) (?:correct|corrected|revised|repaired|right) (?:solution|version|answer)\b",
    # an answer that was told
    r"\b(?:we|i) (?:know|knew|(?:were|are|am|was) (?:told|given)) (?:that )?the (?:final |correct |right )?answer\b",
    r"\b(?:since|because|given that|knowing that) the (?:final |correct |right )?answer (?:is|was) (?=[$\\\d])",
    r"\bthe (?:final |correct |right )?answer (?:that (?:is|was) )?(?:given|provided|supplied) (?:is|was|here)\b",
    r"\bthe (?:final |correct |right )?answer (?:is|was) (?:known|given|provided|stated|supposed) (?:to be|as|in)\b",
    r"\b(?:matches|match|matching|agrees with|consistent with|confirms|as stated in) the (?:final |correct |known |"
    r"given |expected |reference |provided |gold )+(?:answer|solution|result)\b",
    r"\bas (?:instructed|requested|required by the instructions|per the instructions)\b",
)
CHINESE = (
    r"(?:该|这位|那位|此)?(?:学生|模型)的?(?:解答|答案|解法|回答|尝试|错误|做法|计算)",
    r"(?:原|之前的?|先前的?)(?:解答|答案|解法|回答)|(?:给出的|给定的?|提供的|已知的?|参考|标准)答案|答案(?:已知|已给出)",
    r"(?:错误|出错)(?:在于|之处|的地方|是)",
    r"(?:更正|修正|改正|纠正|订正)(?:后|如下|为|该|这|上述|之前|原)",
)
FUNCTION_WORDS = frozenset(
    "the for let can will this that your their from with here occurs comes wrote writes says said forgot".split()
)
PATTERN = re.compile("|".join(ENGLISH), re.IGNORECASE)
NEEDED = tuple(
    "student model assistant author solver learner attempt answer solution response reply work calculation reasoning "
    "correct hint mistake misstep error fix repair revise version result instruct requested".split()
)
"""Every match of the English pattern holds one of these; most texts hold none, and are read much faster."""
PATTERN_ZH = re.compile("|".join(CHINESE))


def find_allusion(text: str, question: str = "") -> tuple[int, int] | None:
    """Span of the first words that allude to another text, to a correction or to a told answer; None for none.

    Words that the question itself uses are its subject, not an allusion.
    """
    asked = question.casefold()
    spans = sorted(match.span() for match in _find(text) if not _is_asked_about(match[0].casefold(), asked))
    return spans[0] if spans else None


def _find(text: str) -> Iterator[re.Match[str]]:
    if not text.isascii():
        yield from PATTERN.finditer(text)
        yield from PATTERN_ZH.finditer(text)
    elif any(map(text.lower().__contains__, NEEDED)):
        yield from PATTERN.finditer(text)


def _is_asked_about(words: str, question: str) -> bool:
    """Whether the question has all that the words name, by the first letters of each."""
    named = [word[:5] for word in re.findall(r"[a-z]{3,}", words) if word not in FUNCTION_WORDS]
    return words in question or (bool(named) and all(word in question for word in named))
