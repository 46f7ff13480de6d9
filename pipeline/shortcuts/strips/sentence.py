"""Takes a phrase out of a text: whole sentences, inserts before a comma at the head of one, remarks in brackets.

`Upon careful checking, 3 + 4 = 7` becomes `3 + 4 = 7`. A phrase stays where the sentence around it says more, where it
has a number, a variable or a formula in it, and where the final answer is stated.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import Literal

from pipeline.shortcuts.marker import Marker
from pipeline.shortcuts.phrases import find
from pipeline.shortcuts.safe import VEIL, edit, read_reasoning, settle, split_sentences, veil
from pipeline.shortcuts.strips.base import StripSettings

KINDS = frozenset({"words", "openers", "closers", "sentences", "characters", "function_words"})
BLOCK = re.compile(r"[ \t>#•-]*(?:\*[ \t]+)?")
"""What makes a line an item, a heading or a quotation."""
LEAD = re.compile(r"[\s*_#>•\"'“‘(（-]*")
MARKED = re.compile(r"(?<![*_])(?:\*\*|__|\*|_)$")
TAIL = "\n\t *_\"'”’)）.!?…。！？:：;；,，~"
ANSWER = re.compile(
    r"\b(?:yes|no|true|false|none|never|always|impossible|possible|undefined|infinite|correct|incorrect|right|wrong|even"
    r"|odd|equal|unique|cannot)\b|[对错是否能无有]",
    re.IGNORECASE,
)
"""What may be the answer to a question; looked for in sentences of a few words."""
FEW = 3
LOADED = re.compile(
    r"\b(?:each|per|more|less|fewer|most|least|remain\w*|rest|left|both|same|another|only|none|nothing|nobody|never|not|no"
    r"|cannot|without|except|minus|plus|if|unless|assum\w+|suppose|gives?|gets?|loses?|takes?|buys?|sells?"
    r"|difference|sum|product|quotient|ratio|average|mean|median|area|perimeter|volume|increases?|decreases?|percentage)\b|n['’]t\b"
    r"|[每各剩余多少不没无非若设只仅]|如果|假设",
    re.IGNORECASE,
)
"""Words on which the rest of a solution may rest."""
TALK = re.compile(
    r"\b(?:check|verif|careful|think|step|solv|solution|problem|question|reason|calculat|comput|summar|conclu|analy[sz]"
    r"|answer|hope|help|explain|explanation|mistake|error|doubt|please|let (?:us|me)\b|let['’]s\b)"
    r"|[查验核]|思考|仔细|认真|分析|解题|解答|题意|题目|步骤|一步|推理|计算|希望|帮助",
    re.IGNORECASE,
)
"""Talk about the solving, which a solution can do without."""
SPEAKS = re.compile(
    r"\b(?:i|we|us|our|my|me|you|your|here|enjoy|good luck|well done|note|remember"
    r"|this (?:simplifies|completes|concludes|confirms|shows|gives|means|is (?:how|why|what|it)))\b"
    r"|我|你|咱|大家|这样|这就|以上|如上|如下|以下|下面|加油|注意",
    re.IGNORECASE,
)
"""What a writer says to a reader, and no sentence on the matter alone has."""
CONCLUDES = re.compile(
    r"\b(?:no|not|any|unique|infinit\w*|many|multiple|exactly one) (?:\w+ )?solutions?\b"
    r"|\bsolutions? (?:do|does|exist)|infinitely"
    r"|\b(?:impossible|undefined|contradict\w*|inconsistent|unsolvable|does not exist|doesn['’]t exist)\b"
    r"|\b(?:statement|claim|conjecture|proposition|equation|inequality|situation|case)\b[^.]{0,30}"
    r"\b(?:is|are|was|holds)(?: \w+)? (?:true|false|possible|correct|wrong|valid|invalid|even|odd|prime|equal|unique)\b"
    r"|\b(?:it|this|that) is (?:\w+ )?(?:true|false)\b"
    r"|成立|无解|有解|矛盾|存在|可能|为真|为假|命题|相等|唯一",
    re.IGNORECASE,
)
"""What may be the result of a solution that ends in no number."""
WORKS = re.compile(
    r"\b(?:add|subtract|multipl|divid|sum(?:s|med)?\b|difference|product|doubl(?:e|es|ing)\b|half|halv|equations?\b|factor"
    r"|squar|root|deduct|plus|minus|times)|[加减乘除]|方程|一半|倍",
    re.IGNORECASE,
)
"""How a step is told in words."""
INSERT = re.compile(
    r"\b(?:check|verif|careful|think|step by step|step-by-step|(?:next|first|last|final|this) step\b|solv|problem\b"
    r"|question\b|reason|calculat|comput|summar|conclu|analy[sz]|look\w* at|answer|recap|review"
    r"|as (?:we|you|one) can see|as (?:expected|required|desired|stated|mentioned|shown|noted|promised)\b)"
    r"|[查验核]|思考|仔细|认真|分析|解题|解答|题意|题目|一步|推理|计算|综上",
    re.IGNORECASE,
)
"""What leads in, and says nothing of the matter."""
BOUND = re.compile(
    r"(?:if|when|whenever|since|because|as long|while|unless|although|though|assuming|given|suppose|once|until|without"
    r"|with|not|no|never|except|per|for (?:each|every)|despite|instead|rather)\b"
    r"|如果|若|当|因为|由于|假设|除|即使|虽|设|不|没|无",
    re.IGNORECASE,
)
"""How a clause begins on which the next one depends."""
CONNECTIVES = frozenset(
    " ".join(part.split())
    for part in """
    first | firstly | first of all | to begin with | to start with | to start | second | secondly |
    third | thirdly | fourth | next | then | now | finally | lastly | last of all | and | so | thus |
    hence | therefore | consequently | accordingly | as a result | indeed | well | okay | ok | alright |
    all right | right | sure | great | of course | no problem | without a doubt | no doubt | needless to
    say | in fact | in other words | that is | in short | in brief | in total | in all | all in all |
    altogether | overall | in summary | to summarize | to sum up | to conclude | in conclusion | in the
    end | after that | from here | from there | from this | with that | with this | that said | to be
    clear | to be precise | to be careful | note | note that | notice | recall | remember | also |
    moreover | furthermore | besides | in addition | likewise | again | once again | once more | at
    first glance | as usual | as always | as before | by definition | on the whole | for clarity | my
    friend | dear reader | hmm | ah | aha | oh | let me see | let us see | let's see | wait | look
    """.split("|")
) | {
    *"""首先 其次 再次 然后 接着 接下来 接下去 随后 之后 最后 最终 现在 因此 因而 所以 于是 那么 从而 这样 总之 综上
    综上所述 由此可见 由此可知 可见 可知 显然 很显然 明显 很明显 当然 其实 事实上 实际上 也就是说 换句话说 换言之 另外
    此外 同时 同样 同理 好的 好 嗯 注意 请注意 一般来说 总的来说 总体来说 简单来说 具体来说""".split()
}
"""Words that lead in by themselves."""
CONTENT = frozenset(
    """only daily weekly monthly yearly hourly annually quarterly nightly early exactly approximately roughly nearly
    hardly barely partly mostly equally respectively originally initially previously recently formerly lately currently
    presently separately
    individually collectively jointly evenly randomly successively consecutively conversely alternatively july italy
    family monopoly""".split()
)
"""What ends as such adverbs do, and says something of the matter."""
BEGINS = re.compile(
    r"(?:upon|after|on|by|to|in|as|at|based|according|before|from|let|let['’]s|without)\b|\w{2,}ing\b|\w{2,}ly\b|[\u3400-\u9fff]"
)
"""How several words begin that lead in."""
ORDER = re.compile(r"(?:(?:and|so|now|then|first|next|finally|okay|well) )+")
MOST = 12
"""Words or Han characters of an insert."""
COMMA = re.compile(r",(?=[\s*_])|[，、:：]")
TITLE = re.compile(
    r"(?:(?:my|the|a|our) )?(?:(?:detailed|full|complete|step[- ]by[- ]step) )?"
    r"(?:solution|reasoning|explanation|thoughts?|analysis|working)|解答?|解析|解题过程|分析|思路|推理",
    re.IGNORECASE,
)
"""What may stand before a colon at the head of a sentence."""
GOES_ON = re.compile(r"(?:and|or|but|nor|which|who|that|because|than)\b", re.IGNORECASE)
WORD = re.compile(r"[\u3400-\u9fff]|[^\W\d_]+(?:['’-][^\W\d_]+)*")
CALLS = frozenset("([_^")
"""What follows the name of a function."""
PAIRS = (("(", ")"), ("（", "）"), ("“", "”"), ("[", "]"), ("《", "》"))


class Settings(StripSettings):
    """Removes what a marker's phrase is the whole of."""

    strip: Literal["sentence"] = "sentence"

    def handles(self, marker: Marker) -> bool:
        return marker.kind in KINDS and bool(marker.phrase) and WORD.search(marker.phrase or "") is not None

    def apply(self, text: str, markers: Sequence[Marker]) -> str:
        phrases = {marker.phrase: marker.shown for marker in markers if marker.phrase}

        def remove_all(now: str) -> str:
            for phrase in sorted(phrases, key=lambda p: (-len(p), p)):
                now = _remove(now, phrase, shown=phrases[phrase])
            return now

        return settle(remove_all, text)


