r"""One notation for all: full-width forms, Unicode mathematics, LaTeX styles and Chinese punctuation made plain.

What comes out is what `syntax` reads: LaTeX commands for functions and constants, `<=`, `>=`, `!=`, `~=` for relations,
words of a `\text{…}` between `‹` and `›`.
"""

from __future__ import annotations

import re
import unicodedata

MAX_LENGTH = 2000
"""Characters beyond which an answer is not read."""

SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ⁿⁱᵏᵐˣ", "0123456789+-()nikmx")
SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉₊₋ₙₖₘ", "0123456789+-nkm")
VULGAR = {"½": "1/2", "⅓": "1/3", "⅔": "2/3", "¼": "1/4", "¾": "3/4", "⅕": "1/5", "⅖": "2/5", "⅗": "3/5",
          "⅘": "4/5", "⅙": "1/6", "⅚": "5/6", "⅛": "1/8", "⅜": "3/8", "⅝": "5/8", "⅞": "7/8"}  # fmt: skip
SIGNS = {
    "√": r"\sqrt ", "∛": r"\sqrt[3]", "π": r"\pi ", "∞": r"\infty ", "≤": "<=", "≦": "<=", "⩽": "<=", "≥": ">=",
    "≧": ">=", "⩾": ">=", "≠": "!=", "≈": "~=", "≒": "~=", "±": r"\pm ", "∓": r"\mp ", "×": "*", "·": "*", "⋅": "*",
    "•": "*", "∗": "*", "÷": "/", "−": "-", "–": "-", "—": "-", "‐": "-", "⁄": "/", "∪": r"\cup ", "∩": r"\cap ",
    "∈": r"\in ", "∅": r"\emptyset ", "ℝ": r"\reals ", "ℤ": r"\integers ", "ℕ": r"\naturals ", "°": r"\deg ",
    "º": r"\deg ", "∘": r"\deg ", "℃": r"\deg C ", "′": "'", "⌊": r"\lfloor ", "⌋": r"\rfloor ", "⌈": r"\lceil ",
    "⌉": r"\rceil ", "∑": r"\sum ", "∏": r"\prod ", "α": r"\alpha ", "β": r"\beta ", "γ": r"\gamma ",
    "δ": r"\delta ", "θ": r"\theta ", "λ": r"\lambda ", "μ": r"\mu ", "φ": r"\phi ", "ω": r"\omega ",
    "σ": r"\sigma ", "ρ": r"\rho ", "≡": r"\equiv ", "∧": r"\wedge ", "∨": r"\vee ", "∠": r"\angle ",
    "△": r"\triangle ", "⊥": r"\perp ", "→": r"\to ", "、": ",", "。": ".", "【": "[", "】": "]", "〔": "(",
    "〕": ")", "“": '"', "”": '"', "‘": "'", "’": "'", "：": ":", "…": r"\ldots ", "⟨": r"\langle ",
    "⟩": r"\rangle ", "∖": r"\setminus ", "∶": ":", "＄": r"\$", "％": "%", "‰": "/1000", "﹣": "-",
}  # fmt: skip
RENAMED = {
    "dfrac": r"\frac ", "tfrac": r"\frac ", "cfrac": r"\frac ", "dbinom": r"\binom ", "tbinom": r"\binom ",
    "leq": "<=", "le": "<=", "leqslant": "<=", "leqq": "<=", "geq": ">=", "ge": ">=", "geqslant": ">=",
    "geqq": ">=", "neq": "!=", "ne": "!=", "lt": "<", "gt": ">", "approx": "~=", "thickapprox": "~=", "simeq": "~=",
    "cdot": "*", "times": "*", "ast": "*", "div": "/", "degree": r"\deg ", "infin": r"\infty ", "lvert": "|",
    "rvert": "|", "vert": "|", "mid": "|", "lbrack": "[", "rbrack": "]", "colon": ":", "varnothing": r"\emptyset ",
    "backslash": r"\setminus ", "Re": r"\reals ", "R": r"\reals ", "Z": r"\integers ", "N": r"\naturals ",
    "dots": r"\ldots ", "cdots": r"\ldots ", "dotsc": r"\ldots ", "lnot": r"\neg ", "land": r"\wedge ",
    "lor": r"\vee ", "varphi": r"\phi ", "epsilon": r"\varepsilon ", "arctg": r"\arctan ", "tg": r"\tan ",
    "ctg": r"\cot ", "lg": r"\lg ", "gets": " ", "iff": r"\iff ", "Longrightarrow": r"\to ", "Rightarrow": r"\to ",
    "implies": r"\to ", "rightarrow": r"\to ", "overrightarrow": r"\vec ", "mathbf": "", "boldsymbol": "",
    "mathcal": "", "mathit": "", "bm": "", "vec": r"\vec ", "overline": r"\overline ", "bar": r"\overline ",
    "dot": r"\dot ", "therefore": "", "because": "", "lbrace": r"\{", "rbrace": r"\}",
}  # fmt: skip
DROPPED = frozenset(
    "left right displaystyle textstyle scriptstyle limits nolimits big Big bigg Bigg bigl bigr Bigl Bigr biggl biggr"
    " quad qquad hfill hspace vspace noindent nonumber normalsize large Large rm bf it par mathop mathrel"
    " mathstrut strut"
    " middle hline allowbreak nobreak enspace thinspace label tag smash".split()
)
TEXT = re.compile(
    r"\\(?:text|textbf|textit|textrm|textnormal|textsf|texttt|mathrm|mathsf|mbox|hbox|operatorname\*?"
    r"|emph)\s*\{([^{}]*)\}"
)
FUNCTIONS = frozenset(
    "sin cos tan cot sec csc arcsin arccos arctan arccot sinh cosh tanh log ln lg exp sqrt max min gcd lcm abs"
    " floor ceil"
    " det mod".split()
)


