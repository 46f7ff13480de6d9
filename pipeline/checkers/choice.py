r"""Multiple choice: the letter and the option's text, wherever the answer gives both, must agree.

The surest statements that a text has decide: marks (`\boxed{B}`, `Answer: B`, `<answer>`, JSON), then sentences that
choose (`so the answer is B`, `故选B`) and lines that hold nothing but an option, then sentences that call an option
right, then the last sentence. An answer that names no option, or one by its letter and another by its text, or
hesitates between several, is `unknown`; what it says it is *not* does not count.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from pipeline.answers.extraction import after_thinking, boxed_contents
from pipeline.answers.options import LETTERS, Named, OptionReader, clean, reader_of
from pipeline.checkers.base import AnswerSettings, Checker
from pipeline.cleanups.replace import Pattern
from pipeline.types import Grade, Problem

MARKERS = (
    r"(?<!#)####(?!#)[ \t]*(.+)",
    r"^[ \t>*_#-]{0,20}(?i:(?:(?:the|my|your|so|thus) )?(?:(?:final|correct|right|best|selected|chosen) ){0,2}"
    r"(?:answer|ans|choice|option|selection)|(?:最终|正确|参考)?(?:答案|选项)|答|故?选择?|结论)"
    r"[ \t*_.]{0,8}(?:[:：=→⇒]|->|=>)[ \t*_]{0,8}(\S.*)$",
    r"【(?:最终|正确)?答案】[ \t:：]{0,8}(\S.*)$",
    r"<(?i:final_)?(?i:answer|choice|option)>\s{0,20}([^<]{1,400}?)\s{0,20}</",
    r"[\"'](?i:(?:final|correct|selected)?[_ ]?(?:answer|choice|option)(?:_letter)?|答案|正确答案|选项)[\"']\s{0,4}[:：]\s{0,4}"
    r"(\[[^\]\n]{1,200}\]|\"[^\"\n]{1,300}|'[^'\n]{1,300}|[^,}\n]{1,100})",
)
"""A heading `A:` is no mark here: it lists an option."""
PHRASES = (r"答案(?:是|为|应为|应是)[:：]?[ \t]*([^\n。]+)",)

_FILL = (
    r"(?:[\s:\"'“(\[{<>~,-]|\b(?:option|choice|answer|letter|number|the|an?|clearly|definitely|indeed|probably|likely|most|"
    r"simply|therefore|thus|only|really|actually|again|still|just|statement|as|being|of)\b|选项|第|则|就|应该?)*$"
)
_CHOSEN = re.compile(
    r"(?:\b(?:answers?|ans|choice|option|selection|pick|solution|conclusion|(?:right|correct|best|only|final) "
    r"(?:one|statement|response))\b[^,;.]{0,60}?(?:\b(?:is|are|was|be|remains|becomes)\b|'s|[:=→]|->|=>)|"
    r"\b(?:answer|ans)\.?|"
    r"\b(?:choose|chose|select|selected|selecting|pick|picked|choosing|picking|go(?:ing)? (?:with|for)|opt(?:ing)? for|"
    r"settle (?:on|for)|vote for|I'd say|I (?:would )?say|leav(?:es|ing)(?: us)?(?: with)?|left with)|"
    r"(?<!不)(?<!不能)(?:选择?|选出)|答案(?:应该?|就|只能|显然)?(?:是|为|选)?|(?:正确|符合\w{0,4}|合适|最佳|恰当|合理)的?"
    r"(?:选项|答案|选择|一项|说法|表述)?(?:应该?|就|只能|有|只有)?(?:是|为)|剩下?(?:的)?(?:只有|就是|是)?)" + _FILL,
    re.IGNORECASE,
)
"""What stands before an option that is chosen."""
_POINTED = re.compile(
    r"(?:\b(?:so|hence|thus|therefore|consequently|accordingly)|\b(?:it|that|this)(?:'s| is)|\b(?:must|has to|should|can only) be|"
    r"→|->|=>|⇒|∴|\b(?:matches|corresponds to|which is|i\.e\.|namely|that is)|"
    r"所以|因此|故|即|对应|只有|只能是?|而是|应该?[是为]|就是|(?:^|[,、\s])[是为])" + _FILL,
    re.IGNORECASE,
)
"""What points at an option, where a letter follows."""
_CONTRAST = re.compile(r"[\s,;:]*(?:but|rather|instead|it's|it is|而是|应该?是|应为)", re.IGNORECASE)
_ADDED = re.compile(
    r"[\s,)(]*(?:or|and|但|也|又|或者?)?\s?(?:maybe|perhaps|possibly|it (?:might|could) (?:also )?be|might be|could be|可能|或许|也许)[\s是选:(]*",
    re.IGNORECASE,
)
"""Between a claim and a second one that is only possible."""
_OTHERS = re.compile(
    r"\b(?:other|others|remaining|tempting|distract\w*|first thought|at first|initially|might|many|some|people|students|"
    r"seems?|looks?|appears? to|common|popular|(?:each|every) (?:of|option|choice|answer|one))\b|其他|其余|有人|很多人|容易误?选|误选|起初|一开始",
    re.IGNORECASE,
)
"""Sentences about options that others might choose."""
_WRONG_ONE = re.compile(
    r"\b(?:incorrect|wrong|false|untrue)\b[^,;.]{0,40}(?:\bis|\bare|:)" + _FILL + r"|(?:错误|不正确|有误|不对|不符合\w{0,4}|不属于\w{0,8}|不)的?"
    r"(?:选项|一项|说法|表述)?(?:是|为)" + _FILL,
    re.IGNORECASE,
)
_IF = re.compile(r"\bif\b[^.]*\bwould\b|(?:如果|假如|倘若)(?!.*(?:所以|因此|故|综上))", re.IGNORECASE)
_CLOSING = r"[)\]}\"”'\s]*"
_IS_ANSWER = re.compile(
    _CLOSING + r"(?:(?:,|:|-|is|was|must be|remains|has to be|should be|would be|as|seems|appears to be)\s)?"
    r"(?:(?:the|my|our|thus|therefore|then|clearly|hence)\s){1,3}(?:(?:only|best|correct|right|final|most|likely|"
    r"appropriate|suitable|accurate|possible|one|valid|logical|single|intended)\s){0,4}"
    r"(?:answer|choice|option|one|solution|pick|possibility|selection|candidate)\b|" + _CLOSING + r"it is\b|"
    + _CLOSING + r"(?:选?项)?(?:就?是|为|作为|应为)(?:本题|该题|最|唯一)?的?(?:正确|最佳|合适|最终)?的?(?:答案|选项|选择)",
    re.IGNORECASE,
)  # fmt: skip
_IS_RIGHT = re.compile(
    _CLOSING + r"(?:(?:—|-|:|is|are|was|seems|must be|has to be|remains|appears|would seem)\s)?(?:(?:the|thus|therefore|clearly|also|"
    r"indeed|most|only|definitely|in fact|a|both)\s){0,3}(?:correct|right|true|best|valid|appropriate|accurate|✓|✔|✅)(?!ly)|"
    + _CLOSING + r"(?:fits|works|✓|✔|✅)|" + _CLOSING +
    r"(?:选?项|[两三]项|的|说法|表述|描述|是|均|都|也|最|显然|为|应该?|更|才|\s)*(?:正确|对(?![于应称比])|符合|成立|恰当|合适|合理|满足)",
    re.IGNORECASE,
)  # fmt: skip
_JUDGED = re.compile(
    r"[\s,;:(—-](?:(?P<right>✓|✔|✅|yes|correct|true|right|正确|对|成立|符合(?:题意)?)|✗|❌|×|no|incorrect|wrong|false|not correct|"
    r"错误|不正确|不对|不成立|不符合(?:题意)?)[\s.)。!]*$",
    re.IGNORECASE,
)
"""A verdict at the end of a line that begins with an option."""
_THEREFORE = re.compile(r"[\s>#-]*(?:so|hence|thus|therefore|consequently|in conclusion|overall|所以|因此|故|综上|可见|从而)", re.IGNORECASE)
_END_CUE = re.compile(
    r"(?:\b(?:is|are|be|was|so|thus|hence|therefore|equals?|gives?|get|called|by|namely|i\.e\.)|'s|[:=→,]|->|=>|—|\s-|"
    r"是|为|即|选|得|故|所以|因此|而是|属于|有)" + _FILL,
    re.IGNORECASE,
)
_REFUSES = re.compile(
    r"\b(?:cannot|can't|could not|couldn't|unable to|not able to|impossible to|hard to|difficult to|won't|will not) "
    r"(?:\w+ ){0,2}(?:determine|decide|tell|say|answer|choose|know|provide|judge|rule)|\bnot? (?:really )?(?:know|sure)\b|"
    r"n't (?:really )?(?:know|sure)\b|\btorn between\b|无法(?:判断|确定|回答|作答|选择|给出)|不能(?:判断|确定|回答|提供)|"
    r"不(?:确定|知道|清楚)|难以?(?:判断|确定|说)",
    re.IGNORECASE,
)
_LACKS = re.compile(
    r"\b(?:not enough|insufficient|more|further) information|\bnone of (?:the|these|them|those)\b|\bno (?:correct|right|matching) "
    r"(?:option|answer|choice)|没有\w{0,3}(?:正确|合适|对应|匹配|符合)的?\w{0,3}(?:选项|答案)|信息不足|更多信息|"
    r"^\W*(?:let's|let us|consider|first\b|首先|我们来|让我|分析|题目)",
    re.IGNORECASE,
)
_REVISED = re.compile(
    r"(?:^|[.,!?。\s—])(?:wait|actually|on second thought|correction|scratch that|let me (?:re\w+|double)|hmm)\b|"
    r"(?:^|[,。.!\s])(?:等等|等一下|不对[,。.!]|更正|重新(?:考虑|检查|审视|计算)|我错了|修正)",
    re.IGNORECASE,
)
_PLEASANTRY = re.compile(r"(?:I hope|Let me know|Feel free|If you (?:have|need)|Hope (?:this|that)|希望|如有|如果(?:您|你))", re.IGNORECASE)
_STOP = re.compile(r"[。!?;]+[\"'”)]*\s*|\.[\"'”)]*\s+")
_NO_STOP = re.compile(r"(?:(?:^|[\s(:>])(?:[A-J]|\d{1,2}|e\.g|i\.e|vs|Dr|Mrs?|St|No|approx|[Aa]ns|etc)|(?:^|[(>])[a-j])$")
_LEADS_ON = re.compile(r"\b(?:is|answer|choice|therefore|thus|so|hence|choose|select)\b[^,]{0,40}:$|答案|选|正确|结论", re.IGNORECASE)
"""A line that goes on in the next one."""
_LABEL = re.compile(r"[\W_]*(?:(?:option|choice|answer|letter|final|correct|the|is|so|选项|答案|选|最终|正确)[\W_]*){0,4}", re.IGNORECASE)
CHOSEN, POINTED, RIGHT = 3, 2, 1
"""`the answer is B`, `so B`, `B is right`."""
LONGEST = 1200
"""Characters of a sentence that are read, at its end."""
_BETWEEN_BOXES = re.compile(r"[\s$,;、，和与及或/&]{0,12}(?:and|or|或者)?[\s$]{0,4}")


@dataclass(frozen=True)
class Claim:
    """What one statement claims."""

    letters: frozenset[str]
    shown: str
    problem: str = ""
    """Why its option cannot be told."""
    hedged: bool = False
    at: int = 0
    """Number of the sentence, or of the mark."""
    rank: int = 0
    """How sure it is: CHOSEN, POINTED or RIGHT."""


class Settings(AnswerSettings):
    """Where the options' texts are."""

    checker: Literal["choice"] = "choice"
    options: str | None = "choices"
    """Column with the list of the options' texts; none: letters alone are read."""
    markers: tuple[Pattern, ...] = MARKERS
    """Patterns whose first group is the final answer; all their matches must agree."""
    phrases: tuple[Pattern, ...] = PHRASES
    """Patterns of sentences that choose an option, besides those that are always known."""

    @property
    def columns(self) -> tuple[str, ...]:
        return () if self.options is None else (self.options,)

    def create(self) -> Checker:
        return Choice(self)


