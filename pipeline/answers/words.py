"""Answers in words: the same word in English and Chinese, and which words exclude one another."""

from __future__ import annotations

import re

_CLASSES = """
truth: yes true correct holds 是 对 正确 成立 可以 能 是的 真 |
truth: no false incorrect 否 不是 错 错误 不成立 不可以 不能 不对 假
parity: even 偶数 偶 偶函数 | odd 奇数 奇 奇函数
order: increasing 递增 增函数 单调递增 | decreasing 递减 减函数 单调递减
turn: clockwise 顺时针 | counterclockwise anticlockwise counter-clockwise 逆时针
day: monday mon 星期一 周一 礼拜一 | tuesday tue 星期二 周二 | wednesday wed 星期三 周三 | thursday thu 星期四 周四 |
day: friday fri 星期五 周五 | saturday sat 星期六 周六 | sunday sun 星期日 星期天 周日 周天
month: january jan 一月 1月 | february feb 二月 2月 | march mar 三月 3月 | april apr 四月 4月 | may 五月 5月 |
month: june jun 六月 6月 | july jul 七月 7月 | august aug 八月 8月 | september sep sept 九月 9月 |
month: october oct 十月 10月 | november nov 十一月 11月 | december dec 十二月 12月
colour: red 红色 红 | blue 蓝色 蓝 | green 绿色 绿 | yellow 黄色 黄 | white 白色 白 | black 黑色 黑 | orange 橙色 |
colour: purple 紫色
way: north 北 | south 南 | east 东 | west 西
shape: circle 圆 圆形 | ellipse 椭圆 | parabola 抛物线 | hyperbola 双曲线 | line 直线 | square 正方形 |
shape: rectangle 长方形 矩形 | rhombus 菱形 | trapezoid trapezium 梯形 | parallelogram 平行四边形
triangle: acute 锐角三角形 | obtuse 钝角三角形 | right 直角三角形 | isosceles 等腰三角形 |
triangle: equilateral 等边三角形 正三角形
size: greater larger bigger 大于 | less smaller 小于 | equal same 相等 等于
existence: none dne nonexistent 无 不存在 无解 没有 | exists 存在
primality: prime 素数 质数 | composite 合数
"""
_EMPTY = re.compile(
    r"(?:there (?:is|are|exists?) )?no (?:such |real |positive |integer |integral )*(?:\w+ )?(?:solutions?"
    r"|numbers?|values?|integers?|functions?|pairs?|triples?)?(?: exists?)?"
    r"|(?:方程)?(?:无|没有)(?:实数|整数|正整数|有理数)?(?:解|根)|does not exist|doesn't exist|do not exist"
    r"|undefined|no solutions?"
    r"|(?:the )?empty set|impossible|没有解|方程无解|不存在这样的.{1,6}|空集"
)
_ARTICLES = frozenset("the a an is it its answer they are".split())


def _load() -> dict[str, tuple[str, int]]:
    known: dict[str, tuple[str, int]] = {}
    for line in _CLASSES.strip().splitlines():
        name, _, rest = line.partition(": ")
        before = len({which for kind, which in known.values() if kind == name})
        for number, group in enumerate(rest.removesuffix(" |").split(" | "), start=before):
            known |= dict.fromkeys(group.split(), (name, number))
    return known


KNOWN = _load()


def split_words(text: str) -> tuple[str, ...]:
    """Words of a text, lower case, articles and marks left out."""
    plain = re.sub(r"[‹›\"“”*_`$()\[\]{}]", " ", text.lower())
    words = [word.strip(".,;:!?'") for word in plain.split()]
    kept = tuple(word for word in words if word and word not in _ARTICLES)
    return kept or tuple(filter(None, words))


def read_class(text: str) -> tuple[str, int] | None:
    """(class, which) of a known answer in words, the same for all its synonyms."""
    plain = " ".join(split_words(text))
    plain = re.sub(r"^(?:all |every |any |任意|所有)?(?:[a-z] (?:is |must be |为|是)|[a-z] ?(?:为|是))", "", plain)
    if answered := re.match(r"(yes|no|是|否|对|不对|正确|错误)[,，]", text.strip().lower()):
        plain = answered[1]
    if found := re.fullmatch(
        r"(?:all |every |any )?(?:[a-z] )?(?:all |every |any |全体|所有|任意)?(odd|even|prime)s?(?: (?:integers?"
        r"|numbers?|[a-z]))*|(?:全体|所有|任意)(奇数|偶数|素数|质数)[a-z]?",
        plain,
    ):
        plain = found[1] or found[2]
    if plain in KNOWN:
        return KNOWN[plain]
    return KNOWN["none"] if _EMPTY.fullmatch(plain) and plain != "no" else None
