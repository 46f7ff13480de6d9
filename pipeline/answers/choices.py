"""Which options a text claims, by the surest of its statements."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from pipeline.answers.choice_patterns import (
    ADDED,
    BETWEEN_BOXES,
    CHOSEN,
    CHOSEN_CUE,
    CONTRAST,
    COPULA,
    END_CUE,
    ENDS,
    EQUALS,
    EQUATED,
    IF,
    IS_ANSWER,
    IS_RIGHT,
    IS_TRUE,
    ITEM,
    JUDGED,
    LABEL,
    LACKS,
    LEADS_ON,
    LONGEST,
    NEXT,
    NO_STOP,
    NUMBER,
    OPERATOR,
    OPTION_AFTER,
    OPTION_BEFORE,
    OTHERS,
    PLEASANTRY,
    POINTED,
    POINTED_CUE,
    REFUSES,
    RESTRICTED,
    REVISED,
    RIGHT,
    STOP,
    SUBJECT,
    TAIL,
    THEREFORE,
    TURN,
    UNIT_TAIL,
    WHOLE,
    WRONG_ONE,
    YES,
)
from pipeline.answers.extraction import boxed_contents
from pipeline.answers.options import Named, OptionReader, clean


class Patterns(Protocol):
    """The patterns of a checker's settings."""

    @property
    def markers(self) -> tuple[str, ...]:
        """Patterns whose first group is the final answer."""

    @property
    def phrases(self) -> tuple[str, ...]:
        """Patterns of sentences that state one."""

    @property
    def boxed(self) -> bool:
        """Whether boxes are read."""


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


def find_claim(text: str, reader: OptionReader, settings: Patterns, *, several: bool) -> Claim | None:
    """What the surest statements of a text claim together; `several`: whether right options may be told one by one."""
    marks = find_marks(text, settings)
    marked = [claim for mark in marks if (claim := read_statement(reader, mark))]
    sentences = split_sentences(clean(text))
    revised = max((at for at, sentence in enumerate(sentences) if REVISED.search(sentence)), default=0)
    if marked:
        return _unless_revised(settle(marked), reader, sentences, revised, settings)
    claims = [claim for at, sentence in enumerate(sentences) for claim in read_claims(reader, sentence, at, settings)]
    claims += bare_lines(reader, sentences)
    if marks:  # none of them names an option, so that only as sure a sentence can
        claims = [claim for claim in claims if claim.rank == CHOSEN]
        if any(REFUSES.search(mark) or LACKS.search(mark) for mark in marks):
            return None
    if not claims:
        return None if marks else read_last(reader, sentences, several=several)
    sureness = max(claim.rank for claim in claims)
    surest = sorted((claim for claim in claims if claim.rank == sureness), key=lambda claim: claim.at)
    letters = frozenset[str]().union(*(claim.letters for claim in surest))
    if sureness == RIGHT and several and not any(claim.problem or claim.hedged for claim in surest):
        return Claim(letters, ", ".join(sorted(letters)))
    return _unless_refused(settle(surest, revised), sentences, surest[-1].at + 1)


def find_marks(text: str, settings: Patterns) -> list[str]:
    """The contents of all marks; neighbouring boxes are one."""
    marks = [match[1].strip() for marker in settings.markers for match in re.finditer(marker, text, flags=re.MULTILINE)]
    end = -1
    for start, stop, content in boxed_contents(text) if settings.boxed else ():
        if end >= 0 and start - end <= 16 and BETWEEN_BOXES.fullmatch(between := text[end:start]):
            marks[-1] += f"{between if between.strip(' $') else ', '}{content}"
        else:
            marks.append(content)
        end = stop
    return [mark for mark in marks if mark]


def split_sentences(plain: str) -> list[str]:
    """The sentences of a cleaned text, pleasantries left out; a line that ends in a colon goes on in the next one."""
    lines: list[str] = []
    for line in (line.strip() for line in plain.splitlines()):
        if lines and line and lines[-1].endswith(":") and len(lines[-1]) < 200 and LEADS_ON.search(lines[-1]):
            lines[-1] += " " + line
        elif line:
            lines.append(line)
    sentences: list[str] = []
    for line in lines:
        start = 0
        for match in STOP.finditer(line):
            whole = match[0][0] != "." or not NO_STOP.search(line, max(start, match.start() - 12), match.start())
            if whole or NEXT.match(line, match.end()):
                sentences.append(line[start : match.end()][-LONGEST:].strip())
                start = match.end()
        sentences.append(line[start:][-LONGEST:].strip())
    kept = [sentence for sentence in sentences if sentence.strip(" .-_#>|")]
    while len(kept) > 1 and PLEASANTRY.match(kept[-1]):
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
            leads = LABEL.fullmatch(first.before) and not first.denied and not re.match(r"\s?[=×+*/<>≈-]", first.after)
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


