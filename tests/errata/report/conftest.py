"""Audits to show, and Chromium, spoken to over a pipe: no port is opened, and what a page does can be seen."""

from __future__ import annotations

import base64
import json
import os
import random
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from errata.records import PairCredit, TextCredit
from pipeline.clean import Cleaned
from pipeline.shortcuts.certify import Certificate, Told
from pipeline.shortcuts.records import Audit, ControlSummary, Feature, FeatureClass, FoundMarker, Leak, Probe
from pipeline.config import ExportSettings
from pipeline.edits import WORDS
from pipeline.export import export_pairs
from pipeline.selecting import Placed
from pipeline.store import write_file
from pipeline.types import Attempt, Completion, Correction, Finding, Grade, Message, Pair, Record, content_id

READY = "const look = () => document.documentElement.dataset.ready ? done(1) : setTimeout(look, 20); look();"


class Browser:
    """One tab of a headless Chromium. `errors` and `addresses` are what the page complained of and asked for."""

    def __init__(self, binary: str, profile: Path) -> None:
        read, theirs_out = os.pipe()
        theirs_in, self._write = os.pipe()
        options = "--headless --no-sandbox --disable-gpu --disable-background-networking --remote-debugging-pipe"
        command = f'exec "$0" {options} --user-data-dir="$1" about:blank 3<&{theirs_in} 4>&{theirs_out}'
        self._process = subprocess.Popen(
            ["bash", "-c", command, binary, str(profile)],
            pass_fds=(theirs_in, theirs_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._read = os.fdopen(read, "rb", buffering=0)
        self._rest = b""
        self._number = 0
        self._session: str | None = None
        self._loaded = False
        self.errors: list[str] = []
        self.addresses: list[str] = []
        targets = self.call("Target.getTargets")["targetInfos"]
        page = next(target["targetId"] for target in targets if target["type"] == "page")
        self._session = self.call("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command of the DevTools protocol and wait for its result."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._write, data) :]
        while True:
            heard = self._hear()
            if heard.get("id") == self._number:
                assert "error" not in heard, heard
                return dict(heard["result"])

    def _hear(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            more = self._read.read(1 << 20)
            assert more, "the browser has gone"
            self._rest += more
        line, _, self._rest = self._rest.partition(b"\0")
        heard = dict(json.loads(line))
        told = heard.get("params", {})
        match heard.get("method"):
            case "Runtime.exceptionThrown":
                self.errors.append(json.dumps(told["exceptionDetails"])[:2000])
            case "Runtime.consoleAPICalled" if told["type"] in ("error", "warning", "assert"):
                self.errors.append(json.dumps(told["args"])[:2000])
            case "Log.entryAdded" if told["entry"]["level"] in ("error", "warning"):
                self.errors.append(json.dumps(told["entry"])[:2000])
            case "Page.javascriptDialogOpening":
                self.errors.append(f"dialog: {told['message']}")
            case "Network.requestWillBeSent":
                self.addresses.append(told["request"]["url"][:200])
            case "Page.loadEventFired":
                self._loaded = True
        return heard

    def open(self, file: Path, *, width: int = 1280, height: int = 900, dark: bool = False) -> None:
        """Open a page from disk and wait until its figures are drawn."""
        self.errors.clear()
        self.addresses.clear()
        phone = width < 600
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self._loaded = False
        self.call("Page.navigate", url=file.resolve().as_uri())
        while not self._loaded:
            self._hear()
        self.run(f"new Promise(done => {{ {READY} }})")

    def run(self, script: str) -> Any:
        """The value of an expression in the page; a promise is waited for."""
        told = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    def screenshot(self, file: Path, *, whole: bool = True) -> None:
        """A picture of the page, or of what a reader sees first."""
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole, **self._clip(whole=whole))
        file.write_bytes(base64.b64decode(shot["data"]))

    def _clip(self, *, whole: bool) -> dict[str, Any]:
        if not whole:
            return {}
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        return {"clip": {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}}

    def close(self) -> None:
        """End the browser and what it started."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._read.close()
        os.close(self._write)


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A headless Chromium, where one is installed."""
    binary = shutil.which("chromium") or shutil.which("google-chrome")
    if binary is None:
        pytest.skip("no Chromium is installed")
    opened = Browser(binary, tmp_path_factory.mktemp("profile"))
    yield opened
    opened.close()


def make_feature(feature: str, kind: str = "words", class_: FeatureClass = "artefact", **values: Any) -> Feature:
    """A feature of 300 prompts, which the control does not have."""
    votes = {"chosen": 300, "rejected": 1, "control_chosen": 2, "control_rejected": 3, "log_odds": 5.29831}
    return Feature(feature=feature, kind=kind, class_=class_, q_value=3.21e-45, p_control=0.00123, **(votes | values))


def make_probe(accuracy: float, control: float, **values: Any) -> Probe:
    """A probe whose bounds are 4 points to each side."""
    excess = accuracy - control
    told = {"ci95": (excess - 0.04, excess + 0.04), "p_value": 0.0123, "p_swap": 0.00498, "null95": 0.5678}
    return Probe(accuracy=accuracy, control=control, excess=excess, **(told | values))


def make_marker(feature: str, **values: Any) -> FoundMarker:
    """A phrase at the start of chosen texts."""
    told = {"kind": "openers", "phrase": None, "more_in": "chosen", "pairs": 432, "share": 0.7423, "removed": True}
    return FoundMarker(feature=feature, q_value=4.56e-78, shown=True, **(told | values))


@pytest.fixture
def before() -> Audit:
    """An audit with a marker, features of every class, and findings."""
    finding = Finding(rule="leak", action="drop", reason="names the attempt", span=(1200, 1217), score=0.876)
    return Audit(
        pairs=582,
        prompts=316,
        verdict="marker",
        grounds="'Let us see.' (74% of pairs, chosen) gives chosen away",
        advice="`errata clean` takes the markers out, and checks what is left",
        control=ControlSummary(pairs=299, prompts=188, shared_prompts=187, paired=True),
        probes={
            "length": make_probe(0.8123, 0.7043),
            "ngrams": make_probe(0.9876, 0.7321, residual=0.0123, residual_ci95=(-0.0111, 0.0333)),
        },
        markers=(make_marker("^ Let us see.", phrase="Let us see."),),
        features=(
            make_feature("^ Let us see.", "openers"),
            make_feature("let us", chosen=299),
            make_feature("therefore", "function_words", "unattributed", rejected=77, chosen=150, log_odds=0.66),
            make_feature("- ▒", "words", "error_signal", chosen=2, rejected=211, log_odds=-4.44, control_rejected=98),
        ),
        features_tested=1234,
        features_significant={"artefact": 140, "unattributed": 1, "error_signal": 1},
        leaks=(Leak(pair="pair-17", finding=finding),),
        leaks_by_rule={"leak": 1},
        minimum_detectable_prevalence=0.0721,
        probe_prompts=186,
        q=0.01,
        bound=0.05,
        notes=("the control has other prompts than the data",),
    )


@pytest.fixture
def after(before: Audit) -> Audit:
    """The audit after a repair: clean."""
    return before.model_copy(
        update={
            **{"verdict": "clean", "grounds": "no family tells", "advice": "nothing has to be done", "markers": ()},
            **{"probes": {"length": make_probe(0.7111, 0.7043), "ngrams": make_probe(0.7322, 0.7321)}},
            **{"features": before.features[3:], "features_significant": {"error_signal": 1}},
            **{"leaks": (), "leaks_by_rule": {}},
        }
    )


@pytest.fixture
def cleaned(before: Audit) -> Cleaned:
    """A repair that passed."""
    told = {
        name: Told(
            accuracy=accuracy,
            control=0.7777,
            excess=accuracy - 0.7777,
            ci95=(accuracy - 0.8, accuracy - 0.75),
            prompts=150,
            pairs=290,
        )
        for name, accuracy in (("before", 0.9911), ("after", 0.7817), ("random_drop", 0.9654))
    }
    return Cleaned(
        pairs=582,
        kept=571,
        changed={"strip": 543, "drop": 11},
        filtered={"leak": 4},
        regraded=False,
        markers=list(before.markers),
        left=[],
        before="marker",
        after="clean",
        certificate=Certificate(outcome="passed", prompts=157, **told),
        rows={"train": 527, "validation": 44},
        notes=["3 rows without an answer left out"],
    )


HOSTILE = (
    "<script>window.owned=1</script>",
    "</script><script>window.owned=1</script>",
    '"><img src=x onerror="window.owned=1">',
    "<!--<script>",
    '<a href="javascript:window.owned=1">here</a>',
    "&lt;b&gt; %{customdata} $\\href{https://example.org}{x}$ {{ 7 * 7 }}",
    "\u202eright to left\u202c \u2066isolated\u2069 \u2028 \u2029 \0 \x1b[31m \ud800",
    "constructor",
    "x" * 100_000,
    "<b>" * 33_000,
)
"""What a model may write."""


@pytest.fixture
def hostile(before: Audit) -> Audit:
    """An audit whose every text is hostile."""
    everything = " ".join(HOSTILE[:8])
    features = tuple(
        make_feature(text, text, class_, chosen=200 + number)
        for class_ in ("artefact", "unattributed", "error_signal")
        for number, text in enumerate(HOSTILE)
    )
    leaks = tuple(
        Leak(pair=text, finding=Finding(rule=text, action="drop", reason=text, span=(0, 5))) for text in HOSTILE
    )
    return before.model_copy(
        update={
            **{"grounds": HOSTILE[-1], "advice": everything, "notes": HOSTILE, "features": features, "leaks": leaks},
            **{"leaks_by_rule": dict.fromkeys(HOSTILE, 1), "probes": {everything: make_probe(0.9, 0.6)}},
            "markers": tuple(make_marker(text, phrase=text, kind=text) for text in HOSTILE),
        }
    )


NAMES = "pears shells cards coins books pens boxes bags marbles stamps".split()


def make_solution(rng: random.Random, lines: int) -> str:
    """Reasoning of so many lines, about 40 characters each, and an answer."""
    told = []
    for _ in range(lines):
        a, b, name = rng.randint(2, 99), rng.randint(2, 99), rng.choice(NAMES)
        told.append(f"There are {a} + {b} = {a + b} {name} after that.")
    return "\n".join([*told, f"#### {rng.randint(2, 999)}"])


def make_credit(pair: Pair, rng: random.Random) -> PairCredit:
    """Log-probs of the pair's words and of an end mark."""

    def side(text: str) -> TextCredit:
        ends = [match.end() for match in WORDS.finditer(text)]
        before = [-rng.expovariate(2) for _ in [*ends, 0]]
        after = [value + rng.gauss(0, 0.3) for value in before]
        return TextCredit(ends=(*ends, len(text)), before=tuple(before), after=tuple(after))

    assert pair.chosen is not None
    return PairCredit(id=pair.id, beta=0.1, chosen=side(pair.chosen), rejected=side(pair.rejected))


def make_run(folder: Path, pairs: int, *, lines: int = 28, credited: int = 0, texts: Sequence[str] = ()) -> Path:
    """The folder of a run: of five pairs one is dropped without a chosen text, one by a filter, one by the selection.

    Every text is about 40 characters times `lines`, or one of `texts`. So many kept pairs have token rewards.
    """
    rng = random.Random(0)
    attempts, corrections, made, findings, selection, credits = [], [], [], [], [], []
    for number in range(pairs):
        given = [texts[(number + at) % len(texts)] for at in range(3)] if texts else None
        question = f"Question {number}: how many {rng.choice(NAMES)} are there in the end?"
        rejected = make_solution(rng, lines)
        steps = rejected.split("\n")
        chosen = "\n".join([*steps[: lines // 2], *make_solution(rng, lines - lines // 2).split("\n")])
        question, rejected, chosen = given or (question, rejected, chosen)
        wrong = Grade(verdict="wrong", extracted=rejected[-5:], reason=f"differs from {chosen[-3:]}")
        written = Completion(text=rejected)
        attempt = Attempt(
            **{"id": f"a{number}", "problem_id": f"p{number // 2}", "index": number % 2, "engine": "student"},
            **{"settings": "s1", "completion": written, "grade": wrong},
        )
        mistake = content_id("mistake", attempt.id)
        rung, won = ("revise", "gold_guided")[number % 3 == 0], number % 5 != 0
        tries = [("revise", False, wrong)] if rung == "gold_guided" else []
        tries += [(rung, won, Grade(verdict="correct" if won else "wrong", extracted=chosen[-5:], reason="compared"))]
        corrections += [
            Correction(
                **{"id": f"c{number}-{at}", "problem_id": attempt.problem_id, "mistake_id": mistake, "rung": name},
                **{"settings": "s2", "teacher": f"teacher-{number % 2}", "gold_visible": name == "gold_guided"},
                **{"prompt_hash": "h" * 16, "text": chosen, "completion": Completion(text=chosen), "grade": grade},
                **{"won": best, "diagnosis": question, "edit_ratio": 0.5},
            )
            for at, (name, best, grade) in enumerate(tries)
        ]
        dropped = () if won else (Finding(rule="uncorrected", action="drop", reason=chosen),)
        how = {"correction_id": corrections[-1].id, "rung": rung, "teacher": f"teacher-{number % 2}"}
        pair = Pair(
            **{"id": content_id(mistake), "problem_id": attempt.problem_id, "mistake_id": mistake, "settings": "s3"},
            **{"prompt": (Message(role="user", content=question),), "rejected": rejected, "answer": chosen[-5:]},
            **{"chosen": chosen if won else None, "rejected_answer": rejected[-5:], "findings": dropped},
            **({"gold_visible": rung == "gold_guided", "edit_ratio": rng.random(), **how} if won else {}),
        )
        attempts.append(attempt)
        made.append(pair)
        if number % 5 == 1:
            told = Finding(rule="leak", action="drop", reason=rejected, span=(0, 9), score=0.5)
            findings.append({"pair_id": pair.id, **told.model_dump(exclude_none=True)})
        if number % 5 == 2:
            selection.append({"pair_id": pair.id, "rule": "near_duplicate", "action": "drop", "reason": rejected})
        if number % 5 == 3:
            told = Finding(rule="length_ratio", action="flag", reason="long", span=(3, 8))
            findings.append({"pair_id": pair.id, **told.model_dump(exclude_none=True)})
        if number % 5 > 2 and len(credits) < credited:
            credits.append(make_credit(pair, rng))
    journals: dict[str, Sequence[Record]] = {"attempts": attempts, "corrections": corrections, "pairs": made}
    for name, records in (journals | ({"rewards": credits} if credited else {})).items():
        write_file(folder / f"{name}.jsonl", "".join(record.model_dump_json() + "\n" for record in records))
    for name, told_of in {"findings": findings, "selection": selection}.items():
        write_file(folder / f"{name}.jsonl", "".join(json.dumps(line) + "\n" for line in told_of))
    settings = {"attempts": "s1", "corrections": "s2", "pairs": "s3"}
    write_file(folder / "summary.json", json.dumps({"settings": settings}))
    kept = [(pair, Placed([], 0.5, None)) for number, pair in enumerate(made) if number % 5 > 2]
    export_pairs(kept, folder / "dataset", ExportSettings(validation_share=0.2), ())
    return folder


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The folder of a run with 40 pairs, six of them with token rewards."""
    return make_run(tmp_path / "run", 40, lines=4, credited=6)
