"""Units of measure: what they measure and how many base units they are; nouns that merely count are no units."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Unit:
    """`kind` is what is measured; equal kinds can be converted by `factor`."""

    kind: str
    factor: Fraction


_TABLE = """
length: nm nanometer nanometers = 1/1000000000
length: mm millimeter millimeters millimetre millimetres 毫米 = 1/1000
length: cm centimeter centimeters centimetre centimetres 厘米 公分 = 1/100
length: dm decimeter decimeters 分米 = 1/10 | m meter meters metre metres 米 公尺 = 1
length: km kilometer kilometers kilometre kilometres 千米 公里 = 1000 | in inch inches 英寸 = 254/10000
length: ft foot feet 英尺 = 3048/10000 | yd yard yards = 9144/10000 | mi mile miles 英里 = 1609344/1000
length: 里 = 500
mass: mg milligram milligrams 毫克 = 1/1000 | g gram grams 克 = 1
mass: kg kilogram kilograms kilo kilos 千克 公斤 = 1000 | t ton tons tonne tonnes 吨 = 1000000
mass: lb lbs pound pounds 磅 = 45359237/100000 | oz ounce ounces 盎司 = 28349523125/1000000000
mass: 斤 = 500 | 两 = 50
time: ms millisecond milliseconds 毫秒 = 1/1000 | s sec secs second seconds 秒 秒钟 = 1
time: min mins minute minutes 分钟 = 60 | h hr hrs hour hours 小时 个小时 时 = 3600 | day days 天 日 = 86400
time: week weeks 周 星期 个星期 = 604800
months: month months 个月 月 = 1 | year years yr yrs 年 = 12 | decade decades = 120
months: century centuries 世纪 = 1200
volume: mL ml milliliter milliliters millilitre millilitres 毫升 = 1/1000000
volume: L l liter liters litre litres 升 = 1/1000 | cc = 1/1000000
volume: gallon gallons gal = 3785411784/1000000000000 | quart quarts = 946352946/1000000000000
volume: pint pints = 473176473/1000000000000 | cup cups = 2365882365/10000000000000
dollar: $ dollar dollars usd 美元 = 1 | ¢ cent cents 美分 = 1/100
yuan: ¥ ￥ yuan rmb cny 元 块 块钱 人民币 = 1 | jiao 角 毛 = 1/10 | fen = 1/100
euro: € euro euros eur 欧元 = 1
pound: £ gbp 英镑 = 1
rupee: ₹ rupee rupees 卢比 = 1
temperature: °C 摄氏度 celsius = 1
fahrenheit: °F 华氏度 fahrenheit = 1
energy: J joule joules 焦 焦耳 = 1 | kJ = 1000
force: N newton newtons 牛 牛顿 = 1
power: W watt watts 瓦 = 1 | kW 千瓦 = 1000
data: bit bits = 1 | byte bytes = 8
angle: radian radians rad 弧度 = 1
count: dozen dozens 打 = 12 | pair pairs 双 对 = 2
"""
SQUARES = re.compile(r"^(?:square|sq\.?|平方)\s*(.+)$|^(.+?)\s*\^?\s*\{?\s*2\s*\}?$|^(.+?) squared$")
CUBES = re.compile(r"^(?:cubic|cu\.?|立方)\s*(.+)$|^(.+?)\s*\^?\s*\{?\s*3\s*\}?$|^(.+?) cubed$")


def _load() -> dict[str, Unit]:
    known: dict[str, Unit] = {}
    for line in _TABLE.strip().splitlines():
        kind, _, rest = line.partition(": ")
        for part in rest.split(" | "):
            names, _, factor = part.rpartition(" = ")
            known |= {name: Unit(kind, Fraction(factor)) for name in names.split()}
    areas: dict[str, Fraction | int] = {"hectare": 10_000, "hectares": 10_000, "公顷": 10_000, "亩": Fraction(2000, 3)}
    known |= {name: Unit("length^2", Fraction(size)) for name, size in areas.items()}
    known |= {
        "mph": Unit("length/time", Fraction(1609344, 3_600_000)),
        "kph": Unit("length/time", Fraction(1000, 3600)),
    }
    return known


KNOWN = _load()
NAMES = sorted(KNOWN, key=len, reverse=True)


def find_unit(text: str) -> Unit | None:
    """The unit of that name, also squared, cubed and per another; None for words that are no unit."""
    name = " ".join(text.replace("\\deg ", "°").replace("‹", " ").replace("›", " ").split()).strip(" .,*")
    if name in KNOWN:
        return KNOWN[name]
    if name.lower() in KNOWN:
        return KNOWN[name.lower()]
    for word, exponent, pattern in (("^2", 2, SQUARES), ("^3", 3, CUBES)):
        if found := pattern.match(name):
            inner = find_unit(next(filter(None, found.groups())))
            if inner is None or inner.kind not in ("length", "time"):
                return None
            return _volume(Unit(inner.kind + word, inner.factor**exponent))
    for separator in ("/", " per ", "每", " an ", " a "):
        top, found_it, bottom = name.partition(separator)
        if found_it and (over := find_unit(top)) and (under := find_unit(bottom)):
            return Unit(f"{over.kind}/{under.kind}", over.factor / under.factor)
    return None


def _volume(unit: Unit) -> Unit:
    return Unit("volume", unit.factor) if unit.kind == "length^3" else unit
