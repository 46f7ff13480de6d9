"""Words that say little of the problem and much of who writes: articles, pronouns, connectives, English and Chinese."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import ClassVar, Literal

from pipeline.shortcuts.features.base import Family, FeatureSettings
from pipeline.shortcuts.mask import Masked

ENGLISH = frozenset(
    """
    a an the this that these those such same other another each every all both any some no none more most less
    much many few several own only just even still also too very quite rather almost about around exactly simply
    again already i we you he she it they me us him her them my our your his its their one ones who which what
    whose where when why how there here i'm i'll we'll we're we've it's that's there's he's she's they're let's
    don't doesn't isn't can't of in on at by for with from to into onto over under between among through during
    before after above below per within without against along across out off up down toward towards since until
    upon via than as like and or but nor so yet if then because while although though unless whether however
    therefore thus hence otherwise instead meanwhile moreover furthermore additionally besides consequently
    accordingly first firstly second secondly third thirdly next finally lastly last now once eventually
    initially afterwards overall altogether together total combined respectively is are was were be been being
    am do does did done doing have has had having will would shall should can could may might must cannot not
    let need needs want wants given note notice recall remember consider suppose assume observe check checking
    verify verified indeed clearly obviously specifically basically actually alternatively similarly likewise
    find calculate compute determine solve use using get gets know means mean see say call add subtract multiply
    divide substitute simplify simplifying well okay ok sure yes alright certainly great please hmm wait
    """.split()
)
CHINESE = re.compile(
    "|".join(
        sorted(
            """
            的 了 在 是 和 与 或 也 都 就 还 又 再 才 只 把 被 让 使 给 对 从 到 向 比 按 用 由 以 而 且 但 若
            则 即 故 其 这 那 此 每 各 个 不 没有 可以 需要 应该 必须 可能 一共 总共 共有 一定 我 我们 你 他 她
            它 他们 她们 它们 自己 大家 咱们 所以 因此 因为 由于 于是 然后 接着 接下来 首先 其次 再次 最后 最终
            现在 同时 另外 此外 并且 而且 但是 不过 然而 如果 那么 假设 假如 设 已知 根据 根据题意 由题意 题目
            可得 可知 得到 得出 求出 计算 综上 综上所述 总之 也就是说 也就是 即为 等于 换句话说 注意 显然 易知
            易得 同理 其中 分别 剩下 还剩 先 让我们 我们来 下面 解 答 好的 当然
            """.split(),
            key=lambda word: (-len(word), word),
        )
    )
)
"""At each place the longest; 所以 is no 以."""


class Settings(FeatureSettings):
    """Counts each word, whatever its case."""

    family: ClassVar[Family] = "style"
    feature: Literal["function_words"] = "function_words"

    def words_of(self, feature: str) -> str:
        return feature

    def count(self, text: Masked) -> Mapping[str, float]:
        found = Counter([word for token in text.tokens if (word := token.lower().replace("’", "'")) in ENGLISH])
        if not text.masked.isascii():
            found.update(CHINESE.findall(text.masked))
        return found
