"""Numbers in words, English and Chinese: `twenty-four`, `two thirds`, `三百零五`, `两万`, `三分之二`, `百分之五`."""

from __future__ import annotations

import re
from fractions import Fraction

SMALL = {
    word: number
    for number, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
        " seventeen"
        " eighteen nineteen".split()
    )
}
TENS = dict(zip("twenty thirty forty fifty sixty seventy eighty ninety".split(), range(20, 100, 10), strict=True))
SCALES = {"hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
PARTS = {
    "half": 2, "halves": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8,
    "ninth": 9, "tenth": 10, "twelfth": 12, "hundredth": 100,
}  # fmt: skip
DOZENS = {"dozen": 12, "couple": 2, "score": 20}
HAN_DIGITS = {character: number for number, character in enumerate("零一二三四五六七八九")} | {
    "〇": 0, "两": 2, "俩": 2, "壹": 1, "贰": 2, "叁": 3, "肆": 4, "伍": 5, "陆": 6, "柒": 7, "捌": 8, "玖": 9,
}  # fmt: skip
HAN_TENS = {"十": 10, "拾": 10, "百": 100, "佰": 100, "千": 1000, "仟": 1000}
HAN_SCALES = {"万": 10**4, "亿": 10**8}
HAN = "".join((*HAN_DIGITS, *HAN_TENS, *HAN_SCALES))
HAN_ONLY = re.compile(r"[\u4e00-\u9fff]")
LONGEST = 120
"""Characters beyond which a text is no number in words."""
HAN_RUN = re.compile(rf"负?[{HAN}]+(?:点[{HAN}]+)?")


def read_numeral(text: str) -> Fraction | None:
    """The number that a text spells, None where it is not exactly one number in words."""
    plain = text.strip(" .。").lower()
    if len(plain) > LONGEST:
        return None
    return _read_han(plain) if re.search(rf"[{HAN}半]", plain) else _read_english(plain)


def _read_english(text: str) -> Fraction | None:
    words = re.findall(r"[a-z]+|\d+(?:\.\d+)?", text)
    if not words or re.sub(r"[a-z\s,-]|\d+(?:\.\d+)?", "", text):
        return None
    negative = words[0] in ("minus", "negative")
    words = words[1:] if negative else words
    value = _fraction(words)
    if value is None:
        return None
    return -value if negative else value


def _fraction(words: list[str]) -> Fraction | None:
    if "and" in words and words[-1].rstrip("s") in PARTS and len(words) > 3:
        split = len(words) - 1 - words[::-1].index("and")
        whole, rest = _fraction(words[:split]), _fraction(words[split + 1 :])
        return None if whole is None or rest is None else whole + rest
    if words and words[0] in ("a", "an", "one") and len(words) == 2 and words[1] in PARTS:
        return Fraction(1, PARTS[words[1]])
    if words == ["half"]:
        return Fraction(1, 2)
    last = words[-1] if words else ""
    part = PARTS.get(last) or PARTS.get(last.removesuffix("s"))
    if part and len(words) > 1:
        top = _count(words[:-1])
        return None if top is None else Fraction(top, part)
    return _count(words)


def _count(words: list[str]) -> Fraction | None:
    total, current, seen = Fraction(0), Fraction(0), False
    for word in words:
        if word == "and" and seen:
            continue
        if word in ("a", "an") and not seen:
            current = Fraction(1)
        elif re.fullmatch(r"[\d.]+", word):
            if seen:
                return None
            current = Fraction(word)
        elif word in SMALL:
            if seen and current % 100 and not (current % 100 >= 20 and current % 10 == 0 and SMALL[word] < 10):
                return None
            current += SMALL[word]
        elif word in TENS:
            if current % 100:
                return None
            current += TENS[word]
        elif word in DOZENS:
            current = (current or Fraction(1)) * DOZENS[word]
        elif word == "hundred":
            current = (current or Fraction(1)) * 100
        elif word in SCALES:
            total, current = total + (current or 1) * SCALES[word], Fraction(0)
        else:
            return None
        seen = True
    digits_only = all(re.fullmatch(r"[\d.]+|a|an", word) for word in words)
    return total + current if seen and not digits_only else None


def _read_han(text: str) -> Fraction | None:
    text = text.replace(" ", "")
    if text.startswith("百分之"):
        inner = _plain_or_han(text.removeprefix("百分之"))
        return None if inner is None else inner / 100
    if "分之" in text:
        whole, _, rest = text.rpartition("又")
        bottom, _, top = rest.partition("分之")
        values = [_plain_or_han(part) for part in (bottom, top)] + [_plain_or_han(whole) if whole else Fraction(0)]
        if None in values or not values[0]:
            return None
        return values[2] + values[1] / values[0]  # type: ignore[operator]
    if text in ("半", "一半"):
        return Fraction(1, 2)
    return _plain_or_han(text) if not re.fullmatch(r"[\d.]+", text) else None


def _plain_or_han(text: str) -> Fraction | None:
    if re.fullmatch(r"\d+(?:\.\d+)?", text):
        return Fraction(text)
    negative, text = text.startswith("负"), text.removeprefix("负")
    whole, point, decimals = text.partition("点")
    if point and (not decimals or any(character not in HAN_DIGITS for character in decimals)):
        return None
    value = _han_integer(whole)
    if value is None:
        return None
    value += Fraction(int("".join(str(HAN_DIGITS[c]) for c in decimals) or 0), 10 ** len(decimals))
    return -value if negative else value


def _han_integer(text: str) -> Fraction | None:
    if not text:
        return None
    if mixed := re.fullmatch(r"(\d+(?:\.\d+)?)([百千万亿]+)", text):  # 3万, 1.5亿
        value = Fraction(mixed[1])
        for character in mixed[2]:
            value *= HAN_TENS.get(character) or HAN_SCALES[character]
        return value
    if all(character in HAN_DIGITS for character in text):
        return Fraction(int("".join(str(HAN_DIGITS[character]) for character in text)))
    total, section, digit = 0, 0, 0
    previous = 0
    for character in text:
        if character in HAN_DIGITS:
            digit = HAN_DIGITS[character]
        elif character in HAN_TENS:
            section += (digit or 1) * HAN_TENS[character]
            digit, previous = 0, HAN_TENS[character]
        elif character in HAN_SCALES:
            total = (total + section + digit) * HAN_SCALES[character]
            section, digit, previous = 0, 0, HAN_SCALES[character]
        else:
            return None
    if (
        digit
        and previous >= 100
        and "零" not in text[-2:-1]
        and text[-1] in HAN_DIGITS
        and text[-2:-1] not in ("十", "拾")
    ):
        digit *= previous // 10  # 三百五 is 350, 两万五 is 25,000
    return Fraction(total + section + digit)
