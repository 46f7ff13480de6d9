"""Which options of a multiple-choice question a sentence names: by letter, by text, by ordinal; denied ones marked.

A sentence becomes a list of `Named`: neighbours that are listed (`A, B and D`) are one, so that a denial or a claim
that stands before or behind the list holds for all of it, and a letter beside an option's text (`B. Paris`,
`Paris (B)`) is one, so that the two can be compared.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

LETTERS = "ABCDEFGHIJ"
WINDOW = 80
"""Characters beside an option that are looked at; keeps every search bounded."""

_WIDE = {0xFF01 + i: 0x21 + i for i in range(94)} | {0x3000: " ", 0x2019: "'", 0x2018: "'", 0x2212: "-", 0x2013: "-"}
_WRAPPED = re.compile(r"\\(?:text|textbf|textit|textrm|mathrm|mathbf|mbox)\s?\{([^{}]*)\}")
_FRACTION = re.compile(r"\\[dt]?frac\s?(?:\{([^{}]*)\}\{([^{}]*)\}|(\d)(\d))")
_DROPPED = re.compile(
    r"\\(?:left|right|displaystyle|boxed|fbox|quad|qquad)(?![A-Za-z])|\\[()\[\],;!: ]|[$*`]|__|\\(?=[$%])"
)
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")

_EN_NOUNS = (
    "vitamin|hepatitis|plan|figure|fig|table|type|group|point|line|set|angle|vertex|event|matrix|company|team|person|"
    "country|city|town|variable|substance|element|compound|solution|box|circle|section|part|grade|drug|gene|allele|"
    "block|container|cell|node|task|case|phase|bag|urn|student|train|car|machine|station|species|player|class|statement|reaction|"
    "equation|step|premise|theorem|region|stage|chapter|appendix|part"
)
_NOT_OPTION_BEFORE = re.compile(
    rf"(?:\b(?:{_EN_NOUNS})s?\s|(?:点|集合|事件|物体|线段|角|球|车|木块|商品|公司|矩阵|维生素|血型)\s?|\d\s?|[a-z]-|"
    r"[∩∪⊆⊂∈+×·^∠△°≈]\s?|circ\}{0,2}\s?|\\[a-z]+\s?|(?<!option)(?<!choice)(?<!answer)(?<!letter)(?<!is)[A-Za-z]\()$",
    re.IGNORECASE,
)
_NOT_OPTION_AFTER = re.compile(
    r"\s?(?:[=<>≤≥≠≈∩∪⊆⊂∈+×·^#₀-₉]|\\[a-z]|[-/]\s?(?:\d|[A-Z]\b))|-[a-z(]|[_|°]|\([\da-z]"
    r"|[点车球块型级组段班市国物处地]"
)
_VERBS_AFTER_A = re.compile(
    r"\s(?:is|was|are|were|and|or|nor|but|because|since|as|seems|looks|can|cannot|can't|could|would|should|must|has|"
    r"have|had|does|doesn't|isn't|fits|works|matches|follows|for|not|alone|only|with|which|that|it|in|describes|states|"
    r"says|rather|instead|so|then|if|also|remains|appears|gives|correctly|incorrectly|correct|wrong|incorrect|too|here|"
    r"maybe|either|will|may|might|fails|out|over|if|when|while|whereas|being)\b"
)
_SMALL_BEFORE = re.compile(
    r"(?:^|\b(?:option|choice|letter|answer|ans|i\.e\.|choose|chose|pick|select|(?:answer|option"
    r"|choice) (?:is|should be|must be))|"
    r"选|选择|选项|答案|是|为)[\s:(.]*$",
    re.IGNORECASE,
)
_SMALL_AFTER = re.compile(r"\s*(?:$|[.,;:!)。、\"]|(?:is|and|or|because|since|as)\b|[\u4e00-\u9fff])")
_CUED = re.compile(
    r"(?:^|\b(?:options?|choices?|letters?|answers?|ans|is|are|choose|select|pick|both)|选|选择|选项|答案|是"
    r"|为|有|:)[\s:(\[{\"']*$",
    re.IGNORECASE,
)
_NAME_BEFORE = re.compile(r"\b(?!Option|Answer|Choice|Letter|Hence|Thus|Therefore|So|Is)[A-Z][a-z]+ $")
_LETTER = re.compile(
    r"\(\s?([A-J])\s?\)|\(\s?([a-j])\s?\)|(?<![A-Za-z\d])\[([A-J])\]|(?<![A-Za-z0-9\\'^_.&])(?:([A-J])"
    r"|([a-j])|([A-J]{2,10}))(?![A-Za-z0-9'_])"
)

_NUMBERS = {
    word: number
    for number, words in enumerate(
        (
            "first 1st one 1 一", "second 2nd two 2 二", "third 3rd three 3 三", "fourth 4th four 4 四",
            "fifth 5th five 5 五", "sixth 6th six 6 六", "seventh 7th seven 7 七", "eighth 8th eight 8 八",
        )
    )
    for word in words.split()
}  # fmt: skip
_ORDINAL = re.compile(
    r"\b(first|second|third|fourth|fifth|sixth|seventh|eighth|last|[1-8](?:st|nd|rd|th))\s"
    r"(?:(?:answer\s)?(?:option|choice|alternative)|one(?!\s(?:that|which|to|of|in|with|is not)))\b"
    r"|\b(?:option|choice)\s(?:number\s|no\.\s|#)?([1-8]|one|two|three|four|five|six)\b(?![./]?\d|%)"
    r"|第\s?([一二三四五六七八1-8])\s?(?:个(?:选项|答案|选择)|选项|项(?=\s?(?:是|最)?(?:正确|对|符合)|[,:]|[。.]?$))"
    r"|(?<=选|择)第([一二三四五六七八1-8])(?:个|项)|^第([一二三四五六七八1-8])[个项](?=[。.!]?$)"
    r"|(最后)一(?:个(?:选项|答案|选择)?|项)",
    re.IGNORECASE,
)

_APPOSED = re.compile(
    r"[\s)\].:、,\-—(\"“'=}]*(?:(?:that is|i\.e\.|namely|which (?:is|says|states)|即|也就是)[\s,:.\"“(]*)?"
    r"(?:(?:a|an|the)\s)?"
)
"""Between a letter and the text that goes with it."""
_LABELLED = re.compile(
    r"[\s,\"”.)]*(?:[(\[\-—]+|->|=>|→|=|,?\s?(?:i\.e\.,?|which is|corresponding to|namely|that is,?|即|对应"
    r"|就是)\s?)\s?"
    r"(?:the\s)?(?:option|choice|answer|letter|选项|选)?[\s(:]*|[\s,\"”]+(?:the\s)?(?:option|choice|选项)\s[(]?"
)
"""Between a text and the letter or ordinal that goes with it."""
_LISTED = re.compile(
    r"[\s)\]\"”.项]*(?:(?:,|、|/|&|\b(?:and|or|nor|as well as|to|through)\b|和|或者?|与|及|以及|还是|跟)\s?){1,3}"
    r"(?:(?:both|neither|also|either)\s)?(?:(?:options?|choices?|an?|the)\s|选项)?[\s(\[\"“]*"
)
_EITHER = re.compile(r"\bor\b|或|还是|/")
_DENIES = re.compile(
    r"\b(?:not|never|neither|nor|cannot|except|excluding|excludes?|unlike|without|rather than|instead of|other than|"
    r"opposed to|incorrect(?=[^.]{0,12}$)|eliminat\w+|rul\w+ out|reject\w*|discard\w*|dismiss\w*|cross\w* out)\b|n't\b|"
    r"不是|并非|而非|不选|不会是|不可能是|不能是|不应|不属于|不等于|不同于|排除|除了|除去|非(?=$)|不(?=$)|没有|无法选",
    re.IGNORECASE,
)
_FREED = re.compile(
    r"[,;:、]|\b(?:but|so|hence|thus|therefore|leav\w+|answer\s(?:\w+\s)?is|only)\b|而是|所以|因此|故|剩"
    r"|答案(?:应|是|为)|而应",
    re.IGNORECASE,
)
"""What ends the reach of a denial."""
_DENIED_AFTER = re.compile(
    r"[)\]\"”*\s]*(?:(?:options?|choices?)\s|选?项|[两三]个?选?项)?[\s(:\-—]*"
    r"(?:(?:(?:both|all|also|simply|clearly|obviously|then|therefore|thus|of these|of them|this|it|that|which)\s){0,3}"
    r"(?:(?:are|is|were|was|can|could|does|do|did|has|have|had|will|would|seems?|must)\s?(?:(?:all|both|also"
    r"|simply|clearly|therefore|"
    r"thus|obviously|then|be|the)\s){0,3}(?:not|no|never|neither|less|too)\b(?! only)|(?:is|does|do|are|ca"
    r"|has|was|were|could|would|"
    r"did|wo)n't\b|cannot\b|fails?\b|contradicts?\b|not (?:correct|right|possible|valid|it|an option)\b)"
    r"|(?:都|均|也|是|显然|明显|则|就|的|说法|表述|选项|描述|被|应|可以?|全|皆|\s){0,5}(?:不(?!变|仅|但|只)"
    r"|未|无关|没有))"
    r"|[)\]\"”*\s]*(?:(?:options?|choices?)\s|选?项|[两三]个?选?项)?[\s,(:\-—]*"
    r"(?:(?:are|is|were|was|can|could|seems?|has|have|both|all|also|simply|clearly|therefore|thus|obviously"
    r"|then|be|been|the)\s|"
    r"都|均|也|是|显然|明显|则|就|的|说法|表述|选项|描述|被|应|可以?|全|皆|\s){0,5}(?:(?:wrong|incorrect"
    r"|inaccurate|false|out|eliminated|excluded|"
    r"ruled out|rejected|impossible|unlikely|irrelevant|unrelated|invalid|inconsistent)\b|错|排除|有误|偏离|✗|❌|×)",
    re.IGNORECASE,
)
_HEDGES = re.compile(
    r"\b(?:maybe|perhaps|possibly|possible|might|may|could(?! only)|either|torn between|unsure)\b|\bbetween\W*$|"
    r"(?<![很最大有])(?<!最有)(?<!更有)可能(?!性最)|也许|或许|说不定|不确定|不知道",
    re.IGNORECASE,
)
_COMMON = ("yes", "no", "none", "all", "both", "neither", "not", "and", "or", "one")
_WORDY = re.compile(r"(?=[a-z(“\"《\u4e00-\u9fff]).*?(?:[a-z]{2}|[\u4e00-\u9fff])")
"""An option's text that is made of words."""


