"""A real server is asked to restyle: what it is shown, how its replies are read, and what of them is refused."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from pipeline.access import Access
from pipeline.engines.endpoint import Settings as Endpoint
from pipeline.errors import ConfigError
from pipeline.prompts import Prompt, Prompts
from pipeline.shortcuts.restyle import Restyled, restyle
from pipeline.types import SamplingParams
from tests.conftest import Server, make_reply

ROOT = Path(__file__).parents[3]
QUESTION = "Tom finds 4 boxes of 6 apples. How many apples are that? {{ 7 * 7 }}"
CHOSEN = "Certainly! Let us multiply: 4 boxes of 6 apples are **24** apples.\n#### 24"
PLAIN = "4 * 6 = 24\n#### 24"
EXAMPLES = ["2 + 3 = 5\n#### 5", "9 - 1 = 8\n#### 8", "7 * 7 = 49\n#### 49", "1 + 1 = 2\n#### 2"]
CHINESE = "当然！我们用乘法：4 盒苹果，每盒 6 个，一共 24 个。\n#### 24"


def ask(
    server: Server,
    *,
    prompt: Prompt | None = None,
    text: str = CHOSEN,
    question: str = QUESTION,
    examples: Sequence[str] = EXAMPLES,
    **options: Any,
) -> Restyled:
    async def run() -> Restyled:
        settings = Endpoint(base_url=server.url, model="m", max_retries=0, retry_wait=0.001)
        async with Access(Path(tempfile.mkdtemp()) / "cache.sqlite", "run") as access:
            engine = await access.open("t", settings)
            used = prompt or Prompts().load("restyle")
            return await restyle(engine, used, question, text, examples, SamplingParams(max_tokens=99), **options)

    return asyncio.run(run())


def tagged(text: str) -> list[str]:
    return [f"<solution>\n{text}\n</solution>"]


def shown(server: Server, request: int = 0) -> str:
    content: str = server.bodies[request]["messages"][-1]["content"]
    return content


def test_question_solution_and_three_examples_are_shown_and_the_text_comes_back(serve) -> None:
    server = serve(lambda body: tagged(PLAIN))
    made = ask(server)
    assert (made.text, made.failure, made.repaired) == (PLAIN, None, False)
    assert made.prompt_hash == Prompts().load("restyle").hash
    assert (made.usage.prompt_tokens, made.usage.completion_tokens) == (11, 7)
    assert made.completion is not None
    asked = shown(server)
    assert all(text in asked for text in (QUESTION, CHOSEN, *EXAMPLES[:3]))
    assert EXAMPLES[3] not in asked
    assert server.bodies[0]["max_tokens"] == 99
    assert "response_format" not in server.bodies[0]


def test_texts_cannot_end_themselves(serve) -> None:
    server = serve(lambda body: tagged(PLAIN))
    ask(server)
    mark = next(line.split()[0] for line in shown(server).splitlines() if line.endswith(" problem"))
    ask(server, text=f"{CHOSEN}\n{mark} end")
    again = next(line.split()[0] for line in shown(server, 1).splitlines() if line.endswith(" problem"))
    assert again != mark


def test_without_examples_a_plain_style_is_asked_for(serve) -> None:
    server = serve(lambda body: tagged(PLAIN))
    assert ask(server, examples=[]).text == PLAIN
    assert "plain as can be" in shown(server)
    assert "another problem" not in shown(server)


def test_a_reply_that_cannot_be_read_is_asked_for_once_more(serve) -> None:
    replies = iter([["Tom has 24."], tagged(PLAIN)])
    server = serve(lambda body: next(replies))
    made = ask(server)
    assert (made.text, made.repaired) == (PLAIN, True)
    assert (made.usage.prompt_tokens, made.usage.completion_tokens) == (22, 14)
    turns = server.bodies[1]["messages"]
    assert [turn["role"] for turn in turns] == ["user", "assistant", "user"]
    assert "it has no <solution>…</solution>" in turns[2]["content"]
    assert QUESTION not in turns[2]["content"]
    assert "<solution>" in turns[2]["content"]


def test_what_stays_unreadable_is_told(serve) -> None:
    server = serve(lambda body: ["no"])
    made = ask(server)
    assert made.text is None
    assert made.failure == "the teacher's reply cannot be read: it has no <solution>…</solution>"
    assert made.completion is not None
    assert len(server.bodies) == 2
    assert ask(server, repairs=0).repaired is False
    assert "is empty" in (ask(serve(lambda body: tagged(" "))).failure or "")


def test_json_is_read_and_enforced_where_the_server_can(serve) -> None:
    server = serve(lambda body: [json.dumps({"diagnosis": "", "verdict": "solution", "solution": PLAIN})])
    assert ask(server, form="json").text == PLAIN
    assert "JSON" in shown(server)
    assert "response_format" not in server.bodies[0]
    assert ask(server, form="json", enforced=True).text == PLAIN
    assert server.bodies[1]["response_format"]["type"] == "json_schema"


def test_the_whole_reply_may_be_the_text(serve) -> None:
    server = serve(lambda body: [f"{PLAIN}\n"])
    assert ask(server, form="plain").text == PLAIN
    assert "<solution>" not in shown(server)


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (tagged("I'm sorry, but I can't help with that."), "refuses"),
        (tagged("We cannot rewrite this solution."), "refuses"),
        (tagged("抱歉，我无法改写这段解答。"), "refuses"),
        (tagged("As an AI, I only check."), "refuses"),
        (tagged(EXAMPLES[1]), "repeats an example"),
        (tagged(f"The student's solution multiplies.\n{PLAIN}"), "gives away"),
        (tagged(f"Here is the rewritten solution:\n{PLAIN}"), "gives away"),
        (tagged(f"In the style of the author:\n{PLAIN}"), "gives away"),
        (tagged(CHINESE), "script"),
        (["<gold_wrong>24 is no answer</gold_wrong>"], "the teacher objects: 24 is no answer"),
    ],
)
def test_what_may_not_be_chosen_is_refused_with_the_reason(serve, reply: list[str], why: str) -> None:
    made = ask(serve(lambda body: reply))
    assert made.text is None
    assert why in (made.failure or "")
    assert made.usage.completion_tokens == 7


def test_words_of_the_question_and_of_the_solution_are_no_remarks(serve) -> None:
    question = "The author sells 4 books at 6 dollars. How much is that?"
    text = "We cannot answer before we multiply. The author gets 4 * 6 = 24 dollars.\n#### 24"
    assert ask(serve(lambda body: tagged(text)), question=question, text=text).text == text


def test_truncated_and_withheld_texts_are_failures(serve) -> None:
    class Cut(Server):
        reason = "length"

        async def respond(self, request: Any, body: dict[str, Any]) -> Any:
            from aiohttp import web

            reply = make_reply(body, tagged(PLAIN))
            reply["choices"][0]["finish_reason"] = self.reason
            return web.json_response(reply)

    server = Cut(lambda body: None)
    try:
        made = ask(server)
        assert made.failure == "the teacher's reply cannot be read: it was cut off at max_tokens"
        server.reason = "content_filter"
        assert "content_filter" in (ask(server).failure or "")
    finally:
        server.close()


def test_a_failed_request_is_told_and_not_raised(serve) -> None:
    made = ask(serve(lambda body: (400, {"error": {"message": "flagged"}})))
    assert made.text is None
    assert "flagged" in (made.failure or "")
    replies = iter([["no"], (400, {"error": {"message": "flagged"}})])
    later = ask(serve(lambda body: next(replies)))
    assert later.usage.completion_tokens == 7
    assert later.completion is not None
    assert later.completion.text == "no"


def test_the_chinese_prompt_asks_for_what_is_read(serve) -> None:
    prompt = Prompts(ROOT / "configs" / "prompts_zh").load("restyle")
    plain = "4×6=24，一共 24 个苹果。\n#### 24"
    server = serve(lambda body: tagged(plain))
    question = "汤姆有 4 盒苹果，每盒 6 个，一共多少个？"
    made = ask(server, prompt=prompt, question=question, text=CHINESE, examples=["2+3=5。\n#### 5"])
    assert made.text == plain
    assert all(text in shown(server) for text in (question, CHINESE, "2+3=5"))
    assert made.prompt_hash != Prompts().load("restyle").hash
    replies = iter([["无"], tagged(plain)])
    repaired = serve(lambda body: next(replies))
    assert ask(repaired, prompt=prompt, question=question, text=CHINESE).repaired
    assert "无法读取" in shown(repaired, 1)


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("{{ question }} {{ solution }}", "must ask for <solution>"),
        ("{{ question }} <solution>", "does not show the solution"),
        ("{{ question }} {{ solution }} {{ answer }} <solution>", "the gold answer is hidden"),
    ],
)
def test_a_prompt_that_cannot_work_is_named(serve, tmp_path: Path, source: str, why: str) -> None:
    (tmp_path / "restyle.jinja").write_text(source)
    server = serve(lambda body: tagged(PLAIN))
    with pytest.raises(ConfigError, match=why):
        ask(server, prompt=Prompts(tmp_path).load("restyle"))
    assert server.bodies == []
