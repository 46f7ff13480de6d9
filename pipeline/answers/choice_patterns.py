"""How texts say which option they choose: phrases in English and Chinese, and what cancels them."""

from __future__ import annotations

import re

FILL = (
    r"(?:[\s:\"'“(\[{<>-]|\b(?:option|choice|answer|letter|number|the|an?|clearly|definitely|indeed|probably|likely|most|"
    r"simply|therefore|thus|only|really|actually|again|still|just|statement)\b|选项|第|则|就|应该?)*$"
)
CHOSEN_CUE = re.compile(
    r"(?:\b(?:answers?|ans|choice|option|selection|pick|(?:right|correct|best|only|final) "
    r"(?:one|statement|response|solution|conclusion))\b[^,;.]{0,60}?(?:\b(?:is|are|was|be|remains|becomes)\b"
    r"|'s|[:=→]|->|=>)|"
    r"\b(?:answer|ans)\.?|"
    r"\b(?:choose|chose|select|selected|selecting|pick|picked|choosing|picking|go(?:ing)? (?:with|for)|opt(?:ing)? for|"
    r"settle (?:on|for)|vote for|I'd say|I (?:would )?say|leav(?:es|ing)(?: us)?(?: with)?|left with)|"
    r"(?<!不)(?<!不能)(?:选择?|选出)|答案(?:应该?|就|只能|显然)?(?:是|为|选)?|(?:正确|符合\w{0,4}|合适|最佳"
    r"|恰当|合理)的?"
    r"(?:选项|答案|选择|一项|说法|表述)?(?:应该?|就|只能|有|只有)?(?:是|为)|剩下?(?:的)?(?:只有|就是|是)?)" + FILL,
    re.IGNORECASE,
)
"""What stands before an option that is chosen."""
POINTED_CUE = re.compile(
    r"(?:\b(?:so|hence|thus|therefore|consequently|accordingly)|\b(?:it|that|this)(?:'s| is)|\b(?:must|has to"
    r"|should|can only) be|"
    r"→|->|=>|⇒|∴|\b(?:matches|corresponds to|which is|i\.e\.|namely|that is)|"
    r"所以|因此|故|即|对应|只有|只能是?|而是|应该?[是为]|就是|(?:^|[,、\s])[是为])" + FILL,
    re.IGNORECASE,
)
"""What points at an option, where a letter follows."""
OPERATOR = re.compile(r"\s?(?:[-+×*/=≈^]|\\(?:times|cdot|div|approx)|(?:times|plus|minus|divided|multiplied)\b)")
EQUALS = re.compile(r"[=≈][\s(]*$")
ENDS = re.compile(
    r"[)\]}\"'\s]*了?(?:$|[.,;:!。—(]|选?项|(?:because|since|as|for|which|and|not|rather|over|instead|it is|"
    r"(?:is|must be|seems)(?: the)? (?:only |most )?(?:correct|right|best|answer|appropriate))\b|因为|符合|正确|对)",
    re.IGNORECASE,
)
CONTRAST = re.compile(r"[\s,;:]*(?:but|rather|instead|it's|it is|而是|应该?是|应为)", re.IGNORECASE)
ADDED = re.compile(
    r"[\s,)(]*(?:or|and|但|也|又|或者?)?\s?(?:maybe|perhaps|possibly|it (?:might|could) (?:also )?be|might be"
    r"|could be|可能|或许|也许)[\s是选:(]*",
    re.IGNORECASE,
)
"""Between a claim and a second one that is only possible."""
OTHERS = re.compile(
    r"\b(?:other|others|remaining|tempting|distract\w*|first thought|at first|initially|might|many|some"
    r"|people|students|"
    r"seems?|looks?|appears? to|common|popular|(?:each|every) (?:of|option|choice|answer|one))\b|其他|其余"
    r"|有人|很多人|容易误?选|误选|起初|一开始",
    re.IGNORECASE,
)
"""Sentences about options that others might choose."""
TURN = re.compile(
    r"\b(?:but|however|yet|so|hence|thus|therefore|actually)\b|但|不过|所以|因此|故|其实|[;。]|"
    r"^\s?(?:are|is|was|were|seems?|looks?|might|may|could|appears?)\b[^,;]*,",
    re.IGNORECASE,
)
"""Where a sentence turns to what it holds itself."""
WRONG_ONE = re.compile(
    r"\b(?:incorrect|wrong|false|untrue)\b[^,;.]{0,40}(?:\bis|\bare|:)"
    + FILL
    + r"|(?:错误|不正确|有误|不对|不符合\w{0,4}|不属于\w{0,8}|不)的?"
    r"(?:选项|一项|说法|表述)?(?:是|为)" + FILL,
    re.IGNORECASE,
)
IF = re.compile(r"\bif\b[^.]*\bwould\b|(?:如果|假如|倘若)(?!.*(?:所以|因此|故|综上))", re.IGNORECASE)
CLOSING = r"[)\]}\"”'\s]*"
IS_ANSWER = re.compile(
    CLOSING + r"(?:(?:,|:|-|is|was|must be|remains|has to be|should be|would be|as|seems|appears to be)\s)?"
    r"(?:(?:the|my|our|thus|therefore|then|clearly|hence)\s){1,3}(?:(?:only|best|correct|right|final|most|likely|"
    r"appropriate|suitable|accurate|possible|one|valid|logical|single|intended)\s){0,4}"
    r"(?:answer|choice|option|one|solution|pick|possibility|selection|candidate)\b|" + CLOSING + r"it is\b|"
    + CLOSING + r"(?:选?项)?(?:就?是|为|作为|应为)(?:本题|该题|最|唯一)?的?(?:正确|最佳|合适|最终)?的?(?:答案"
                r"|选项|选择)",
    re.IGNORECASE,
)  # fmt: skip
IS_RIGHT = re.compile(
    CLOSING + r"(?:(?:—|-|:|is|are|was|seems|must be|has to be|remains|appears|would seem)\s)?(?:(?:the|thus"
              r"|therefore|clearly|also|"
    r"indeed|most|only|definitely|in fact|a|both)\s){0,3}(?:correct|right|true|best|valid|appropriate"
    r"|accurate|✓|✔|✅)(?!ly)(?! (?:for|if|when|only|in|that)\b)|"
    + CLOSING + r"(?:fits|works|✓|✔|✅)|" + CLOSING +
    r"(?:选?项|[两三]项|的|说法|表述|描述|是|均|都|也|最|显然|为|应该?|更|才|\s)*(?:正确|对(?![于应称比])"
    r"|符合|成立|恰当|合适|合理|满足)",
    re.IGNORECASE,
)  # fmt: skip
IS_TRUE = re.compile(r"\s?(?:is|are|was)(?: also| both)? true\b")
"""What is said of a variable of logic as well."""
JUDGED = re.compile(
    r"[\s,;:(—-](?:(?P<right>✓|✔|✅|yes|correct|true|right|正确|对|成立|符合(?:题意)?)|✗|❌|×|no|incorrect"
    r"|wrong|false|not correct|"
    r"错误|不正确|不对|不成立|不符合(?:题意)?)[\s.)。!]*$",
    re.IGNORECASE,
)
"""A verdict at the end of a line that begins with an option."""
THEREFORE = re.compile(
    r"[\s>#-]*(?:so|hence|thus|therefore|consequently|in conclusion|overall|所以|因此|故|综上|可见|从而)", re.IGNORECASE
)
END_CUE = re.compile(
    r"(?:\b(?:is|are|be|was|so|thus|hence|therefore|equals?|gives?|get|called|by|namely|i\.e\.)|'s|[:=→,]|->|=>|—|\s-|"
    r"是|为|即|选|得|故|所以|因此|而是|属于|有)" + FILL,
    re.IGNORECASE,
)
OPTION_BEFORE = re.compile(r"(?:\b(?:option|choice|letter|answer)|选项|选)[\s:]*$", re.IGNORECASE)
OPTION_AFTER = re.compile(r"选?项")
TAIL = re.compile(
    r"[)\]}\"'”\s]*(?:$|[.;:!。]|[,，—-]?\s?(?:because|since|as|which|not"
    r"|rather|instead|and not|but not|due to|而|因为|不|，|由于)|"
    r"[(—]|\s-\s[A-Za-z])",
    re.IGNORECASE,
)
UNIT_TAIL = re.compile(r"(?:\s?[A-Za-z°%/]{1,12}){0,3}\W*$|[\u4e00-\u9fff]{1,4}\W*$")
RESTRICTED = re.compile(r"[\s,]*(?:except|unless|only if|only when|but only|除非|除了)", re.IGNORECASE)
EQUATED = re.compile(
    r"(?:\b(?:is|are|was|be|equals?|gives?|get|have|has|or|yields?|obtain)|[:=≈→]|->|=>|是|为|得到?|有|即"
    r"|等于|约|共|于)"
    r"(?:[\s:$(\"“]|\b(?:about|approximately|exactly|only|therefore|thus|to)\b)*$",
    re.IGNORECASE,
)
"""What stands before a number that a sentence concludes in."""
NUMBER = re.compile(r"[=+×*/^<>≤≥≈\\\d]")
COPULA = re.compile(
    r"(?:\b(?:is|are|was|were|be|called|as|by|in|into|from|to)|'s|:|→|->|是|为|叫|属于|于|由|用"
    r"|了)[\s:\"'“(]*(?:(?:an?|the)\s)?$"
)
"""What ties an option to what the question asks for."""
SUBJECT = re.compile(
    r"[\W_]*(?:(?:an?|the)\s)?@\s?(?:(?:is|was|are|were)\s(?:the|an?|what|where)\b|[是为])", re.IGNORECASE
)
"""An option that a sentence begins with; @ stands for it."""
YES = re.compile(r"yes|no|true|false|是|否|对|错|正确|错误", re.IGNORECASE)
WHOLE = re.compile(r"[.!。)\]}\"'”…:>|*]\s*$|[\u4e00-\u9fff]\s*$")
"""A sentence that is not cut off."""
ITEM = re.compile(r"[\s>•*-]*\(?[A-J][).:、]\s?\S")
"""An item of a list of the options."""
REFUSES = re.compile(
    r"\b(?:cannot|can't|could not|couldn't|unable to|not able to|impossible to|hard to|difficult to|won't|will not) "
    r"(?:\w+ ){0,2}(?:determine|decide|tell|say|answer|choose|know|provide|judge|rule)"
    r"|\bnot? (?:really )?(?:know|sure)\b|"
    r"n't (?:really )?(?:know|sure)\b|\btorn between\b|无法(?:判断|确定|回答|作答|选择|给出)|不能(?:判断|确定"
    r"|回答|提供)|"
    r"不(?:确定|知道|清楚)|难以?(?:判断|确定|说)",
    re.IGNORECASE,
)
LACKS = re.compile(
    r"\b(?:not enough|insufficient|more|further) information|\bnone of (?:the|these|them|those)\b(?! other"
    r"| rest| remaining)|\bno (?:correct|right|matching) "
    r"(?:option|answer|choice)|not (?:listed|given|provided|included|among|one of|in)\b(?: in| any of"
    r"| among)? (?:the|these) (?:\w+ )?(?:options|choices)|\b(?:is|was) not listed|没有\w{0,3}(?:正确|合适"
    r"|对应|匹配|符合)的?\w{0,3}(?:选项|答案)|信息不足|更多信息|"
    r"^\W*(?:let's|let us|consider|first\b|首先|我们来|让我|分析|题目)",
    re.IGNORECASE,
)
REVISED = re.compile(
    r"(?:^|[.,!?。\s—])(?:wait|actually|on second thought|correction|scratch that|let me (?:re\w+|double)|hmm)\b|"
    r"(?:^|[,。.!\s])(?:等等|等一下|不对[,。.!]|更正|重新(?:考虑|检查|审视|计算)|我错了|修正)",
    re.IGNORECASE,
)
PLEASANTRY = re.compile(
    r"(?:I hope|Let me know|Feel free|If you (?:have|need)|Hope (?:this|that)|希望|如有|如果(?:您|你))", re.IGNORECASE
)
STOP = re.compile(r"[。!?;]+[\"'”)]*\s*|\.[\"'”)]*\s+")
NO_STOP = re.compile(
    r"(?:(?<![A-Za-z])(?:[A-J]|e\.g|i\.e|vs|Dr|Mrs?|St|No|approx|[Aa]ns|etc)|(?:^|[(>])(?:[a-j]|\d{1,2}))$"
)
LEADS_ON = re.compile(
    r"\b(?:is|answer|choice|therefore|thus|so|hence|choose|select|pick|with)\b[^,]{0,40}:$|答案|选|正确|结论",
    re.IGNORECASE,
)
"""A line that goes on in the next one."""
NEXT = re.compile(r"\W*(?:[A-J]\W*$|(?:Wait|However|But|Actually|Let|Hmm|Option)\b)")
"""What begins a new sentence though a letter and a full stop stand before it, as in `B. Paris`."""
LABEL = re.compile(
    r"[\W_]*(?:(?:option|choice|answer|letter|final|correct|the|is|so|thus|hence|therefore|definitely|clearly|"
    r"obviously|certainly|probably|surely|it's|it|must|be|肯定|显然|应该?是?|是|就是|选项|答案|选|最终"
    r"|正确)[\W_]*){0,5}",
    re.IGNORECASE,
)
CHOSEN, POINTED, RIGHT = 3, 2, 1
"""`the answer is B`, `so B`, `B is right`."""
LONGEST = 1200
"""Characters of a sentence that are read, at its end."""
BETWEEN_BOXES = re.compile(r"[\s$,;、，和与及或/&]{0,12}(?:and|or|或者)?[\s$]{0,4}")