def clean(text: str) -> str:
    """Full-width forms made plain, wrappers of Markdown and LaTeX taken off, fractions and spaces in one form."""
    plain = _WRAPPED.sub(r"\1", text.translate(_WIDE))
    plain = _FRACTION.sub(lambda m: f"{m[1] or m[3]}/{m[2] or m[4]}", plain)
    plain = re.sub(r"\\sqrt\s?(\w)", r"\\sqrt{\1}", _DROPPED.sub("", plain)).replace("\\pi", "π")
    return _THOUSANDS.sub("", re.sub(r"[^\S\n]+", " ", plain))


@dataclass(frozen=True)
class Mention:
    """One place that names an option, or several as `ACD` does."""

    start: int
    end: int
    letters: frozenset[str]
    by_text: bool = False
    unclear: bool = False
    """Whether it may as well mean another option."""


@dataclass(frozen=True)
class Named:
    """Options that stand together in a sentence, with what stands before and behind them."""

    start: int
    end: int
    letters: frozenset[str]
    by_text: bool
    """Whether only texts name them."""
    clash: bool
    """Whether a letter goes with the text of another option."""
    before: str
    after: str
    either: bool = False
    """Whether `or` joins them."""
    wordy: bool = False
    """Whether a text of several letters, not a number or a formula, names one of them."""
    presented: bool = False
    """Whether a letter in brackets or beside its text, or an ordinal, names one of them."""

    @property
    def denied(self) -> bool:
        """Whether they are said not to be it."""
        return self.denied_before or bool(_DENIED_AFTER.match(self.after))

    @property
    def denied_before(self) -> bool:
        return _reaches(_DENIES, self.before)

    @property
    def hedged(self) -> bool:
        """Whether they are offered as a possibility, or as alternatives."""
        return self.either or _reaches(_HEDGES, self.before)


