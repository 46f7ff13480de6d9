"""The chosen text gives away that its writer saw another text, the answer, or instructions.

`pipeline.allusions` finds the plainest of this. Looked for beyond it: talk of checking once more, apologies, answer
keys, pieces of a reply's form, an assistant that speaks of itself, runs of words from the prompt's instructions.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence, Set
from dataclasses import replace
from functools import lru_cache
from typing import Literal

from pydantic import Field

from pipeline.allusions import find_allusion
from pipeline.filters.base import Action, FilterSettings, Look, Texts
from pipeline.types import Finding

PARTS = {
    "KNOWN": "given|provided|known|stated|supplied|expected|reference|gold|correct|official|actual|target",
    "EARLIER": "first|last|initial|original|earlier|previous|prior|submitted|incorrect|wrong|flawed|faulty",
    "WORK": "attempt|answer|solution|response|reply|work|working|reasoning|calculation|approach|result",
    "SOURCE": "attempt|answer|solution|response|hint|reference|key|prompt|instructions?",
    "FAULT": "mistake|misstep|error|oversight",
    "DONE": "added|subtracted|multiplied|divided|doubled|halved|counted|rounded|converted|computed|calculated|used",
    "DOING": "adding|subtracting|multiplying|dividing|doubling|halving|counting|rounding|using|forgetting",
    "ERRING": "forgot|missed|misread|miscalculated|miscounted|assumed|wrote|made an?",
    "MEET": "match|agree|consistent|equal|reach|arriv|obtain|lead|confirm|verif|yield|get|justif|support|compar",
    "MUST": "must|should|has to|needs to|is supposed to|is known to|is going to",
    "ORDER": "instructions|instruction|request|prompt|guidelines",
    "MYSELF": "ai|artificial intelligence|(?:large )?language model|llm|chatbot|ai assistant",
    "ERRED": "错误|有误|出错|算错|写错|看错|弄错|搞错|做错|答错|失误|不正确|不对",
    "TEXT": "解答|答案|解法|回答|答复|计算|步骤|推理|过程|结果|做法|思路|尝试|答卷",
    "BEFORE": "上述|以上|上面|前面|之前|先前|刚才|此前|原来|最初|第一次",
    "TOLD": "正确|标准|参考|给定|所给|题给|给出|已知|提供|预期|目标|官方|告知",
    "CHECK": "检查|检验|核对|核查|复查|审视|验算|审题",
    "MENDED": "修改|更正|改正|修正|修订|改进|订正",
    "HEAD": r"(?:^|(?<=\n))[ \t>*_#【-]{0,8}",
    "COLON": r"[】*_ \t]{0,4}[:：]",
}
"""Lists that the rules name."""
RULES_EN = r"""
student|pupil|grader  \b(?:the|this|that) (?:student|pupil|grader) (?:\w+ly )?(?:should|did|didn't|made|DONE)\b
student|pupil|grader  \b(?:the|this|that) (?:student|pupil|grader) (?:\w+ly|forgot|missed|misread|confused|went|got)\b
student|pupil|grader  \b(?:the|this|that) (?:student|pupil|grader) (?:is|was) (?:right|wrong|correct|incorrect)\b
you  \byou (?:made|have made|forgot|missed|should have|(?:in)?correctly|wrongly|mistakenly|misread|went wrong)\b
you  \byour (?:\w+ )?(?:WORK|FAULT|step)\b
user|teacher  \bthe (?:user|teacher)(?:'s|’s)? (?:wants|asks|asked|says|said|correction|feedback|solution|answer)\b
you  \b(?:as|what) you (?:did|wrote|said|assumed)\b
you  \byou(?:'re| are|’re) (?:absolutely |quite )?(?:right|correct)[,.!]
you  \byou are an? (?:helpful|expert|careful|experienced|skilled|math|large|ai|assistant|teacher|tutor)\b
WORK  \b(?:the|this|that|my) EARLIER WORK (?:was|is|had|has|did|does|that|which|gave|went|failed)\b
WORK  \b(?:the|this|that|my) EARLIER WORK (?:forgot|missed|assumed|ignored|overlooked|DONE)\b
WORK  \b(?:unlike|contrary to|as in) (?:the|my) (?:\w+ )?(?:attempt|solution|response|reasoning)\b
FAULT  \bFAULT (?:was|is|had been|has been) (?:made|fixed|corrected|to|the|in|here|with|that)\b
correct|fix  \bto (?:correct|fix) this\b
FAULT  \bFAULT (?:in|of|with) (?:the (?:EARLIER|WORK|\w+ (?:step|line))|step|line|DOING|not)\b
FAULT  \b(?:mak|made|contain|spot|found|notic|avoid|identif|fix|correct|see|realiz)\w* (?:an?|the|one|this|my) FAULT\b
FAULT  \b(?:was|is) (?:a|an|my|one) FAULT\b
attempt|try  \b(?:good|nice) (?:attempt|try)[,.!]
wrong  \bwhere (?:it|things|this|that|he|she|they|i|we) went wrong\b
wrong|incorrect|mistaken|erroneous  \b(?:incorrectly|wrongly|mistakenly|erroneously) [a-z]
wrong|incorrect  \b(?:step|line|calculation|solution)\b[^.:,\n]{0,40} (?:is|was) (?:wrong|incorrect)\b
should  \bshould (?:have been|have|be) (?:DONE|\d[\d,.]*)\b[^.\n]{0,40}?(?:, not|instead of|rather than)\b
DOING  \b(?:not|rather than|instead of) DOING\b[^.,\n]{0,20} as (?:was done |in step \d|we did )?(?:before|previously)\b
DOING  \binstead of (?:adding|subtracting|multiplying|dividing|doubling|halving)(?: it| them| by)? ?\d
WORK|step|version  \b(?:corrected|revised|fixed|repaired|amended|improved) (?:WORK|version|step)s?\b
correct  \bthe correct (?:computation|operation|step|version|calculation|reasoning|approach) (?:is|was|would|here)\b
correct|right  (?:\d, |\bas )the (?:correct|right) answer\b|\bthe correct answer is [^.\n]{1,20}, (?:so|thus|we)\b
correct|right  \bthe (?:correct|right) (?:final )?(?:answer|solution|result) (?:of|to be|should|must|tells|shows|says)\b
on  \b(?:up)?on re-?(?:check|examin|evaluat|calculat|read|view|consider)\w*
on  \b(?:up)?on (?:closer|further|second|careful) (?:inspection|review|look|reading|examination|check\w*)\b
on  \b(?:up)?on (?:review|reflection|double-?check\w*)\b
after  \bafter (?:re-?(?:check|examin|evaluat|consider)|double-?check|review)\w* (?:the|my|this|it|again|each)\b
re  \b(?:re-?check|re-?examin|re-?evaluat|re-?read)ing\b
earlier|previous|initial|original  \b(?:i|we) (?:earlier|previously|initially|originally) ERRING\b
earlier|previous|initial|original  \b(?:earlier|previously|initially|originally),? (?:i|we) ERRING\b
let|i will|i'll  \b(?:let me|i will|i'll) (?:re-?(?:check|examine|evaluate|work|do|calculate|consider)|start over)\b
let|i will|i'll  \b(?:let me|let us|let's|i will|i'll) (?:try (?:this |that )?again|correct (?:myself|this|that))\b
apolog|sorry  \b(?:i apologi[sz]e|my apologies|apologies for|sorry (?:for|about) (?:the|my|that))\b
thank|catch  \b(?:thank(?:s| you) for (?:pointing|the (?:correction|feedback|hint))|good catch)\b
WORK|value  \bMEET\w*(?: with| to| at)? (?:the|this|that) KNOWN (?:KNOWN |final )?(?:WORK|value)\b
WORK  \b(?:the|this|that) (?!correct)KNOWN (?:final )?(?:answer|solution|result)\b(?! (?:choice|option))
WORK  \b(?:match|agree|consistent|confirm|verif|compar)\w*(?: with| to)? (?:the|this|that) (?:final )?answer\b
WORK  \b(?:sample|reference|official|masked|redacted) (?:solution|answer)s?\b
WORK  \banswer (?:i|we) (?:was|were|have been|am|are) (?:told|given|shown|provided)\b
WORK  \bknowing (?:that )?the (?:KNOWN |final |right )?answer\b|\bthe (?:solution|answer|attempt) (?:provided|above)\b
WORK  \b(?:since|because|as) the (?:KNOWN |final |right )?answer MUST (?:be|equal) (?=[$\\\d])
WORK  \bbackwards? from the (?:\w+ )?(?:answer|solution|result)\b
answer key|truth|gold  \banswer key\b|\bground[- ]truth\b|\bgold (?:label|answer|solution)\b
by the|in the  \b(?:given|shown|stated|provided|indicated|mentioned|told|seen) (?:in|by) the (?:\w+ )?SOURCE\b
hint|clue  \b(?:hint|clue) (?:says|said|tells|told|gives|states|suggests|provided)\b
as  \bas (?:you )?(?:instructed|requested|asked|specified|directed)(?= ?[,.:;]| here\b| by (?:you|the)\b|\s?$)
ORDER  \b(?:per|according to|following|in line with) (?:the|your|these|my) (?:\w+ )?ORDER\b
prompt  \b(?:the|this|my) (?:system )?prompt (?:says|asks|states|tells|requires|is|was)\b
without  \bwithout (?:mention|reveal|referr|look)ing (?:to |at )?(?:the|any|that) (?:\w+ )?(?:WORK|FAULT|ORDER)\b
:|：  HEAD(?:diagnosis|verdict|critique|feedback|corrections?|corrected|error analysis|(?:first )?wrong step)COLON
:|：  HEAD(?:(?:student(?:'s)?|original|wrong|incorrect) (?:answer|solution|attempt)|attempt)COLON
:|：  HEAD(?:reference(?: answer| solution)?|ground truth|gold(?: answer)?)COLON
:|：  HEAD(?:correct|corrected|revised|repaired|fixed|improved) (?:solution|version|attempt|step|response)COLON
:|：  HEAD(?:instructions?|system|user|assistant|human)COLON
<  </?(?:diagnosis|solution|first_wrong_step|attempt_right|gold_wrong|verdict|system|instructions?)>|<</?SYS>>
<  <\|(?:im_start|im_end|system|user|assistant|endoftext|eot_id|start_header_id)\|>
inst]|###  \[/?INST\]|### ?(?:instruction|response|input)\b
"  "(?:diagnosis|verdict|solution|first_wrong_step)" ?:
as a|i am|i'm|i’m  \b(?:as|i am|i'm|i’m)(?: just| only)? an? MYSELF\b
my  \bmy (?:training data|knowledge cut-?off|programming|developers|system prompt|instructions)\b
"""
"""One a line: the words of which a text must hold one, two blanks, and what is looked for there."""
RULES_ZH = r"""
学|考生|用户  (?:该|这位|那位|这名)(?:学生|同学|考生|用户)|学生(?:把|将|误|忘|错|漏|认为|得出)
你|您  [你您](?:的|给出的|提供的|原来的)(?:TEXT|ERRED)|[你您](?:在第|忘了|误|漏了|算错)|[你您]说[得的]很?对
TEXT  BEFORE的?TEXT[中里]?(?:的|是|存在|有|出现)?(?:ERRED|忘|漏|误|把|将)
原  与?原(?:解|题解|解答|步骤)(?:不同|相比|中|里)
TEXT  (?:原先|之前|先前|刚才|原始|最初|错误)的?(?:解答|答案|解法|回答|尝试|答卷)
ERRED|错  (?:发现|存在|出现|犯了|指出|找出|找到|改正|纠正)(?:了|的|个|一个|一处|上述|其中的|计算){0,3}(?:ERRED|错)
ERRED|错  第[一二三四五六七八九十\d]{1,2}步(?:的计算|计算|中|里|的)?(?:是|有|出现|出|就|了|存在){0,2}(?:ERRED|错)
ERRED|错  [这那该此上]一?步[^。，\n]{0,6}(?:ERRED|错)
不  不(?:应该?|是)(?:除|乘|加|减)[^。\n]{0,12}而(?:应|是)
而不是|而非  应该?当?(?:是|为|用|乘|除|加|减)[^。\n]{1,20}?(?:而不是|而非)
错误  错误(?:分析|原因|地方|步骤)
TEXT|版本  MENDED(?:后|版)?的?(?:TEXT|版本)|正确的?(?:解答|解法|步骤|过程|计算|推理|做法|算法)(?:如下|应|[:：])
CHECK  (?:经过?|通过|仔细|反复)(?:再次|重新|仔细)?CHECK(?:后|发现|，|,|之后|以后)|(?:再次|重新)CHECK
更|纠|订|修  (?:纠正|更正|订正|修正)一下
让我  让我们?(?:重新|再)(?:计?算|检查|来|试|看)
抱歉|对不起|谢谢|感谢  抱歉|对不起[，,]|(?:感谢|谢谢)[你您]?的?(?:指正|指出|提醒|提示|反馈)
答案|结果  (?:与|和|跟|同|根据|得到|得出|推出|凑出|符合|验证|达到|匹配)了?TOLD的?(?:最终)?(?:答案|结果)
答案  答案(?:已经?|是)?(?:给出|给定|告知|提供|已知)|(?:所给|题给|官方|预期|目标)的?答案|从答案(?:倒推|反推|出发)
答案  已经?(?:给出|告诉|提供|告知)了?(?:正确|最终)?答案|正确的?答案应(?:该|当)?[是为]
答案  正确的?答案[是为][^。\n]{1,20}[，,](?:因此|所以|故|那么|于是|则)
答案  (?:已知|知道|由于|因为|既然|鉴于)(?:正确|最终|标准|该题|题目|本题)?的?答案(?:应该?|必须|一定)?[是为](?=[\d$\\])
提示|线索  (?:提示|线索)(?:中|里|说|给出|告诉|指出|表明)|提示词|(?:系统|用户)提示
要求|指示|指令|请求  (?:按照?|根据|依照|遵照|应)(?:[你您]的|用户的?)?(?:要求|指示|指令|请求)(?=[，,：:给写分逐解])
:|：  HEAD(?:诊断|评语|点评|错误分析|错因|MENDED|正确解答|参考解答|参考答案|学生解答|原解答|系统|用户|指令|助手)COLON
【  【(?:诊断|评语|点评|错误分析|错因|MENDED|正确解答|参考解答|参考答案|学生解答|原解答)】
作为|我是|我只是  (?:作为|我只?是)(?:一[个名款位])?(?:人工智能|AI|大?语言模型|大模型|智能助手|助手)
"""


def read_rules(table: str) -> list[tuple[tuple[str, ...], re.Pattern[str]]]:
    """The rules of a table that have the same words together."""
    rules: dict[str, list[str]] = {}
    for line in table.strip().splitlines():
        keys, _, pattern = line.partition("  ")
        keys = re.sub("[A-Z]{4,}", lambda name: PARTS[name[0]], keys)
        whole = re.sub("[A-Z]{4,}", lambda name: f"(?:{PARTS.get(name[0], name[0])})", pattern)
        rules.setdefault(keys, []).append(whole)
    return [(tuple(keys.split("|")), re.compile("|".join(all_), re.IGNORECASE)) for keys, all_ in rules.items()]


ENGLISH, CHINESE = read_rules(RULES_EN), read_rules(RULES_ZH)
WORD = re.compile(r"[a-z]{3,}")
LITTLE = frozenset("the this that let will can was were been has had should here with from after for and not".split())
LITTLE |= {*PARTS["DONE"].split("|"), *PARTS["DOING"].split("|"), "instead"}
"""Words that are nobody's subject."""
SUBJECTS_ZH = re.compile(
    "学生|同学|考生|用户|答案|解答|解法|答卷|步骤|错|误|检查|检验|核对|验算|要求|提示|线索|诊断|助手|系统|抱歉|对不起|人工智能"
)
TOKEN = re.compile(r"[\u3400-\u9fff]|[^\W\u3400-\u9fff]+")
SENTENCE = re.compile(r"[^.!?。！？\n]+[.!?。！？]?")
ORDERS = re.compile(
    r"\b(?:you|your|please|must|never|always|do not|don't)\b|[请你您]|不要|必须|务必|不得|按照"
    r"|^\W{0,8}(?:write|answer|solve|give|show|put|reason|think|explain|use|keep|end|finish|respond|reply|follow|provide"
    r"|make|ensure|let|copy|change|state|avoid|mention)\b",
    re.IGNORECASE,
)
"""How a sentence tells somebody what to do."""


HABIT, OFTEN = 3, 0.005
"""Texts of the control, and their share, that say something by themselves, from which it is the student's habit."""


class Settings(FilterSettings):
    """What the question itself speaks of is its subject, and no leak."""

    filter: Literal["leak"] = "leak"
    action: Action = "drop"
    """Dropped: a student that learns such words speaks of texts that it does not see."""
    words: int = Field(default=8, ge=4)
    """Words in a row, of the prompt's instructions, that count as a fragment; not where the rejected text has them."""
    characters: int = Field(default=12, ge=6)
    """The same for Chinese characters."""

    def prepare(self, control: Sequence[Texts]) -> Look:
        """What the student says by itself, right or wrong ("let me redo this"), gives nobody away."""
        said: Counter[str] = Counter()
        for pair in control:
            for text in {pair.chosen, pair.rejected}:
                own = replace(pair, chosen=text)
                allusion = find_allusion(text, pair.question)
                spans = [*_giveaways(own), *([allusion] if allusion else [])]
                said.update({plain(text, span) for span in spans})
        habits = frozenset(words for words, count in said.items() if count >= max(HABIT, OFTEN * len(control)))
        return lambda pair: self._find(pair, habits)

    def find(self, pair: Texts) -> Finding | None:
        return self._find(pair, frozenset())

    def _find(self, pair: Texts, habits: Set[str]) -> Finding | None:
        if spans := _places(pair, habits):
            first = min(spans)
            return self.say(f"it says {show(pair.chosen, first)}", span=first)
        if (span := self._find_fragment(pair)) is not None:
            return self.say(f"it repeats the prompt's instructions: {show(pair.chosen, span)}", span=span)
        return None

    def _find_fragment(self, pair: Texts) -> tuple[int, int] | None:
        """Span of the first run of words from the instructions."""
        before, asked, after = pair.prompt.rpartition(pair.question or "\0")
        told, vocabulary = grams_of(f"{before}\n{after}" if asked else pair.prompt, self.words, self.characters)
        if not may_hold(vocabulary, pair.chosen, min(self.words, self.characters)):
            return None
        known = ngrams(TOKEN.findall(pair.rejected.casefold()), self.words, self.characters)
        places = [match.span() for match in TOKEN.finditer(pair.chosen)]
        tokens = [pair.chosen[start:end].casefold() for start, end in places]
        for gram, first in ngrams(tokens, self.words, self.characters).items():
            if gram in told and gram not in known:
                return places[first][0], places[first + len(gram) - 1][1]
        return None


def plain(text: str, span: tuple[int, int]) -> str:
    """What stands there, in the form in which habits are told."""
    return " ".join(text[span[0] : span[1]].casefold().split())


def _places(pair: Texts, habits: Set[str]) -> list[tuple[int, int]]:
    """Where the chosen text first alludes to something, and where it first gives itself away, habits aside."""
    found = (find_allusion(pair.chosen, pair.question), find_giveaway(pair, habits))
    return [span for span in found if span and plain(pair.chosen, span) not in habits]


def show(text: str, span: tuple[int, int]) -> str:
    """What stands there, on one line."""
    return repr(" ".join(text[span[0] : span[1]].split()))


def find_giveaway(pair: Texts, habits: Set[str] = frozenset()) -> tuple[int, int] | None:
    """Span of the first words of the rules above that the question does not use itself, and that are no habit."""
    return min((span for span in _giveaways(pair) if plain(pair.chosen, span) not in habits), default=None)


def _giveaways(pair: Texts) -> Iterator[tuple[int, int]]:
    """Spans of all words of the rules above that the question does not use itself, in no order."""
    asked = pair.question.casefold()
    starts: frozenset[str] | None = None
    for match in _find(pair.chosen):
        if starts is None:
            starts = frozenset(word[:5] for word in WORD.findall(asked))
        named = [word[:5] for word in WORD.findall(match[0].casefold()) if word not in LITTLE]
        named_zh = SUBJECTS_ZH.findall(match[0])
        subject = starts.issuperset(named) and all(word in asked for word in named_zh)
        if not subject or not (named or named_zh):
            yield match.span()


def _find(text: str) -> Iterator[re.Match[str]]:
    lowered = text.lower()
    for keys, rule in ENGLISH if text.isascii() else [*ENGLISH, *CHINESE]:
        if any(map(lowered.__contains__, keys)):
            yield from rule.finditer(text)


@lru_cache(maxsize=256)
def grams_of(instructions: str, words: int, characters: int) -> tuple[Set[tuple[str, ...]], Set[str]]:
    """The runs of words of those sentences that tell somebody what to do, and all words in them.

    A sentence with digits or a question is left out: it belongs to an example, or to an earlier turn.
    """
    sentences = [match[0] for match in SENTENCE.finditer(instructions)]
    told = [s for s in sentences if ORDERS.search(s) and not re.search(r"\d|[?？]$", s.rstrip())]
    cut = (TOKEN.findall(sentence.casefold()) for sentence in told)
    grams = frozenset(gram for tokens in cut for gram in ngrams(tokens, words, characters))
    return grams, frozenset(word for gram in grams for word in gram)


def may_hold(vocabulary: Set[str], text: str, words: int) -> bool:
    """Whether a text has so many words of a vocabulary in a row."""
    row = 0
    if not vocabulary:
        return False
    for token in TOKEN.findall(text.casefold()):
        row = row + 1 if token in vocabulary else 0
        if row >= words:
            return True
    return False


def ngrams(tokens: list[str], words: int, characters: int) -> dict[tuple[str, ...], int]:
    """Every run of `words` words without a Chinese character, of `characters` tokens with one; where each begins."""
    found: dict[tuple[str, ...], int] = {}
    for n, han in ((words, False), (characters, True)):
        for at, gram in enumerate(zip(*(tokens[i:] for i in range(n)), strict=False)):
            if any("\u3400" <= token <= "\u9fff" for token in gram) is han:
                found.setdefault(gram, at)
    return found
