"""What a teacher replies ──▶ diagnosis, solution, or an objection. As JSON, between tags, or plain.

Tags let LaTeX through as it is. In JSON a backslash must be doubled, and models forget it: `jsontext` mends that.
"""

from __future__ import annotations

import json
import re
from typing import Any, Literal, get_args

from pydantic import ConfigDict, ValidationError

from pipeline.jsontext import LONGEST, double_backslashes, find_objects
from pipeline.types import Completion, Objection, Record
from pipeline.unicode import is_unicode

Form = Literal["json", "tagged", "plain"]
Asks = Literal["solution", "step"]
OBJECTIONS: tuple[Objection, ...] = get_args(Objection)
THOUGHT = "</think>"
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]|[^\s]\t[a-zA-Z]")
"""What no text holds; a tab between letters is what is left of `\\t…`."""
OWN_TAG = re.compile(r"</?(?:diagnosis|solution|first_wrong_step|attempt_right|gold_wrong)>")
FIELDS: dict[Asks, str] = {"solution": "solution", "step": "first_wrong_step"}
NUMBER = re.compile(r"\d{1,6}")


class Reply(Record):
    """What a teacher said."""

    diagnosis: str | None = None
    solution: str | None = None
    first_wrong_step: int | None = None
    """Counted from 1, as the teacher sees the steps."""
    objection: Objection | None = None


class Malformed(Record):
    """Why a reply could not be read."""

    problem: str


class JsonReply(Record):
    """The JSON form; what else an object holds is no concern of ours."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    diagnosis: str | None = None
    verdict: Literal["solution", "attempt_wrong", "attempt_right", "gold_wrong"]
    solution: str | None = None
    first_wrong_step: int | None = None


def reply_schema(asks: Asks) -> str:
    """The JSON schema of a reply, for servers that enforce one."""
    text: dict[str, Any] = {"type": "string"}
    properties = {"diagnosis": text}
    if asks == "solution":
        properties["verdict"] = {"type": "string", "enum": ["solution", "attempt_right", "gold_wrong"]}
        properties["solution"] = {"anyOf": [text, {"type": "null"}]}
    else:
        properties["verdict"] = {"type": "string", "enum": ["attempt_wrong", "attempt_right", "gold_wrong"]}
        properties["first_wrong_step"] = {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}]}
    schema = {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
    return json.dumps(schema)


def read_reply(written: Completion, form: Form, asks: Asks) -> Reply | Malformed:
    """Read one reply; whatever is missing, contradictory or cut off is Malformed with the reason."""
    text = written.text.replace("\r\n", "\n")
    if written.finish_reason == "length":
        return Malformed(problem="it was cut off at max_tokens")
    if not text.strip():
        return Malformed(problem="it is empty")
    if len(text) > LONGEST:
        return Malformed(problem=f"it is longer than {LONGEST:,} characters")
    if not is_unicode(text):
        return Malformed(problem="it is not valid Unicode")
    if form == "plain":
        return _read_plain(text, asks)
    if "<think>" in text and THOUGHT not in text:
        return Malformed(problem="its thought does not end")
    text = text[text.rfind(THOUGHT) + len(THOUGHT) :] if THOUGHT in text else text
    reply = _read_json(text) if form == "json" else _read_tags(text)
    return reply if isinstance(reply, Malformed) else _check(reply, asks, form)


def _check(reply: Reply, asks: Asks, form: Form) -> Reply | Malformed:
    if any(CONTROL.search(part) for part in (reply.solution or "", reply.diagnosis or "")):
        return Malformed(problem="it holds control characters: a backslash was not doubled")
    name = FIELDS[asks]
    given: object = getattr(reply, name)
    shown = f"<{name}>…</{name}>" if form == "tagged" else f'"{name}"'
    if reply.objection is not None and given is not None:
        return Malformed(problem=f"it objects ({reply.objection}) and gives {shown} as well")
    if reply.objection is None and given is None:
        return Malformed(problem=f"it has no {shown}")
    if given is not None and not str(given).strip():
        return Malformed(problem=f"its {shown} is empty")
    return reply


def _read_plain(text: str, asks: Asks) -> Reply | Malformed:
    if asks == "solution":
        return Reply(solution=text.strip())
    numbers = NUMBER.findall(text)
    return Reply(first_wrong_step=int(numbers[0])) if len(numbers) == 1 else Malformed(problem="it is not one number")


def _read_tags(text: str) -> Reply | Malformed:
    diagnosis, rest = find_tagged(text, "diagnosis", last=False)
    solution, rest = find_tagged(rest, "solution")
    if solution is None and "<solution>" in rest:
        return Malformed(problem="its <solution> is not closed")
    if solution is not None and (tag := OWN_TAG.search(solution)):
        return Malformed(problem=f"its solution holds {tag[0]}, which is for the reply")
    step, rest = find_tagged(rest, "first_wrong_step")
    if step is not None and not NUMBER.fullmatch(step.strip()):
        return Malformed(problem=f"<first_wrong_step> is {step.strip()[:40]!r}, not a number")
    told = {name: (find_tagged(rest, name)[0] or "").strip() for name in OBJECTIONS}
    objections = [name for name in OBJECTIONS if told[name]]
    if len(objections) > 1:
        return Malformed(problem="it says both attempt_right and gold_wrong")
    why = told[objections[0]] if objections else (diagnosis or "").strip()
    return Reply(
        diagnosis=why or None,
        solution=None if solution is None else solution.strip(),
        first_wrong_step=None if step is None else int(step),
        objection=objections[0] if objections else None,
    )


def find_tagged(text: str, tag: str, *, last: bool = True) -> tuple[str | None, str]:
    """What stands between the first `<tag>` and the last (or next) `</tag>`, and the text around it."""
    start = text.find(f"<{tag}>")
    end = text.rfind(f"</{tag}>") if last else text.find(f"</{tag}>", max(start, 0))
    if start < 0 or end < start:
        return None, text
    return text[start + len(tag) + 2 : end], text[:start] + text[end + len(tag) + 3 :]


def _read_json(text: str) -> Reply | Malformed:
    if "{" not in text:
        return Malformed(problem="it holds no JSON object")
    fault, said = "no object in it can be read", None
    for value, _ in find_objects(double_backslashes(text)):
        try:
            said = JsonReply.model_validate(value)
        except ValidationError as error:
            told = error.errors()[0]
            fault = f"{'.'.join(map(str, told['loc']))}: {told['msg']}"
    if said is None:
        return Malformed(problem=f"its JSON is not what was asked for ({fault})"[:200])
    objection = next((name for name in OBJECTIONS if name == said.verdict), None)
    return Reply(
        diagnosis=(said.diagnosis or "").strip() or None,
        solution=None if said.solution is None or (objection and not said.solution.strip()) else said.solution.strip(),
        first_wrong_step=said.first_wrong_step,
        objection=objection,
    )