class OptionReader:
    """Finds the options of one question; made by `reader_of`."""

    def __init__(self, options: Sequence[str]) -> None:
        self.letters = LETTERS[: len(options)] if options else LETTERS
        self.texts = {letter: _bare(option) for letter, option in zip(LETTERS, options, strict=False)}
        self.patterns = {
            letter: re.compile(_pattern(text), re.IGNORECASE)
            for letter, text in self.texts.items()
            if text and not re.fullmatch("[a-j]", text)
        }
        """An option whose text is an option's letter is never found by its text."""

    def same_text(self, text: str) -> list[str]:
        """Letters of the options whose text this is."""
        plain = _bare(text)
        squeezed = plain.replace(" ", "")
        return [a for a, option in self.texts.items() if squeezed and squeezed == option.replace(" ", "")]

    def name(self, sentence: str) -> list[Named]:
        """The options that a cleaned sentence names, in order; those that stand together as one."""
        groups: list[list[Mention]] = []
        for mention in self.mentions(sentence):
            if groups and self._joins(sentence, groups[-1][-1], mention):
                groups[-1].append(mention)
            else:
                groups.append([mention])
        return [self._named(sentence, groups, index) for index in range(len(groups))]

    def mentions(self, sentence: str) -> list[Mention]:
        """Every place that names an option, longest first where they overlap, in order."""
        found = [
            Mention(match.start(), match.end(), frozenset(letter), by_text=True)
            for letter, pattern in self.patterns.items()
            for match in pattern.finditer(sentence)
        ]
        found += self._ordinals(sentence, found)
        found.sort(key=lambda mention: (mention.start, -mention.end))
        kept: list[Mention] = []
        for mention in found:
            if not kept or mention.start >= kept[-1].end:
                kept.append(mention)
            elif mention.end == kept[-1].end and mention.start == kept[-1].start:
                kept[-1] = replace(kept[-1], unclear=kept[-1].unclear or mention.letters != kept[-1].letters)
        taken = bytearray(len(sentence))
        for mention in kept:
            taken[mention.start : mention.end] = b"\1" * (mention.end - mention.start)
        kept += [mention for mention in self._lettered(sentence, kept) if not any(taken[mention.start : mention.end])]
        return sorted(kept, key=lambda mention: mention.start)

    def _lettered(self, sentence: str, texts: list[Mention]) -> list[Mention]:
        found = []
        for match in _LETTER.finditer(sentence):
            letters = next(filter(None, match.groups()))
            behind = match.end() + len(_APPOSED.match(sentence, match.end())[0])  # type: ignore[index]
            if _is_option(sentence, match, any(text.start == behind for text in texts)):
                named = frozenset(letters.upper())
                other = {letter for letter, text in self.texts.items() if text == letters.lower()} - named
                found.append(Mention(match.start(), match.end(), named, unclear=bool(other)))
        return found

    def _ordinals(self, sentence: str, texts: list[Mention]) -> list[Mention]:
        found = []
        for match in _ORDINAL.finditer(sentence):
            word = next(filter(None, match.groups())).lower()
            at = len(self.texts) - 1 if word in ("last", "最后") else _NUMBERS[word]
            if 0 <= at < len(self.letters):
                named = frozenset(self.letters[at])
                inside = [text for text in texts if match.start() <= text.start and text.end == match.end()]
                unclear = any(text.letters != named for text in inside)
                found.append(Mention(match.start(), match.end(), named, unclear=unclear))
        return found

    def _joins(self, sentence: str, left: Mention, right: Mention) -> bool:
        gap = sentence[left.end : right.start]
        return len(gap) <= WINDOW and bool(_LISTED.fullmatch(gap) or _is_apposed(sentence, left, right))

    def _named(self, sentence: str, groups: list[list[Mention]], index: int) -> Named:
        group = groups[index]
        letters: frozenset[str] = frozenset()
        clash = any(mention.unclear for mention in group)
        for at, mention in enumerate(group):
            if at and _is_apposed(sentence, group[at - 1], mention):
                clash = clash or not mention.letters <= letters
            letters |= mention.letters
        start, end = group[0].start, group[-1].end
        since = max(groups[index - 1][-1].end if index else 0, start - WINDOW)
        until = min(groups[index + 1][0].start if index + 1 < len(groups) else len(sentence), end + WINDOW)
        gaps = [sentence[left.end : right.start] for left, right in itertools.pairwise(group)]
        return Named(
            start, end, letters, all(mention.by_text for mention in group), clash,
            sentence[since:start], sentence[end:until],
            either=any(_EITHER.search(gap) and len(left.letters | right.letters) > 1
                       for gap, left, right in zip(gaps, group, group[1:], strict=False)),
            wordy=any(m.by_text and _WORDY.match(sentence[m.start : m.end].lower()) for m in group),
            presented=len({m.by_text for m in group}) > 1 or any(not m.by_text and m.end - m.start > 2 for m in group),
        )  # fmt: skip