def _remove(text: str, phrase: str, *, shown: bool) -> str:
    places = find(phrase, text)
    if not places:
        return text
    veiled = veil(text)
    sentences = list(split_sentences(veiled))
    starts, ends = [start for start, _ in sentences], [end for _, end in sentences]
    whole: list[tuple[int, int]] = []
    edits: list[tuple[int, int, str]] = []
    for place in places:
        for sentence in sentences[bisect_right(ends, place[0]) : bisect_left(starts, place[1])]:
            if span := _find_whole(veiled, sentence, place, shown=shown):
                if whole and not veiled[whole[-1][1] : span[0]].strip():
                    whole[-1] = (whole[-1][0], span[1])
                else:
                    whole.append(span)
            else:
                edits += _find_part(veiled, sentence, place)
    return edit(text, [*edits, *(_close_gap(text, *span) for span in whole)])


def _find_whole(
    veiled: str, sentence: tuple[int, int], place: tuple[int, int], *, shown: bool
) -> tuple[int, int] | None:
    """The part of a sentence to remove where a phrase is all that it says."""
    start, end = sentence
    core = _lead(veiled, start, end)
    if place[0] > core:
        return None
    core_end = start + len(veiled[start:end].rstrip(TAIL))
    if place[1] < core_end:
        return None
    block = BLOCK.match(veiled, start, end)
    begins = veiled[veiled.rfind("\n", 0, start) + 1 : start].isspace() or start == 0 or veiled[start - 1] == "\n"
    if block and begins and block.end() < end and _follows(veiled, end):
        start = block.end()
    return (start, end) if _is_idle(veiled[core:core_end], shown=shown) and _is_balanced(veiled[start:end]) else None


