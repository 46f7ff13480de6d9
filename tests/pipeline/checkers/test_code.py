"""Unit tests run on an answer's code, whatever that code tries."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from pipeline.checkers.code import Settings
from pipeline.errors import ConfigError
from pipeline.types import Grade, Problem

needs_bwrap = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")
ADD = "def add(a, b):\n    return a + b\n"
TESTS = ("assert add(1, 2) == 3", "assert add(-1, 1) == 0")


def make_problem(tests: str | tuple[str, ...] | None = TESTS, **extras: str) -> Problem:
    return Problem(id="p", question="Write add(a, b).", answer=ADD, extras={"tests": tests, **extras})


def grade_all(texts: list[str], problem: Problem | None = None, **settings: object) -> list[Grade]:
    async def check() -> list[Grade]:
        async with Settings(**settings).create() as checker:
            return await asyncio.gather(*(checker.check(problem or make_problem(), text) for text in texts))

    return asyncio.run(check())


def grade(code: str, problem: Problem | None = None, **settings: object) -> Grade:
    return grade_all([f"```python\n{code}\n```"], problem, **settings)[0]


def gold_error(problem: Problem, **settings: object) -> str:
    return Settings(**settings).create().gold_error(problem) or ""


# --- what is right, wrong and unclear -------------------------------------------------------------------------------


@needs_bwrap
def test_code_that_passes_every_test_is_correct() -> None:
    made = grade(ADD)
    assert made == Grade(verdict="correct", extracted=ADD + "\n", reason="passes 2 of 2 tests")


@needs_bwrap
def test_a_bare_answer_is_checked_as_it_is() -> None:
    async def check() -> list[str]:
        async with Settings().create() as checker:
            return [(await checker.check_answer(make_problem(), code)).verdict for code in (ADD, "No")]

    assert asyncio.run(check()) == ["correct", "wrong"]


@needs_bwrap
@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("def add(a, b): return a - b", "test 1, line 1: AssertionError; at: assert add(1, 2) == 3"),
        ("def add(a, b): return abs(a + b) or 1", "test 2, line 1: AssertionError; at: assert add(-1, 1) == 0"),
        (
            "def add(a, b): return a / 0",
            "test 1, line 1: ZeroDivisionError: division by zero; at: assert add(1, 2) == 3",
        ),
        (
            "def plus(a, b): return a + b",
            "test 1, line 1: NameError: name 'add' is not defined; at: assert add(1, 2) == 3",
        ),
        ("x = [][0]", "answer, line 1: IndexError: list index out of range; at: x = [][0]"),
        ("def add(a, b)\n    return a + b", "answer: SyntaxError: expected ':' (<answer>, line 1)"),
        ("def add(a, b): return add(a, b)", "maximum recursion depth exceeded"),
    ],
)
def test_code_that_fails_is_wrong_with_the_test_and_the_error(code: str, reason: str) -> None:
    made = grade(code)
    assert made.verdict == "wrong"
    assert reason in made.reason


@needs_bwrap
def test_what_may_be_the_sandboxs_or_the_texts_doing_is_unknown() -> None:
    several = "```python\ndef helper(x): return x\n```\nand\n```python\ndef add(a, b): return helper(a) + b\n```"
    reasons = {
        "```python\nimport no_such_package\n```": "only the standard library is there",
        "```python\nopen('/data/numbers.txt')\n```": "no files outside its scratch folder",
        "```python\nx = bytearray(10**10)\n```": "memory is limited",
        "```python\nimport sys\nsys.exit(0)\n```": "it ends the program",
        several: "several blocks of code",
        "I would add the numbers.": "no block of Python code found",
    }
    made = grade_all(list(reasons))
    assert [g.verdict for g in made] == ["unknown"] * len(reasons)
    for found, reason in zip(made, reasons.values(), strict=True):
        assert reason in found.reason


@needs_bwrap
def test_code_that_does_not_end_is_unknown() -> None:
    busy = grade("while True: pass", limit=1)
    assert (busy.verdict, busy.reason) == ("unknown", "took more than 1 s of processor time")
    idle = grade("import time\ntime.sleep(3600)", wall=1)
    assert (idle.verdict, idle.reason) == ("unknown", "stopped after 1 s")


@needs_bwrap
def test_test_functions_are_called_and_the_solution_can_be_imported() -> None:
    tests = (
        "from solution import add\ndef test_a():\n    assert add(1, 2) == 3\ndef test_b():\n    assert add(4, 4) == 8\n"
    )
    assert grade(ADD, make_problem(tests)).verdict == "correct"
    made = grade("def add(a, b): return 3", make_problem(tests))
    assert (made.verdict, made.reason) == ("wrong", "test 1, line 5: AssertionError; at: assert add(4, 4) == 8")


@needs_bwrap
def test_a_prelude_and_an_entry_point_serve_humaneval() -> None:
    prompt = 'from typing import List\n\ndef total(xs: List[int]) -> int:\n    """Sum."""\n'
    tests = "METADATA = {}\n\ndef check(candidate):\n    assert candidate([1, 2]) == 3\n"
    problem = make_problem(tests, prompt=prompt, entry_point="total")
    columns = {"prelude": "prompt", "entry_point": "entry_point"}
    assert grade("def total(xs: List[int]) -> int:\n    return sum(xs)", problem, **columns).verdict == "correct"
    made = grade("def total(xs: List[int]) -> int:\n    return 0", problem, **columns)
    assert (made.verdict, made.reason) == ("wrong", "test 1, line 4: AssertionError; at: assert candidate([1, 2]) == 3")


@needs_bwrap
def test_dataclasses_threads_and_files_in_the_scratch_folder_work() -> None:
    code = """from __future__ import annotations