@lru_cache(maxsize=256)
def reader_of(options: tuple[str, ...]) -> OptionReader:
    """The reader of these options."""
    return OptionReader(options)


def _reaches(pattern: re.Pattern[str], before: str) -> bool:
    """Whether the last of such words before an option is still about it."""
    ends = [match.end() for match in pattern.finditer(before)]
    return bool(ends) and not _FREED.search(before, ends[-1])


def _is_apposed(sentence: str, left: Mention, right: Mention) -> bool:
    """Whether a letter (or ordinal) and a text stand together as the two names of one option."""
    gap = sentence[left.end : right.start]
    if len(gap) > WINDOW or left.by_text == right.by_text:
        return False
    if left.by_text:
        return bool(_LABELLED.fullmatch(gap)) or (sentence[right.start] == "(" and not gap.strip(" ,\"”'"))
    new_sentence = re.match(r"\)?[.。]\s", gap) and re.match(r"\s[a-z]|[\u4e00-\u9fff]", sentence[right.end :])
    return bool(_APPOSED.fullmatch(gap)) and not (new_sentence and right.letters != left.letters)


def _is_option(sentence: str, match: re.Match[str], followed: bool) -> bool:
    """Whether a letter is the name of an option, not an article, a pronoun, a unit, a variable or part of a name.

    followed: whether an option's text stands behind it.
    """
    before, after = sentence[max(0, match.start() - 30) : match.start()], sentence[match.end() : match.end() + 20]
    enclosed, enclosed_small, bracketed, capital, small, run = match.groups()
    if _NOT_OPTION_BEFORE.search(before) or (not enclosed and not enclosed_small and _NOT_OPTION_AFTER.match(after)):
        return False
    if (enclosed or capital) == "I" and re.search(r"\bII\b", sentence):
        return False
    if run:
        return list(run) == sorted(set(run)) and bool(_CUED.search(before))
    if small or enclosed_small:
        if len(set(re.findall(r"(?<![A-Za-z])[a-j]\)", sentence))) > 1:
            return False  # parts a) and b) of an answer
        named = _SMALL_AFTER.match(after) or (enclosed_small and before.strip())
        return (followed and bool(enclosed_small or re.match(r"\s?[).:]", after))) or bool(
            named and _SMALL_BEFORE.search(before) and (before.strip() or not re.match(r"[\s.:]*\w", after))
        )
    if bracketed:
        return bool(_CUED.search(before))
    if capital == "I":
        listed = re.search(r"[A-HJ]\)?(?:,|,? and|,? or|、|和|或)\s?$", before)
        return bool(listed or (_CUED.search(before) and not re.match(r"\s?[a-z']", after)))
    if capital == "A" and re.match(r"\s[a-z]", after):
        return bool(_VERBS_AFTER_A.match(after))
    return bool(enclosed) or not (re.match(r"\.\s?[A-Z]", after) and _NAME_BEFORE.search(before))


