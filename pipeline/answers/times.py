"""Times of day and dates."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pipeline.answers import words
from pipeline.answers.numerals import HAN_ONLY, HAN_RUN, read_numeral

CLOCK = re.compile(
    r"^(?:at|在)?\s*(?P<zh>凌晨|早上|上午|中午|下午|傍晚|晚上|夜里|早晨)?\s*(?P<hour>\d{1,2})\s*(?:[:：]\s*(?P<minute>\d{2})(?::00)?"
    r"|[点时]\s*(?:(?P<half>半)|(?P<han>\d{1,2})\s*分?|整)?)?"
    r"\s*‹?\s*(?P<mark>[ap]\.?\s?m\.?|noon|midnight|o'clock|in the (?:morning|afternoon|evening))?\s*›?\.?$",
    re.IGNORECASE,
)

MONTHS = "|".join(word for word, (kind, _) in words.KNOWN.items() if kind == "month" and word.isascii())
DATES = (
    re.compile(rf"^(?P<month>{MONTHS})\.? (?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?:,? (?P<year>\d{{4}}))?$", re.IGNORECASE),
    re.compile(
        rf"^(?:the )?(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?: of)? (?P<month>{MONTHS})\.?(?:,? (?P<year>\d{{4}}))?$",
        re.IGNORECASE,
    ),
    re.compile(r"^(?:(?P<year>\d{4})\s*年\s*)?(?P<month>\d{1,2})\s*月\s*(?P<day>\d{1,2})\s*[日号]?$"),
    re.compile(r"^(?P<year>\d{4})[-/](?P<month>\d{2})[-/](?P<day>\d{2})$"),
)


@dataclass(frozen=True)
class Clock:
    """A time of day; `minutes` since midnight, or since the start of a half day that is not told."""

    minutes: int
    half_told: bool


@dataclass(frozen=True)
class Date:
    """A day of a month, with the year where it is told."""

    month: int
    day: int
    year: int | None


def read_clock(text: str) -> Clock | None:
    """A time of day, with or without its half; None for anything else."""
    plain = text.replace("\\deg", "").replace("‹", " ").replace("›", " ").strip()
    plain = " ".join(plain.split())
    if HAN_ONLY.search(plain):
        plain = HAN_RUN.sub(lambda m: str(read_numeral(m[0]) or m[0]), plain)
    if plain.lower() in ("noon", "midnight", "正午", "中午"):
        return Clock(0 if plain.lower() == "midnight" else 720, True)
    found = CLOCK.match(plain)
    if not found or not (found["minute"] or found["mark"] or found["zh"] or re.search(r"点|时\s*\d+\s*分", plain)):
        return None
    hour = int(found["hour"])
    minute = 30 if found["half"] else int(found["minute"] or found["han"] or 0)
    if hour > 24 or minute > 59:
        return None
    mark = (found["mark"] or "").lower().replace(".", "").replace(" ", "")
    zh = found["zh"] or ""
    late = mark.startswith("p") or mark == "noon" or "afternoon" in mark or "evening" in mark
    late = late or zh in ("下午", "傍晚", "晚上", "中午")
    early = (
        mark.startswith("a")
        or mark == "midnight"
        or "morning" in mark
        or zh in ("凌晨", "早上", "上午", "早晨", "夜里")
    )
    if late and hour < 12 and not (zh == "中午" and hour > 9):
        hour += 12
    if early and hour == 12:
        hour = 0
    return Clock(hour * 60 + minute, late or early or hour > 12 or hour == 0)


def read_date(text: str) -> Date | None:
    """A date, None for anything else."""
    plain = " ".join(text.replace("‹", " ").replace("›", " ").split()).strip(" .,")
    if HAN_ONLY.search(plain):
        plain = HAN_RUN.sub(lambda m: str(read_numeral(m[0]) or m[0]), plain)
    for pattern in DATES:
        if found := pattern.match(plain):
            month = found["month"]
            number = int(month) if month.isdigit() else words.KNOWN[month.lower()][1] + 1
            year = found["year"]
            return Date(number, int(found["day"]), int(year) if year else None)
    return None
