"""What a teacher replies ──▶ diagnosis, solution, or an objection. As JSON, between tags, or plain.

Tags let LaTeX through as it is. In JSON a backslash must be doubled, and models forget it: `\\frac` would be read as a
form feed and `rac`, so backslashes that begin a LaTeX command are doubled before the text is parsed.
"""

from __future__ import annotations

import json
import re
from typing import Any, Literal

from pydantic import ConfigDict, ValidationError

from pipeline.types import Completion, Objection, Record

Form = Literal["json", "tagged", "plain"]
Asks = Literal["solution", "step"]
OBJECTIONS: dict[str, Objection] = {"attempt_right": "attempt_right", "gold_wrong": "gold_wrong"}
LONGEST = 200_000
"""Characters of a reply that are read."""
UNKNOWN_ESCAPE = r'(?!["\\/bfnrtu])'
LATEX = (
    r"(?:b(?:ar|egin|eta|ig|igg|inom|mod|oldsymbol|ot|oxed|ullet)|f(?:box|lat|orall|rac)|n(?:abla|eq|exists|mid|ot|otin)"
    r"|r(?:angle|brace|ceil|floor|ho|ight|ightarrow|m)|t(?:an|anh|au|ext|extbf|frac|herefore|heta|imes|o|op|riangle)"
    r"|u(?:nderbrace|nderline|parrow|psilon))(?![a-zA-Z])"
)
"""Commands whose first letter JSON takes for an escape; those that could as well be a line break and a word are out."""
BARE = re.compile(rf"(?<!\\)((?:\\\\)*)\\(?:{UNKNOWN_ESCAPE}|(?={LATEX})|(?=u(?![0-9a-fA-F]{{4}})))")
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
    text = written.text
    if written.finish_reason == "length":
        return Malformed(problem="it was cut off at max_tokens")
    if not text.strip():
        return Malformed(problem="it is empty")
    if len(text) > LONGEST:
        return Malformed(problem=f"it is longer than {LONGEST:,} characters")
    if form == "plain":
        return _read_plain(text, asks)
    reply = _read_json(text) if form == "json" else _read_tags(text)
    return reply if isinstance(reply, Malformed) else _check(reply, asks, form)


def _check(reply: Reply, asks: Asks, form: Form) -> Reply | Malformed:
    given = reply.solution if asks == "solution" else reply.first_wrong_step
    name = "solution" if asks == "solution" else "first_wrong_step"
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
    step = find_tagged(text, "first_wrong_step")
    if step is not None and not NUMBER.fullmatch(step.strip()):
        return Malformed(problem=f"<first_wrong_step> is {step.strip()[:40]!r}, not a number")
    objections = [name for name in OBJECTIONS if (find_tagged(text, name) or "").strip()]
    if len(objections) > 1:
        return Malformed(problem="it says both attempt_right and gold_wrong")
    solution = find_tagged(text, "solution")
    if solution is None and "<solution>" in text:
        return Malformed(problem="its <solution> is not closed")
    diagnosis = find_tagged(text, objections[0] if objections else "diagnosis")
    return Reply(
        diagnosis=(diagnosis or "").strip() or None,
        solution=None if solution is None else solution.strip("\n").strip(),
        first_wrong_step=None if step is None else int(step),
        objection=OBJECTIONS[objections[0]] if objections else None,
    )


def find_tagged(text: str, tag: str) -> str | None:
    """What stands in the last `<tag>…</tag>`; None where there is none."""
    end = text.rfind(f"</{tag}>")
    start = text.rfind(f"<{tag}>", 0, max(end, 0))
    return None if start < 0 else text[start + len(tag) + 2 : end]


def _read_json(text: str) -> Reply | Malformed:
    start, end = text.find("{"), text.rfind("}")
    if start < 0 or end < start:
        return Malformed(problem="it holds no JSON object")
    try:
        value = json.loads(double_backslashes(text[start : end + 1]), strict=False)
        said = JsonReply.model_validate(value)
    except (ValueError, RecursionError) as error:  # pydantic's errors are ValueErrors, too
        told = error.errors()[0] if isinstance(error, ValidationError) else None
        where = f"{'.'.join(map(str, told['loc']))}: {told['msg']}" if told else str(error)
        return Malformed(problem=f"its JSON is not what was asked for ({where})"[:200])
    return Reply(
        diagnosis=(said.diagnosis or "").strip() or None,
        solution=None if said.solution is None else said.solution.strip(),
        first_wrong_step=said.first_wrong_step,
        objection=OBJECTIONS.get(said.verdict),
    )


def double_backslashes(text: str) -> str:
    """JSON text in which backslashes that no escape of JSON's can mean, or that begin a LaTeX command, are doubled."""
    return BARE.sub(r"\1\\\\", text)