def _bare(text: str) -> str:
    """An option's text as it is compared: cleaned, small letters, no article, no marks at its ends."""
    plain = " ".join(clean(text).split()).casefold().strip(" .,;:!?\"'“”《》。、")
    return re.sub(r"^(?:an?|the)\s(?=\w)", "", plain)


def _pattern(text: str) -> str:
    """A pattern for an option's text in cleaned sentences: words whole, spaces around signs free."""
    tokens = re.findall(r"[a-z']+|\d+|[^\sa-z\d']", text)
    body = re.escape(tokens[0]) if tokens else "(?!)"
    for left, right in itertools.pairwise(tokens):
        both_words = left[-1].isascii() and left[-1].isalpha() and right[0].isascii() and right[0].isalpha()
        body += ("\\s" if both_words else "\\s?") + re.escape(right)
    if text in _COMMON:
        return rf"(?:^|(?<=\bis )|(?<=\bis: )|(?<=: )){body}(?=[,.!\"]|$)|(?<![A-Za-z]){body}(?=[.!\"]?\s?$)"
    left = (
        r"(?<![\d./^_\\A-Za-z-])"
        if text[0].isascii() and (text[0].isalnum())
        else r"(?<![\\\w])"
        if text[0] in "-\\"
        else ""
    )
    if text[0].isascii() and text[0].isalpha():
        left = r"(?<![A-Za-z\\])"
    right = ""
    if text[-1].isdigit():
        right = r"(?![\d%/^A-Za-zπ°√\\]|\.\d)"
    elif text[-1].isascii() and text[-1].isalpha():
        right = r"(?![A-Za-z0-9])"
    if text in ("正确", "对", "错误", "错"):
        left, right = "(?<![不非])", "(?!的?(?:答案|选项|选择|说法|是|一项)|于)"
    return f"{left}{body}{right}"
