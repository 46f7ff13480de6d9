"""A chosen text that gives its writer's knowledge away is found, in two languages; what cannot leak is left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.filters.base import Texts
from pipeline.filters.leak import Settings
from tests.pipeline.filters.conftest import CHINESE, RIGHT, RIGHT_ZH, make_pair, read_lines

SYSTEM = "You solve problems. Always write one short step on each line and never explain your choice of words."
SYSTEM_ZH = "你是解题者。请务必把每一步单独写成一行并且不要解释为什么这样做。"
ENGLISH = """
The student forgot the muffins.
The student is right about the first step.
The attempt above misses the muffins.
It was a mistake to divide by 2.
The mistake was not subtracting the four eggs.
The error in the first step is fixed by subtracting 4.
To correct this, subtract both numbers.
The third line is wrong; it should be 9 * 2.
The number should be multiplied by 2, not divided.
Instead of adding 2, we multiply by 2.
As the correct answer is 18, we get 9 * 2 = 18.
This agrees with the known answer of 18.
The result is 18, as expected from the reference solution.
So the final answer given is 18.
Knowing the answer is 18, she must sell 9 eggs.
We were told that the answer is 18.
The provided answer is 18, which we now justify.
The correct answer should be 18.
The right answer of 18 follows.
The answer key says 18.
The ground truth is 18.
Working backwards from the answer, 18 / 2 = 9.
After double-checking my work, the answer is 18.
Upon re-checking, the total is 18.
Upon closer inspection, four eggs go into muffins.
Let me redo the calculation.
Earlier, I made an error with the muffins.
Apologies for the earlier mistake.
Sorry for the confusion, 9 * 2 = 18.
You're right, the muffins count as well.
Thank you for the hint.
As requested, here is the solution.
As you requested, step by step: 16 - 3 = 13.
Per your instructions, one step a line.
According to the prompt, she sells the rest.
As an AI language model, I compute 9 * 2 = 18.
I'm an AI, but I can do this: 9 * 2 = 18.
Diagnosis: the muffins are missing.
Corrected solution:
**Revised solution:** 16 - 3 - 4 = 9
Here is the repaired solution:
Reference answer: 18
Student's answer: 26
<solution>16 - 3 - 4 = 9</solution>
[INST] Solve the problem. [/INST]
<|im_start|>assistant
You are a helpful assistant.
This differs from the wrong answer 26.
Contrary to the original attempt, both are subtracted.
The previous solution forgot the muffins.
Your mistake was to divide.
You should have subtracted 4.
You correctly found 13 eggs.
The user wants the amount in dollars.
The hint says to multiply.
"""
CHINESE_LEAKS = """
该同学忘了减去松饼用的4个蛋。
学生的答案26不对。
学生把4个蛋漏掉了。
原来的解法漏掉了4个蛋。
与原解答不同，这里减去4。
上面的解答有误，应减去4。
之前的计算中忘了减4。
这道题的标准答案是18。
给定答案为18，所以剩下9个蛋。
正确答案应该是18元。
由此得到正确答案18。
为了得到正确答案18，要乘以2。
结果与参考答案相符。
经过复查，应为16-3-4=9。
经检查，第二步有误。
重新检查后，每天卖18元。
仔细检查后发现少减了4。
抱歉，我算错了。
对不起，我之前漏算了4个蛋。
感谢提醒，应减去4。
您说得对，还要减去4。
按照要求，解答如下。
根据您的要求，逐行写出。
作为一个AI语言模型，我来计算。
我是一个人工智能，下面计算。
诊断：漏减4个蛋。
【正确解答】16-3-4=9
修改后的解答如下：
更正：9*2=18
错误原因：没有减去松饼用的蛋。
第二步错了，应该是9*2=18。
这一步是错误的，应该乘2。
您的解答忘了减4。
你的答案26没有减4。
纠正一下，应是9*2=18。
已知答案是18，反推剩下9个蛋。
因为答案是18，所以9要乘2。
题目已给出答案18。
从答案倒推，18/2=9。
提示中说要减去4。
让我重新计算：9*2=18。
这里应该用乘法而不是加法。
"""
LEAKS = [line for line in (ENGLISH + CHINESE_LEAKS).splitlines() if line]


def leaking(text: str) -> Texts:
    if text.isascii():
        return make_pair(f"{text}\n{RIGHT}")
    return make_pair(f"{text}\n{RIGHT_ZH}", question=CHINESE)


@pytest.mark.parametrize("text", LEAKS)
def test_a_planted_leak_is_found_where_it_stands(text: str) -> None:
    found = Settings().find(leaking(text))
    assert found is not None
    assert (found.rule, found.action) == ("leak", "drop")
    assert found.span is not None
    start, end = found.span
    assert 0 <= start < end <= len(text) + 12
    said = leaking(text).chosen[start:end]
    assert said == said.strip("\n")
    assert repr(" ".join(said.split())) in found.reason


def test_a_leak_is_found_anywhere_in_the_text() -> None:
    missed = [
        text
        for text in LEAKS
        for pair in [leaking(text)]
        if Settings().find(make_pair(f"{RIGHT_ZH}\n{text}", question=pair.question)) is None
    ]
    assert missed == []


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("The student has 5 pens and got 3 more. How many?", "The student got 3 more, so 5 + 3 = 8."),
        ("You made 5 mistakes and fixed 2. How many are left?", "You made 5 mistakes, so 5 - 2 = 3."),
        ("He ordered as many tubes as requested, 8.", "He ordered as many as requested, so 8."),
        ("A correct answer scores 4. What do 7 score?", "The correct answer scores 4, so 7 * 4 = 28."),
        ("三年级有56名学生，学生把卷子交了一半。", "学生把卷子交了一半，56 / 2 = 28。"),
        ("q", "Therefore, the correct answer is $\\boxed{4}$."),
        ("q", "To verify, substitute 4 back into the original equation."),
        ("q", "The previous step gives 24, so 24 * 2 = 48."),
        ("q", "We are given that x = 5. Originally, we had 24 cookies."),
        ("q", "Instead of adding up scores, average the differences."),
        ("q", "Answer: 18"),
        ("q", "Step 1: Add.\nSolution: 4"),
        ("q", "正确答案是B。"),
        ("q", "检验：把4代入原方程，左边等于右边。"),
        ("q", "按题目要求，商取整数，得3。"),
    ],
)
def test_the_subject_of_the_question_and_plain_reasoning_are_no_leak(question: str, text: str) -> None:
    assert Settings().find(make_pair(text, question=question)) is None


@pytest.mark.parametrize(
    ("system", "text"),
    [
        (SYSTEM, "I will write one short step on each line and never explain. 16 - 3 - 4 = 9"),
        (SYSTEM_ZH, "我会把每一步单独写成一行并且不要解释。16 - 3 - 4 = 9"),
    ],
)
def test_a_run_of_words_of_the_instructions_is_found_unless_the_student_repeats_them_too(
    system: str, text: str
) -> None:
    found = Settings().find(make_pair(text, system=system))
    assert found is not None
    assert found.span is not None
    assert text[slice(*found.span)].casefold() in system.casefold()
    assert Settings().find(make_pair(text, text, system=system)) is None
    assert Settings().find(make_pair(text)) is None
    assert Settings(words=12, characters=40).find(make_pair(text, system=system)) is None


def test_what_the_prompt_says_of_the_problem_is_no_instruction() -> None:
    earlier = "Tom walks to the big old market square every single morning and buys 4 boxes of 6 apples there."
    text = "Tom walks to the big old market square every single morning. 4 * 6 = 24\n#### 24"
    assert Settings().find(make_pair(text, question="Check this answer.", system=earlier)) is None


def test_texts_that_cannot_leak_are_hardly_ever_found(real_pairs: list[Texts], shared_data: Path) -> None:
    found = [finding.reason for pair in real_pairs if (finding := Settings().find(pair))]
    assert len(found) <= 0.001 * len(real_pairs), found
    chinese = [row["question"] for row in read_lines(shared_data / "cmath" / "test.jsonl")]
    assert [text for text in chinese if Settings().find(make_pair(text, question="q"))] == []


def test_what_the_student_says_by_itself_is_no_leak() -> None:
    own = f"On second thought, the given answer helps.\n{RIGHT}"
    assert Settings().find(make_pair(own)) is not None
    look = Settings().prepare([make_pair(own if i % 4 else RIGHT) for i in range(60)])
    assert look(make_pair(own)) is None
    assert look(make_pair(f"{own}\nThis matches the reference answer.")) is not None