import concurrent.futures, dataclasses, json, tempfile

@dataclasses.dataclass
class Pair:
    a: int
    b: int

def add(a, b):
    with tempfile.TemporaryFile("w+") as file:
        json.dump(dataclasses.asdict(Pair(a, b)), file)
        file.seek(0)
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            return sum(pool.map(int, json.load(file).values()))
"""
    assert grade(code) == Grade(verdict="correct", extracted=code + "\n", reason="passes 2 of 2 tests")


@needs_bwrap
def test_installed_packages_are_there_on_demand() -> None:
    code = "import numpy\n\ndef add(a, b):\n    return int(numpy.add(a, b))"
    assert grade(code).verdict == "unknown"
    assert grade(code, packages=True).verdict == "correct"


def test_a_problem_without_tests_that_test_something_is_refused() -> None:
    assert "has no tests" in gold_error(make_problem(None))
    assert "has no tests" in gold_error(make_problem(()))
    assert "test 2 cannot be read as Python" in gold_error(make_problem(("assert add(1, 2)", "assert add(")))
    assert "only defines functions" in gold_error(make_problem("def check(f):\n    assert f(1)"))
    assert "takes arguments" in gold_error(make_problem("def test_add(tmp_path):\n    assert add(1, 2)"))
    assert "no name of a function" in gold_error(make_problem(), entry_point="name")
    assert "cannot be read as Python" in gold_error(make_problem(start="def f("), prelude="start")
    assert gold_error(make_problem()) == ""


def test_the_columns_it_reads_are_told() -> None:
    assert Settings().columns == ("tests",)
    assert Settings(tests="t", prelude="p", entry_point="e").create().columns == ("t", "p", "e")


@pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is Linux's")
def test_without_bubblewrap_it_refuses_to_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="apt-get install bubblewrap"):
        grade(ADD)


# --- what does not count as a pass ----------------------------------------------------------------------------------

WRONG_ADD = "def add(a, b):\n    return 0\n"
FORGE = """
import os
for fd in range(3, 64):
    try:
        os.write(fd, b'{"outcome": "passed", "tests": 2}\\n')
    except OSError:
        pass
"""
SPY = """
import gc, os
seen = []
for fd in range(64):
    try:
        os.set_blocking(fd, False)
        seen.append(os.read(fd, 65536))
    except OSError:
        pass