class Choice(Checker):
    """Pure and fast."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.columns = settings.columns

    def options(self, problem: Problem) -> tuple[str, ...]:
        """The texts of the options; empty where none are known."""
        given = problem.extras.get(self.settings.options or "", ())
        return tuple(str(option) for option in given) if isinstance(given, tuple) else ()

    def gold_error(self, problem: Problem) -> str | None:
        options = self.options(problem)
        if len(options) > len(LETTERS):
            return f"checker 'choice' reads {len(LETTERS)} options at most, there are {len(options)}"
        if read_gold(problem.answer, options):
            return None
        which = f"neither a letter up to {LETTERS[len(options) - 1]} nor an option's text" if options else "no letter"
        return f"checker 'choice': the gold answer {problem.answer[:80]!r} is {which}"

    async def check(self, problem: Problem, text: str) -> Grade:
        options = self.options(problem)
        gold = read_gold(problem.answer, options)
        found = find_claim(after_thinking(text), reader_of(options), self.settings, several=len(gold) > 1)
        if found is None:
            return Grade(verdict="unknown", extracted=None, reason="no option is named as the answer")
        return _compare(found, gold)

    async def check_answer(self, problem: Problem, answer: str) -> Grade:
        options = self.options(problem)
        found = read_statement(reader_of(options), answer)
        if found is None:
            return Grade(verdict="unknown", extracted=answer[:80], reason=f"names no option: {answer[:80]!r}")
        return _compare(found, read_gold(problem.answer, options))


def _compare(found: Claim, gold: set[str]) -> Grade:
    if found.problem:
        return Grade(verdict="unknown", extracted=found.shown, reason=found.problem)
    told = ", ".join(sorted(found.letters))
    if found.letters == gold:
        return Grade(verdict="correct", extracted=told, reason=f"names option {told}")
    if len(gold) == 1 and found.letters & gold:
        reason = f"names several options ({told}), the right one among them"
        return Grade(verdict="unknown", extracted=told, reason=reason)
    return Grade(verdict="wrong", extracted=told, reason=f"names option {told}, not {', '.join(sorted(gold))}")


def read_gold(answer: str, options: Sequence[str]) -> set[str]:
    """The gold letters; empty where the answer is neither letters nor the text of one option."""
    reader = reader_of(tuple(options))
    plain = clean(answer).strip(" .,;:!?\"'()[]{}。、")
    if re.fullmatch(r"[A-Ja-j](?:[\s,;、&]{0,4}(?:and\s)?[A-Ja-j]){0,9}", plain):
        letters = set(re.findall(r"[A-J]", re.sub("and", " ", plain).upper()))
        if letters <= set(reader.letters):
            return letters
    same = reader.same_text(answer)
    return set(same) if len(same) == 1 else set()


def find_claim(text: str, reader: OptionReader, settings: Settings, *, several: bool) -> Claim | None:
    """What the surest statements of a text claim together; `several`: whether right options may be told one by one."""
    marked = [claim for mark in find_marks(text, settings) if (claim := read_statement(reader, mark))]
    if marked:
        return settle(marked)
    sentences = split_sentences(clean(text))
    claims = [claim for at, sentence in enumerate(sentences) for claim in read_claims(reader, sentence, at, settings)]
    claims += bare_lines(reader, sentences)
    if not claims:
        return read_last(reader, sentences)
    sureness = max(claim.rank for claim in claims)
    surest = sorted((claim for claim in claims if claim.rank == sureness), key=lambda claim: claim.at)
    letters = frozenset[str]().union(*(claim.letters for claim in surest))
    if sureness == RIGHT and several and not any(claim.problem or claim.hedged for claim in surest):
        return Claim(letters, ", ".join(sorted(letters)))
    return _unless_refused(settle(surest), sentences, surest[-1].at + 1)


def find_marks(text: str, settings: Settings) -> list[str]:
    """The contents of all marks; neighbouring boxes are one."""
    marks = [match[1].strip() for marker in settings.markers for match in re.finditer(marker, text, flags=re.MULTILINE)]
    end = -1
    for start, stop, content in boxed_contents(text) if settings.boxed else ():
        if 0 <= end and start - end <= 16 and _BETWEEN_BOXES.fullmatch(between := text[end:start]):
            marks[-1] += f"{between if between.strip(' $') else ', '}{content}"
        else:
            marks.append(content)
        end = stop
    return [mark for mark in marks if mark]


def split_sentences(plain: str) -> list[str]:
    """The sentences of a cleaned text, pleasantries left out; a line that ends in a colon goes on in the next one."""
    lines: list[str] = []
    for line in (line.strip() for line in plain.splitlines()):
        if lines and line and lines[-1].endswith(":") and len(lines[-1]) < 200 and _LEADS_ON.search(lines[-1]):
            lines[-1] += " " + line
        elif line:
            lines.append(line)
    sentences: list[str] = []
    for line in lines:
        start = 0
        for match in _STOP.finditer(line):
            if match[0][0] != "." or not _NO_STOP.search(line, max(start, match.start() - 12), match.start()):
                sentences.append(line[start : match.end()][-LONGEST:].strip())
                start = match.end()
        sentences.append(line[start:][-LONGEST:].strip())
    kept = [sentence for sentence in sentences if sentence.strip(" .-_#>|")]
    while len(kept) > 1 and _PLEASANTRY.match(kept[-1]):
        kept.pop()
    return kept


def read_statement(reader: OptionReader, statement: str) -> Claim | None:
    """What a final answer claims; None where it names no option."""
    shown = statement.strip()[:80]
    same = reader.same_text(statement)
    plain = clean(statement).strip()
    bare = plain.strip(" .,;:!?\"'()[]{}<>。、_").upper()
    if same and len(bare) == 1 and bare in reader.letters and same != [bare]:
        return Claim(frozenset(), shown, f"is a letter and the text of option {same[0]}: {shown!r}")
    if len(same) == 1:
        return Claim(frozenset(same), shown)
    for sentence in split_sentences(plain):
        if named := reader.name(sentence):
            first = named[0]
            leads = _LABEL.fullmatch(first.before) and not first.denied and not re.match(r"\s?[=×+*/<>≈-]", first.after)
            if not leads:
                return _read_ranked(reader, sentence, named, shown) or _pick(reader, sentence, named, shown)
            hedged = any(other.hedged and not other.denied for other in named)
            return _claim(reader, first, shown, hedged=hedged)
    return None


def _read_ranked(reader: OptionReader, sentence: str, named: list[Named], shown: str) -> Claim | None:
    ranked = rank_named(sentence, named, ())
    surest = max((rank for _, rank in ranked), default=0)
    claims = [_claim(reader, one, shown) for one, rank in ranked if rank == surest >= POINTED]
    return settle(claims) if claims else None


def read_claims(reader: OptionReader, sentence: str, at: int, settings: Settings) -> list[Claim]:
    """The options that a sentence chooses or calls right."""
    if sentence.endswith("?"):
        return []
    named = reader.name(sentence)
    starts = [match.start(1) for phrase in settings.phrases for match in re.finditer(phrase, sentence)] if named else ()
    return [
        _claim(reader, one, sentence[-80:], at=at, rank=rank)
        for one, rank in rank_named(sentence, named, starts)
        if rank
    ]


def rank_named(sentence: str, named: list[Named], starts: Iterable[int]) -> list[tuple[Named, int]]:
    """How surely the sentence claims each of the options that it does not deny; 0: not at all."""
    ranked: list[tuple[Named, int]] = []
    before: Named | None = None
    for one in named:
        if not one.denied:
            begun = any(one.start - len(one.before) <= start <= one.start for start in starts)
            added = ranked[-1][1] if ranked and one.hedged and _ADDED.fullmatch(one.before) else 0
            ranked.append((one, CHOSEN if begun else added or _rank(sentence, one, before)))
        before = one
    return ranked


def _rank(sentence: str, one: Named, before: Named | None) -> int:
    if _OTHERS.search(one.before) or _IF.search(sentence[max(0, one.start - LONGEST // 4) : one.start]):
        return 0
    if _WRONG_ONE.search(one.before):
        return RIGHT
    if _CHOSEN.search(one.before) or _IS_ANSWER.match(one.after):
        return CHOSEN
    contrasted = before is not None and before.denied and _CONTRAST.match(one.before)
    if not one.by_text and (contrasted or _POINTED.search(one.before)):
        return POINTED
    if _IS_RIGHT.match(one.after):
        return POINTED if _THEREFORE.match(sentence) else RIGHT
    judged = _JUDGED.search(one.after) if not one.before.strip(" -•(") else None
    return RIGHT if judged and judged["right"] else 0


def bare_lines(reader: OptionReader, sentences: list[str]) -> list[Claim]:
    """The first and the last sentence, as far as they are nothing but an option, and no list of the options."""
    bare = {at: claim for at, sentence in enumerate(sentences) if (claim := _bare(reader, sentence, at))}
    last = len(sentences) - 1
    if len({claim.letters for claim in bare.values()}) == 1:
        return [claim for at, claim in bare.items() if at in (0, last)]
    if last not in bare:
        return []
    others = [claim for at, claim in bare.items() if at != last]
    repeated = any(claim.letters == bare[last].letters for claim in others)
    shorter = len(bare[last].shown) <= 5 < min(len(claim.shown) for claim in others)
    return [bare[last]] if repeated or shorter else []


def _bare(reader: OptionReader, sentence: str, at: int) -> Claim | None:
    if len(sentence) > 400 or len(named := reader.name(sentence)) != 1 or sentence.endswith("?"):
        return None
    one = named[0]
    if one.denied or not _LABEL.fullmatch(one.before) or re.search(r"\w", one.after):
        return None
    return _claim(reader, one, sentence, at=at, rank=CHOSEN)


def read_last(reader: OptionReader, sentences: list[str]) -> Claim | None:
    """What the last sentence names, where it denies it not, hesitates not, and the one before agrees."""
    if not sentences or sentences[-1].endswith("?") or not (named := reader.name(sentences[-1])):
        return None
    sentence = sentences[-1]
    if _REFUSES.search(masked := _masked(sentence, named)) or _LACKS.search(masked):
        return None
    claim = _pick(reader, sentence, named, sentence[-80:])
    claim = settle([claim]) if claim else None
    if claim is None or claim.problem or len(sentences) < 2 or not _about(named):
        return claim
    earlier = [one for one in reader.name(sentences[-2]) if not one.denied and not re.search(r"\w", one.after)]
    if any(one.letters != claim.letters for one in earlier):
        return Claim(claim.letters, claim.shown, "the last two sentences name different options")
    return claim


def _about(named: list[Named]) -> bool:
    """Whether the sentence speaks of its option rather than ends in it."""
    return bool(re.search(r"\w", [one for one in named if not one.denied][-1].after))


def _pick(reader: OptionReader, sentence: str, named: list[Named], shown: str) -> Claim | None:
    """The one option that a sentence names without denying it, or that it ends in as its conclusion."""
    kept = [one for one in named if not one.denied and not _OTHERS.search(one.before[-30:])]
    if not kept:
        return None
    last = kept[-1]
    if len({one.letters for one in kept}) == 1:
        spoken_of = len(kept) < len(named) and _about(named) and last.end < len(sentence) and any(
            one.start > last.start and not one.denied_before for one in named
        )
        return None if spoken_of else _claim(reader, last, shown)
    concluded = not re.search(r"\w", last.after) and _END_CUE.search(last.before)
    if concluded or (not last.by_text and last is named[-1] and not re.search(r"\w", last.after)):
        return _claim(reader, last, shown)
    return Claim(frozenset(), shown, f"names several options: {shown!r}")


def _claim(reader: OptionReader, one: Named, shown: str, *, at: int = 0, rank: int = 0, hedged: bool = False) -> Claim:
    problem = ""
    if one.clash:
        problem = f"the letter goes with the text of another option: {shown!r}"
    elif not one.letters <= set(reader.letters):
        problem = f"names an option that is not there: {shown!r}"
    return Claim(one.letters, shown, problem, one.hedged or hedged, at, rank)


def settle(claims: list[Claim]) -> Claim:
    """What claims of equal sureness say together: one option, or why none can be told."""
    last = claims[-1]
    if last.hedged:
        return Claim(frozenset(), last.shown, f"hesitates between several options: {last.shown!r}")
    firm = [claim for claim in claims if not claim.hedged]
    if len({claim.letters for claim in firm}) > 1:
        since = max((claim.at for claim in firm if _REVISED.search(claim.shown)), default=-1)
        firm = [claim for claim in firm if claim.at >= since] if since > 0 else firm
    if problem := next((claim for claim in firm if claim.problem), None):
        return problem
    if len({claim.letters for claim in firm}) > 1:
        return Claim(frozenset(), last.shown, f"answers disagree: {', '.join(claim.shown for claim in firm)}"[:200])
    return last


def _unless_refused(claim: Claim, sentences: list[str], after: int) -> Claim:
    """The claim, or why it does not count: what follows takes it back."""
    if any(_REFUSES.search(sentence) for sentence in sentences[after:]):
        return Claim(frozenset(), claim.shown, "the text then says that it cannot decide")
    return claim


def _masked(sentence: str, named: list[Named]) -> str:
    """The sentence without the options that it names."""
    starts = [0, *(one.end for one in named)]
    ends = [*(one.start for one in named), len(sentence)]
    return " ".join(sentence[start:end] for start, end in zip(starts, ends, strict=True))