def _lead(veiled: str, start: int, end: int) -> int:
    lead = LEAD.match(veiled, start, end)
    return lead.end() if lead else start


def _follows(veiled: str, end: int) -> bool:
    """Whether more stands on the line behind a sentence."""
    return bool(veiled[end : end + 200].partition("\n")[0].strip())


def _find_part(veiled: str, sentence: tuple[int, int], place: tuple[int, int]) -> Iterator[tuple[int, int, str]]:
    """The edit that takes an insert from the head of a sentence, or a remark in brackets from its end."""
    start, end = sentence
    core = _lead(veiled, start, end)
    if place[0] <= core < place[1]:
        last = min(end, place[1] + 1)
        commas = [found.end() for found in COMMA.finditer(veiled, core, last + 1) if found.end() <= last]
        if commas and _is_insert(veiled[core : commas[-1]]) and _is_balanced(veiled[core : commas[-1]]):
            mark = MARKED.search(veiled, start, core)
            width = len(mark[0]) if mark else 0
            if not mark or veiled.startswith(mark[0], commas[-1]):
                yield from _behead(veiled, core, width, commas[-1], end)
        return
    opens, closes = place[0] - (veiled[place[0]] not in "(（"), place[1] + (veiled[place[1] - 1] not in ")）")
    if opens < start or veiled[opens] not in "(（" or veiled[closes - 1 : closes] not in (")", "）") or closes > end:
        return
    before = veiled[start:opens].rstrip()
    free = before and (veiled[opens] == "（" or veiled[opens - 1].isspace())
    if free and not veiled[closes:end].strip(TAIL) and _is_insert(veiled[opens + 1 : closes - 1]):
        yield start + len(before), closes, ""