def normalise(text: str) -> str:
    """The answer in the one notation. Raises ValueError where it is longer than MAX_LENGTH."""
    if len(text) > MAX_LENGTH:
        raise ValueError(f"the answer is longer than {MAX_LENGTH} characters")
    text = re.sub(r"<\|[^|<>]{0,40}\|>", " ", text)
    text = re.sub(r"\\\\(?=\s*[A-Za-z]{2})", r"\\", text) if "\\begin" not in text else text  # escaped twice
    text = text.replace("\\\\", "\\row ")
    text = re.sub(r"[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ⁿⁱᵏᵐˣ]+", lambda m: "^{" + m[0].translate(SUPERSCRIPTS) + "}", text)
    text = re.sub(r"[₀-₉₊₋ₙₖₘ]+", lambda m: "_{" + m[0].translate(SUBSCRIPTS) + "}", text)
    for sign, fraction in VULGAR.items():
        text = text.replace(sign, "\\frac{" + fraction.replace("/", "}{") + "}")
    text = "".join(SIGNS.get(character, character) for character in text)
    text = unicodedata.normalize("NFKC", text)
    text = "".join(SIGNS.get(character, character) for character in text)
    text = _unmark(text)
    for _ in range(3):  # a text inside a text
        text = TEXT.sub(_quote, text)
    text = re.sub(r"\\(?:math(?:bb|cal|rm|bf)|Bbb)\s*\{?\s*([RZNQC])\s*(\^?\+?)\s*\}?", _number_set, text)
    text = re.sub(r"\^\s*\{?\s*\\(?:circ|degree)\s*\}?", r"\\deg ", text)
    text = re.sub(r"(?<=\d)(?:\{\s*,\s*\}|,\\!\s*|\\,|\{\\,\})(?=\d{3}(?!\d))", "", text)
    text = re.sub(r"\\[,;:!> ]|~(?!=)", " ", text)
    text = re.sub(
        r"\\(?:begin|end)\{(?:align|aligned|equation|gather|gathered|split)\*?\}|(?<!\\)\\(?:\[|\]|\(|\))", " ", text
    )
    text = re.sub(r"(?<=\d)\s*(?:to|比)\s*(?=\d)", ":", text)
    text = re.sub(r"(?<=[\d})])\s*‹?\s*(?:percent(?:age)?(?: points?)?|pct|per cent|个百分点)\b\s*›?", "% ", text)
    text = re.sub(r"(?<=[A-Za-z›])\s+\^", "^", text)
    text = text.replace("\\lbrace", "\\{").replace("\\rbrace", "\\}")
    text = re.sub(r"\\q?quad", " ", text)
    text = re.sub(r"(?<=\d) and (?=\d+/\d)", " ", text)  # 2 and 1/2
    text = re.sub(r"\{\s*(\w+)\s*\\choose\s*(\w+)\s*\}", r"\\binom{\1}{\2}", text)
    text = re.sub(r"\\([A-Za-z]+)\*?", _rename, text)
    return " ".join(text.split())


def _unmark(text: str) -> str:
    r"""Markdown's marks, dollar delimiters and `\boxed` taken off; `\$` and lone dollars are money."""
    text = re.sub(r"^\s*\*\*|\*\*\s*[.。]?\s*$", " ", text)
    text = re.sub(r"(?<=[\w)])\*\*(?=[\w(])", "^", text) if text.count("**") % 2 else text.replace("**", " ")
    text = text.replace("`", " ").replace("\\$", "\\dollar ").replace("\\%", "%").replace("\\#", " ")
    dollars = text.count("$") - 2 * text.count("$$")
    if dollars % 2:
        text = re.sub(r"\$(?=\s*-?\d)|(?<=\d)\s?\$(?!\w)", r"\\dollar ", text, count=1)
    text = text.replace("$", " ")
    return re.sub(r"\\f?boxed(?=\s*\{)", "", text)


def _quote(match: re.Match[str]) -> str:
    inner = match[1].strip()
    after_number = re.search(r"[\d}]\s*$", match.string[max(0, match.start() - 3) : match.start()])
    if after_number and inner in ("m", "g", "s", "h", "L", "l", "t", "J", "N", "W"):
        return f" ‹{inner}› "
    if re.fullmatch(r"[A-Za-z]", inner) or inner in FUNCTIONS:
        return f"\\{inner} " if inner in FUNCTIONS else f" {inner} "
    if not inner or not re.search(r"[^\W\d_]", inner):
        return f" {inner} "
    return f" ‹{inner.replace('‹', ' ').replace('›', ' ')}› "


def _number_set(match: re.Match[str]) -> str:
    name = {"R": r"\reals ", "Z": r"\integers ", "N": r"\naturals ", "Q": r"\rationals ", "C": r"\complexes "}[match[1]]
    return f"{name}{match[2]}"


def _rename(match: re.Match[str]) -> str:
    name = match[1]
    if name in DROPPED:
        return " "
    if name in RENAMED:
        return RENAMED[name] or " "
    return match[0] + " "