def read_claims(reader: OptionReader, sentence: str, at: int, settings: Patterns) -> list[Claim]:
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
    carried = 0
    for one in named:
        if not one.denied:
            begun = any(one.start - len(one.before) <= start <= one.start for start in starts)
            added = ranked[-1][1] if ranked and one.hedged and ADDED.fullmatch(one.before) else 0
            rank = CHOSEN if begun else added or _rank(sentence, one, before)
            if one.by_text and not one.wordy:
                rank = max(rank, carried if EQUALS.search(one.before) else 0)
                carried, rank = (max(rank, carried), 0) if OPERATOR.match(one.after) else (0, rank)
            ranked.append((one, rank))
        before = one
    return ranked


def _rank(sentence: str, one: Named, before: Named | None) -> int:
    if _speaks_of_others(one) or IF.search(sentence[max(0, one.start - LONGEST // 4) : one.start]):
        return 0
    if WRONG_ONE.search(one.before):
        return RIGHT
    if CHOSEN_CUE.search(one.before) or IS_ANSWER.match(one.after):
        return CHOSEN
    contrasted = before is not None and before.denied and CONTRAST.match(one.before)
    if not one.by_text and (contrasted or POINTED_CUE.search(one.before)) and ENDS.match(one.after):
        return POINTED
    if IS_RIGHT.match(one.after) and not (_is_variable(one) and IS_TRUE.match(one.after)):
        return POINTED if THEREFORE.match(sentence) else RIGHT
    judged = JUDGED.search(one.after) if not one.before.strip(" -•(") else None
    return RIGHT if judged and judged["right"] else 0


def _speaks_of_others(one: Named) -> bool:
    """Whether the clause before an option says that somebody else, or a first thought, chooses it."""
    return bool(OTHERS.search(TURN.split(one.before)[-1]))


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
    if one.denied or not LABEL.fullmatch(one.before) or re.search(r"\w", one.after):
        return None
    return _claim(reader, one, sentence, at=at, rank=CHOSEN)


def read_last(reader: OptionReader, sentences: list[str], *, several: bool) -> Claim | None:
    """What the last sentence names, where it is whole, neither denies nor hesitates, and the one before agrees."""
    if not sentences or sentences[-1].endswith("?") or not (named := reader.name(sentences[-1])):
        return None
    sentence, masked = sentences[-1], _masked(sentences[-1], named)
    listed = ITEM.match(sentence) and any(ITEM.match(other) for other in sentences[:-1])
    if listed or IF.search(sentence) or REFUSES.search(masked) or LACKS.search(masked) or sentence[-1] in ",、":
        return None
    claim = _pick(reader, sentence, [one for one in named if not _is_variable(one)], sentence[-80:])
    if claim is None or claim.problem or (len(claim.letters) > 1 and not several):
        return claim and Claim(frozenset(), claim.shown, claim.problem or f"names several options: {claim.shown!r}")
    last = next(one for one in reversed(named) if one.letters == claim.letters and not one.denied)
    short = len(sentences) == 1 or len(sentence) + len(sentences[-2]) + 300 * (len(sentences) - 2) < 200
    if RESTRICTED.match(last.after) or not _is_concluded(sentence, masked, last, short=short):
        return None
    if any(_rivals(one, last) for one in (reader.name(sentences[-2]) if len(sentences) > 1 else [])):
        return Claim(claim.letters, claim.shown, "the last two sentences name different options")
    return settle([claim])


def _rivals(earlier: Named, last: Named) -> bool:
    """Whether the sentence before the last ends in another option, or goes on about another one in the same words."""
    if earlier.denied or earlier.letters == last.letters:
        return False
    same_words = earlier.after[:12] == last.after[:12] and len(earlier.after) >= 12
    items = not re.search(r"\w", earlier.before + earlier.after + last.before + last.after)
    return same_words or items or (_ends(earlier) and not _ends(last))


def _is_variable(one: Named) -> bool:
    """Whether a bare letter is not presented as an option, so that it may be a variable."""
    if one.by_text or one.presented or OPTION_BEFORE.search(one.before) or OPTION_AFTER.match(one.after):
        return False
    return not (END_CUE.search(one.before) and ENDS.match(one.after))


def _is_concluded(sentence: str, masked: str, one: Named, *, short: bool) -> bool:
    """Whether a sentence concludes in an option rather than speaks of it among others."""
    if one.by_text and not one.wordy:
        return _ends(one) and bool(not NUMBER.search(masked) or EQUATED.search(one.before))
    if _ends(one):
        return True
    if not WHOLE.search(sentence):
        return False
    if not one.before.strip() and YES.fullmatch(sentence, one.start, one.end) and one.after[:1] in (",", "."):
        return True
    return bool(
        short or THEREFORE.match(sentence) or COPULA.search(one.before) or SUBJECT.match(one.before + "@" + one.after)
    )


def _ends(one: Named) -> bool:
    """Whether a sentence ends in an option: nothing, a unit or a reason follows."""
    return bool(TAIL.match(one.after) or (not one.wordy and UNIT_TAIL.match(one.after)))


def _pick(reader: OptionReader, sentence: str, named: list[Named], shown: str) -> Claim | None:
    """The one option that a sentence names without denying it, or that it ends in as its conclusion."""
    kept = [one for one in named if not one.denied and not _speaks_of_others(one)]
    if not kept:
        return None
    last = kept[-1]
    if len({one.letters for one in kept}) == 1:
        told_apart = not _ends(last) and any(one.start > last.start and not one.denied_before for one in named)
        return None if told_apart else _claim(reader, last, shown, hedged=any(one.hedged for one in kept))
    cue = EQUATED if last.by_text and not last.wordy else END_CUE
    if _ends(last) and (cue.search(last.before) or (not last.by_text and last is named[-1])):
        return _claim(reader, last, shown)
    return Claim(frozenset(), shown, f"names several options: {shown!r}")


def _claim(reader: OptionReader, one: Named, shown: str, *, at: int = 0, rank: int = 0, hedged: bool = False) -> Claim:
    problem = ""
    if one.clash:
        problem = f"the letter goes with the text of another option: {shown!r}"
    elif not one.letters <= set(reader.letters):
        problem = f"names an option that is not there: {shown!r}"
    return Claim(one.letters, shown, problem, one.hedged or hedged, at, rank)


def settle(claims: list[Claim], revised: int = 0) -> Claim:
    """What claims of equal sureness say together: one option, or why none can be told.

    revised: the last sentence in which the text takes back what it said before; what follows it counts alone.
    """
    last = claims[-1]
    if last.hedged:
        return Claim(frozenset(), last.shown, f"hesitates between several options: {last.shown!r}")
    firm = [claim for claim in claims if not claim.hedged]
    if len({claim.letters for claim in firm}) > 1:
        firm = [claim for claim in firm if claim.at >= revised] or firm
    if problem := next((claim for claim in firm if claim.problem), None):
        return problem
    if len({claim.letters for claim in firm}) > 1:
        return Claim(frozenset(), last.shown, f"answers disagree: {', '.join(claim.shown for claim in firm)}"[:200])
    return last


def _unless_revised(
    claim: Claim, reader: OptionReader, sentences: list[str], revised: int, settings: Patterns
) -> Claim:
    """The marked claim, or why it does not count: the text corrects itself and then chooses another option."""
    after = range(revised, len(sentences)) if revised else ()
    later = [one for at in after for one in read_claims(reader, sentences[at], at, settings) if one.rank == CHOSEN]
    if claim.problem or not later or later[-1].letters == claim.letters:
        return claim
    return Claim(frozenset(), claim.shown, f"the text corrects itself: {later[-1].shown!r}")


def _unless_refused(claim: Claim, sentences: list[str], after: int) -> Claim:
    """The claim, or why it does not count: what follows takes it back."""
    if any(REFUSES.search(sentence) or LACKS.search(sentence) for sentence in sentences[after:]):
        return Claim(frozenset(), claim.shown, "the text then says that it cannot decide, or that no option fits")
    return claim


def _masked(sentence: str, named: list[Named]) -> str:
    """The sentence without the options that it names."""
    starts = [0, *(one.end for one in named)]
    ends = [*(one.start for one in named), len(sentence)]
    return " ".join(sentence[start:end] for start, end in zip(starts, ends, strict=True))
