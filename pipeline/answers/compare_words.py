"""Times of day, dates, and answers in words."""

from __future__ import annotations

from fractions import Fraction

from pipeline.answers import words
from pipeline.answers.outcome import MISMATCH, Result
from pipeline.answers.reading import Formula, Meaning, Phrase, Quantity
from pipeline.answers.times import Clock, Date
from pipeline.answers.tree import Number, Symbol


def compare_clocks(gold: Meaning, answer: Meaning) -> Result:
    """Compare two meanings of which at least one is a time of day."""
    if not (isinstance(gold, Clock) and isinstance(answer, Clock)):
        return "unclear", f"{MISMATCH} a time of day"
    if gold.minutes == answer.minutes:
        return "same", "the same time of day"
    if gold.half_told and answer.half_told:
        return "different", "another time of day"
    if gold.minutes % 720 == answer.minutes % 720:
        told, bare = (gold, answer) if gold.half_told else (answer, gold)
        if bare.minutes == told.minutes % 720 or (
            bare.minutes // 60 == 12 and told.minutes % 720 == bare.minutes % 720
        ):
            return "same", "the same time, its half of the day left out"
        return "unclear", "the same time of another half of the day, perhaps"
    return "different", "another time of day"


def compare_dates(gold: Meaning, answer: Meaning) -> Result:
    """Compare two meanings of which at least one is a date."""
    if not (isinstance(gold, Date) and isinstance(answer, Date)):
        return "unclear", f"{MISMATCH} a date"
    years = {date.year for date in (gold, answer)} - {None}
    if (gold.month, gold.day) == (answer.month, answer.day) and len(years) < 2:
        return "same", "the same date"
    return "different", "another date"


def compare_phrases(gold: Meaning, answer: Meaning) -> Result:
    """Compare two meanings of which at least one is in words."""
    if not (isinstance(gold, Phrase) and isinstance(answer, Phrase)):
        phrase, other = (gold, answer) if isinstance(gold, Phrase) else (answer, gold)
        if isinstance(phrase, Phrase) and words.read_class(phrase.text) == words.KNOWN["none"]:
            empty = isinstance(other, Formula) and other.node == Symbol("emptyset")
            if isinstance(other, Quantity) and other.node == Number(Fraction(0)):
                return "unclear", "none may be the number 0"
            return ("same", "nothing") if empty else ("different", "one says that there is none")
        if (
            isinstance(phrase, Phrase)
            and isinstance(other, Quantity)
            and phrase.text.strip().lower() == getattr(other.node, "name", "").lower()
        ):
            return "same", "the same letter"
        return "unclear", "words against mathematics"
    first, second = words.read_class(gold.text), words.read_class(answer.text)
    if first and second:
        if first == second:
            return "same", "the same word"
        if first[0] == second[0]:
            return "different", "the opposite or another of its kind"
        return "unclear", "words of different kinds"
    split = [words.split_words(phrase.text) for phrase in (gold, answer)]
    denied = [bool(set(side) & {"not", "no", "never", "isn't"}) for side in split]
    if denied[0] != denied[1] and {*split[0]} ^ {*split[1]} <= {"not", "no", "never", "isn't"}:
        return "different", "one denies the other"
    if split[0] == split[1] or "".join(split[0]) == "".join(split[1]):
        return "same", "the same words"
    if len(split[0]) == len(split[1]) == 1:
        ascii_only = all(word.isascii() for side in split for word in side)
        han_only = not any(word.isascii() for side in split for word in side)
        if (ascii_only or han_only) and not (split[0][0] in split[1][0] or split[1][0] in split[0][0]):
            return (
                ("different", "another word")
                if (not first and not second) or ascii_only
                else ("unclear", "other words")
            )
    if sorted(split[0]) == sorted(split[1]) and {"and", ","} & set(" ".join(split[0]).split()):
        return "same", "the same words in another order"
    return "unclear", "other words"