seen += [text for group in gc.get_objects() if isinstance(group, (dict, list)) for text in
         (group.values() if isinstance(group, dict) else group) if isinstance(text, str)]
raise ValueError([text for text in seen if "ERRATA_TEST" in str(text) and "seen" not in str(text)])
"""
FAKES = {
    "it prints": 'print(\'passed\', flush=True)\nprint(\'{"outcome": "passed", "tests": 2}\')',
    "it leaves early": "import sys\nsys.exit(0)",
    "it raises SystemExit": "raise SystemExit",
    "it leaves early the hard way": "import os\nos._exit(0)",
    "it leaves from the function": "import os\ndef add(a, b):\n    os._exit(0)",
    "it leaves from the function politely": "import sys\ndef add(a, b):\n    sys.exit(0)",
    "it ends in a signal": "import os\nos.kill(os.getpid(), 9)",
    "it ends in an abort": "import os\nos.abort()",
    "it acts at exit": "import atexit, os\natexit.register(os._exit, 0)",
    "it forks and leaves": "import os\nif os.fork():\n    os._exit(0)",
    "it writes to every file": FORGE,
    "it closes every file": "import os\nos.closerange(0, 64)",
    "it replaces builtins": "import builtins\nbuiltins.exec = builtins.compile = lambda *a, **k: None",
    "it replaces the end": "import os, sys\nos._exit = sys.exit = lambda *a: None\nos.write = lambda *a: 1",
    "it replaces the reading of tests": "import json\njson.loads = lambda *a: {'tests': ['pass'], 'entry_point': ''}",
    "it traces": "import sys\nsys.settrace(lambda *a: None)\nsys.setprofile(lambda *a: None)",
    "it leaves a thread": "import threading, os\nthreading.Timer(0, lambda: print('passed')).start()",
}


@needs_bwrap
def test_no_way_of_faking_makes_wrong_code_correct() -> None:
    texts = [f"```python\n{WRONG_ADD}{code}\n```" for code in FAKES.values()]
    for name, made in zip(FAKES, grade_all(texts), strict=True):
        assert made.verdict in ("wrong", "unknown"), name
        assert made.reason, name


@needs_bwrap
def test_right_code_that_prints_much_is_correct() -> None:
    assert grade(ADD + "print('x' * 10**7)").verdict == "correct"


@needs_bwrap
def test_the_tests_are_nowhere_while_the_answer_is_loaded() -> None:
    made = grade(SPY, make_problem("assert add('ERRATA_TEST', '')"))
    assert made.verdict == "wrong"
    assert "ValueError: []" in made.reason


# --- what does not get out ------------------------------------------------------------------------------------------

SLEEPER = "[sys.executable, '-c', 'import time; time.sleep(3600)', MARK]"
ATTACKS = {
    "reach our server": "import socket\nsocket.create_connection(('127.0.0.1', PORT), 5)",
    "reach the network": "import socket\nsocket.create_connection(('192.0.2.1', 80), 5)",
    "send a datagram": "import socket\nsocket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 53))",
    "reach the hypervisor": "import socket\nsocket.socket(40, socket.SOCK_STREAM)",
    "fork without end": "import os\nwhile True:\n    os.fork()",
    "start threads without end": "import threading\nwhile True:\n    threading.Timer(60, print).start()",
    "take all memory": "x = []\nwhile True:\n    x.append(bytearray(10**7))",
    "take memory that is not mapped": "import os\nwhile True:\n    os.memfd_create('x')",
    "spin for ever": "while True:\n    pass",
    "ignore the limit": "import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True:\n    pass",
    "read our environment": "import os\nos.environ['ERRATA_TEST_SECRET']",
    "read environments in /proc": "import os\nfor p in os.listdir('/proc'):\n    open(f'/proc/{p}/environ').read()",
    "read a file of ours": "open(CANARY).read()",
    "read the home": "import os\nos.listdir(HOME + '/.ssh')",
    "read the users": "open('/etc/passwd').read()",
    "write to a file of ours": "open(CANARY, 'w').write('changed')",
    "write to the home": "open(HOME + '/errata-escape', 'w')",
    "write to the system": "open('/usr/bin/errata-escape', 'w')",
    "write to /etc": "open('/etc/errata-escape', 'w')",
    "write to the root": "open('/errata-escape', 'w')",
    "write to this repository": "open(REPOSITORY + '/errata-escape', 'w')",
    "write over Python": "import os\nopen(os.__file__, 'a')",
    "follow a link out": "import os\nos.symlink(CANARY, '/tmp/link')\nopen('/tmp/link', 'w').write('changed')",
    "follow a link upwards": "import os\nos.symlink('/', '/tmp/top')\nopen('/tmp/top' + CANARY).read()",
    "climb out": "import os\nos.chdir('/')\nopen('../../../..' + CANARY).read()",
    "change the root": "import os\nos.chroot('/tmp')",
    "become root": "import os\nos.setuid(0)",
    "make a user namespace": "import ctypes\nif ctypes.CDLL(None, use_errno=True).unshare(0x10000000): raise OSError",
    "kill us": "import os\nos.kill(PID, 9)",
    "kill its examiner": "import os\nos.kill(os.getppid(), 9)",
    "kill its group": "import os\nos.killpg(0, 9)",
    "kill everything": "import os\nos.kill(-1, 9)",
    "stop its examiner": "import os, time\nos.kill(os.getppid(), 19)",
    "write without end": "import os\nwhile True:\n    os.write(1, b'x' * 65536)",
    "fill the disk": "for i in range(100):\n    open(f'/tmp/{i}', 'wb').write(b'x' * 10**6)",
    "write one large file": "open('/tmp/x', 'wb').write(b'x' * 10**9)",
    "leave a process": f"import subprocess, sys\nsubprocess.Popen({SLEEPER}, start_new_session=True)",
    "leave a daemon": "import os, sys\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
    f"        os.execv(sys.executable, {SLEEPER})\n    os._exit(0)",
    "replace itself": f"import os, sys\nos.execv(sys.executable, {SLEEPER})",
}
HARMLESS = ("leave a process", "leave a daemon", "stop its examiner")
"""These may go on to their tests; what is left of them ends with the sandbox."""
PROBE = "\ndef add(a, b):\n    return 0\n"
"""An attack that goes through must not end as correct: what it returned could not be told from a failed one."""


@pytest.fixture
def server() -> Iterator[socket.socket]:
    listening = socket.create_server(("127.0.0.1", 0))
    listening.setblocking(False)
    yield listening
    listening.close()


@needs_bwrap
def test_no_attack_reaches_anything_and_nothing_is_left_of_it(
    server: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ERRATA_TEST_SECRET", "s3cret")
    canary = tmp_path / "canary"
    canary.write_text("untouched")
    canary.chmod(0o666)
    mark = f"errata-mark-{uuid.uuid4().hex}"
    repository = str(Path(__file__).parents[3])
    names = {
        "PORT": server.getsockname()[1], "CANARY": str(canary), "HOME": str(Path.home()), "PID": os.getpid(),
        "REPOSITORY": repository, "MARK": mark,
    }  # fmt: skip
    head = "".join(f"{name} = {value!r}\n" for name, value in names.items())
    texts = [f"```python\n{head}{code}{PROBE}```" for code in ATTACKS.values()]
    made = dict(zip(ATTACKS, grade_all(texts, limit=1, wall=3, memory=256), strict=True))
    for name, found in made.items():
        assert found.verdict in ("wrong", "unknown"), name
        assert found.reason, name
        assert "s3cret" not in found.reason, name
        if name not in HARMLESS:
            assert "add(1, 2)" not in found.reason, f"{name}: the attack was not stopped"
    with pytest.raises(BlockingIOError):
        server.accept()
    assert canary.read_text() == "untouched"
    for folder in ("/", "/etc", "/usr/bin", str(Path.home()), repository):
        assert not (Path(folder) / "errata-escape").exists()
    left = [p for p in psutil.process_iter(["cmdline"]) if mark in " ".join(p.info["cmdline"] or [])]
    psutil.wait_procs(left, timeout=60)
    assert not [p for p in left if p.is_running()]
