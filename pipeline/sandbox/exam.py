"""An answer's code meets its tests; inside the sandbox, by path, with the standard library alone.

Two processes. The examiner reads the answer, starts the candidate, and reads the tests only then: while the answer's
code is loaded, the tests are nowhere in its process. Every message of the candidate carries a token that is drawn
afresh, and `passed` is sent after the last line of the last test. So nothing that an answer prints, no way of ending
early (`sys.exit`, `os._exit`, a signal), no `atexit` and no thread is taken for a pass. What the answer changed in
modules that the tests rely on (`builtins`, `os`, `sys`, …) is put back. The limit of it: answer and tests share an
interpreter. Code written against this very file can search its callers' variables for the token or change modules
while a test calls it, and an object that claims to equal everything passes tests that compare with it.

In:  two parts, each as 4 bytes of length and JSON: {prelude, answer, packages} and {tests, entry_point}.
Out: one JSON object; `outcome` is "passed" (tests), "raised" (where, kind, family, said, line, source), "ended"
(signal, status, cpu) or "forged".
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import sys
import types
from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn

Told = dict[str, Any]
LONGEST = 4096
"""Bytes of a message of the candidate."""


def read_part() -> Told:
    """The next part of standard input."""

    def read(count: int) -> bytes:
        data = b""
        while len(data) < count and (more := os.read(0, count - len(data))):
            data += more
        return data

    part: Told = json.loads(read(int.from_bytes(read(4), "big")))
    return part


def main() -> None:
    """The examiner: start the candidate, hand it the tests when it has loaded the answer, tell how it ended."""
    answer, token = read_part(), os.urandom(16).hex()
    from_candidate, tell = os.pipe()
    hear, to_candidate = os.pipe()
    candidate = os.fork()
    if candidate == 0:
        os.close(from_candidate)
        os.close(to_candidate)
        try:
            sit_exam(answer, hear, partial(send, tell, token))
        finally:
            os._exit(1)
    os.close(tell)
    os.close(hear)
    report = watch(candidate, from_candidate, to_candidate, token, read_part())
    os.write(1, json.dumps(report).encode())


def watch(candidate: int, from_candidate: int, to_candidate: int, token: str, tests: Told) -> Told:
    """Follow the candidate to its verdict or its end. Its children may hold the pipe: only its own end counts."""
    ends = os.pidfd_open(candidate)
    poll = select.poll()
    poll.register(from_candidate, select.POLLIN)
    poll.register(ends, select.POLLIN)
    heard, loaded = b"", False
    while True:
        ready = [fd for fd, _ in poll.poll()]
        if from_candidate not in ready:
            _, status, used = os.wait4(candidate, 0)
            code = os.waitstatus_to_exitcode(status)
            cpu = used.ru_utime + used.ru_stime
            return {"outcome": "ended", "signal": max(-code, 0), "status": code, "cpu": cpu}
        more = os.read(from_candidate, LONGEST)
        if not more:
            poll.unregister(from_candidate)
        heard += more
        while b"\n" in heard or len(heard) > LONGEST:
            line, _, heard = heard.partition(b"\n")
            told = open_message(line, token)
            if told["outcome"] != "loaded" or loaded:
                return told
            loaded = True
            with contextlib.suppress(BrokenPipeError), open(to_candidate, "wb") as pipe:
                pipe.write(json.dumps(tests).encode())


def open_message(line: bytes, token: str) -> Told:
    """A message of the candidate; one that does not carry the token is `forged`."""
    try:
        told = json.loads(line)
        if told.pop("token") == token and told["outcome"] in ("loaded", "raised", "passed"):
            return dict(told)
    except Exception:  # noqa: S110 - whatever it is, it is none of ours
        pass
    return {"outcome": "forged"}


def send(fd: int, token: str, outcome: str, **told: object) -> None:
    """A message to the examiner."""
    os.write(fd, json.dumps({"token": token, "outcome": outcome, **told}).encode() + b"\n")


def sit_exam(given: Told, hear: int, tell: Callable[..., None]) -> NoReturn:
    """The candidate: load the answer as the module `solution`, then run the tests on a copy of its names."""
    null, finish = os.open("/dev/null", os.O_RDWR), os._exit
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    sys.path += given["packages"]
    known = [(vars(module), dict(vars(module))) for module in sys.modules.values() if type(module) is types.ModuleType]
    sys.modules["solution"] = solution = types.ModuleType("solution")
    names = vars(solution)
    for where in ("prelude", "answer"):
        attempt(given[where], names, where, tell)
    for now, was in known:
        now.update(was)
    sys.settrace(None)
    sys.setprofile(None)
    tell("loaded")
    with open(hear, "rb") as pipe:
        tests = json.loads(pipe.read())
    names = {**names, "__name__": "__main__"}
    for number, text in enumerate(tests["tests"], 1):
        before = dict(names)
        attempt(text, names, f"test {number}", tell)
        for name, value in list(names.items()):
            if name.startswith("test_") and value is not before.get(name) and isinstance(value, types.FunctionType):
                attempt(f"{name}()", names, f"test {number}", tell, shown=text)
    if tests["entry_point"]:
        attempt(f"check({tests['entry_point']})", names, f"test {number}", tell, shown=text)
    tell("passed", tests=number)
    finish(0)


def attempt(text: str, names: dict[str, Any], where: str, tell: Callable[..., None], *, shown: str = "") -> None:
    """Run code with these names; what it raises is told, and the end. `shown`: the text that its functions are from."""
    try:
        exec(compile(text, f"<{where}>" if not shown else "<call>", "exec", dont_inherit=True), names)  # noqa: S102
    except BaseException as error:
        kinds: dict[str, Any] = {
            "exit": SystemExit,
            "memory": MemoryError,
            "import": ImportError,
            "system": (OSError, EOFError),
        }
        family = next((name for name, kind in kinds.items() if isinstance(error, kind)), "code")
        if isinstance(error, RuntimeError) and "start new thread" in str(error):
            family = "system"
        line, trace = 0, error.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == f"<{where}>":
                line = trace.tb_lineno
            trace = trace.tb_next
        lines = (shown or text).splitlines()
        source = lines[line - 1].strip() if 0 < line <= len(lines) else ""
        try:
            said = str(error)
        except BaseException:
            said = ""
        kind = type(error).__name__
        tell("raised", where=where, kind=kind, family=family, said=said[:200], line=line, source=source[:200])
        os._exit(0)


if __name__ == "__main__":
    main()
