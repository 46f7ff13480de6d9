"""The chosen text declines to answer: `I'm sorry, but …`, `I cannot help`, `作为一个AI…`, `无法回答`.

What cannot be divided, or solved over the integers, is no refusal: a person must decline to do somebody a service.
"""

from __future__ import annotations

import re
from typing import Literal

from pipeline.filters.base import Action, FilterSettings, Texts
from pipeline.types import Finding

SERVICE = "(?:help|assist|answer|comply|fulfill?|provide|respond|engage)"
SELF = r"an? (?:ai|artificial intelligence|(?:large )?language model)"
SELF_ZH = "(?:一[个名款位])?(?:人工智能|AI|大?语言模型|大模型|智能助手)"
REFUSALS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\b(?:i|we)(?: am|'m|’m| are|'re|’re) (?:very |so |truly |really )?sorry,? (?:but|i|that i|we|this)\b",
        r"^\W{0,8}(?:sorry|apologies|unfortunately|regrettably)[,!.]? (?:but )?i(?:'m|’m)? (?:can|am|do|not|un|won)",
        rf"\b(?:i|we) (?:can(?:no|'|’)t|can not|could not|couldn['’]t|will not|won['’]t) (?:\w+ )?{SERVICE}\b(?! but)",
        rf"\b(?:i|we)(?: am|'m|’m| are|'re|’re) (?:unable|not able|not allowed) to (?:\w+ )?(?:{SERVICE}|solve this)\b",
        r"\b(?:i|we) (?:don't|don’t|do not) (?:have (?:the ability|access|enough context)|feel comfortable)\b",
        r"\b(?:i|we) (?:must|have to|need to) (?:respectfully |politely )?(?:decline|refuse)\b",
        rf"\bas {SELF}(?: \w+){{0,3}}?,? i\b|\bi(?: am|'m|’m) (?:just |only )?{SELF}\b",
        rf"(?:作为|我只?是){SELF_ZH}",
        r"(?:抱歉|对不起|不好意思)[，,。！!]?[^。\n]{0,16}?(?:无法|不能|没有?办法|不便|不会)",
        r"(?:我|本人)(?:也|还|现在|目前|暂时)?(?:无法|不能|没有?办法|不便)(?:为[你您])?(?:回答|提供|解答|帮助|协助|完成|作答)",
        r"(?:无法|不能|拒绝)(?:回答|作答|提供(?:帮助|协助|答案|解答)|帮助[你您]|协助[你您]|满足[你您])",
    )
)


class Settings(FilterSettings):
    """Words that the question holds as well are its story, and no refusal."""

    filter: Literal["refusal"] = "refusal"
    action: Action = "drop"
    """Dropped: it teaches to decline."""

    def find(self, pair: Texts) -> Finding | None:
        asked = pair.question.casefold()
        for pattern in REFUSALS:
            for match in pattern.finditer(pair.chosen):
                if match[0].casefold() not in asked:
                    return self.say(f"it declines: {match[0]!r}", span=match.span())
        return None