def _behead(veiled: str, core: int, width: int, cut: int, end: int) -> Iterator[tuple[int, int, str]]:
    """The edit that removes what stands from `core` to `cut`, with emphasis of so many signs on both sides."""
    behind = veiled[cut + width : end]
    rest = cut + width + len(behind) - len(behind.lstrip())
    if veiled[rest:end].strip(TAIL) and not GOES_ON.match(veiled, rest):
        yield core - width, rest, ""
        if veiled[core].isupper() and _begins_lower(veiled, rest):
            yield rest, rest + 1, veiled[rest].upper()


def _is_idle(told: str, *, shown: bool) -> bool:
    """Whether a sentence without its signs can go without the reasoning missing anything.

    One that the control shows to be a habit need not talk about the solving.
    """
    words = len(WORD.findall(told))
    if _has_content(told) or CONCLUDES.search(told) or (words <= FEW and ANSWER.search(told)):
        return False
    if _plain(told) in CONNECTIVES or TITLE.fullmatch(told.strip(" *_")):
        return True
    if WORKS.search(told):
        return False
    if TALK.search(told):
        return True
    fragment = told[:1].islower()  # what an abbreviation parts: 9 sq. ft.
    said_by_habit = shown or words <= FEW or bool(SPEAKS.search(told))
    return not fragment and said_by_habit and not LOADED.search(told)


def _has_content(told: str) -> bool:
    return VEIL in told or any(letter.isdigit() for letter in told) or bool(read_reasoning(told))


def _is_insert(told: str) -> bool:
    """Whether words up to a comma, or in brackets, only lead in: every one of their parts."""
    if not told.strip() or _has_content(told):
        return False
    if told[-1] in ":：":
        return TITLE.fullmatch(told.strip(" *_:：")) is not None
    return all(map(_leads_in, re.split(r"[,，、]", told.rstrip(",，、"))))


def _leads_in(told: str) -> bool:
    part = _plain(told)
    if part in CONNECTIVES:
        return True
    words = WORD.findall(part)
    if not words or len(words) > MOST or BOUND.match(part) or LOADED.search(part):
        return False
    if len(words) == 1 and part.endswith("ly") and part.isascii():
        return part not in CONTENT
    return INSERT.search(part) is not None and BEGINS.match(ORDER.sub("", part)) is not None


def _plain(told: str) -> str:
    return " ".join(told.lower().replace("’", "'").split()).strip("*_\"'")


def _is_balanced(told: str) -> bool:
    """Whether what is removed takes no half of a pair along."""
    pairs = all(told.count(opening) == told.count(closing) for opening, closing in PAIRS)
    return pairs and all(told.count(mark) % 2 == 0 for mark in ("**", '"', "`", "*"))


def _begins_lower(veiled: str, at: int) -> bool:
    """Whether a word begins here that takes a capital; names of variables and functions keep theirs."""
    word = WORD.match(veiled, at)
    return (
        word is not None and word[0].isalpha() and len(word[0]) > 1 and veiled[word.end() : word.end() + 1] not in CALLS
    )


def _close_gap(text: str, start: int, end: int) -> tuple[int, int, str]:
    """The edit that removes whole sentences, with the line that nothing is left of, and blanks that part nothing."""
    line_start, line_end = text.rfind("\n", 0, start) + 1, text.find("\n", end)
    line_end = len(text) if line_end < 0 else line_end
    if text[end:line_end].strip():
        return start, end + len(text[end:line_end]) - len(text[end:line_end].lstrip()), ""
    if text[line_start:start].strip():
        return line_start + len(text[line_start:start].rstrip()), line_end, ""
    before, after = len(text[:line_start].rstrip()), len(text) - len(text[line_end:].lstrip())
    gaps = text[before:line_start], text[line_end:after]
    kept = "" if before == 0 or after == len(text) else max(gaps, key=lambda gap: gap.count("\n"))
    indent = "" if after == len(text) else gaps[1][gaps[1].rfind("\n") + 1 :]
    return before, after, kept[: kept.rfind("\n") + 1] + indent if kept else indent
