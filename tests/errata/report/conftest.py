"""Audits to show, and Chromium, spoken to over a pipe: no port is opened, and what a page does can be seen."""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.clean import Cleaned
from pipeline.shortcuts.certify import Certificate, Told
from pipeline.shortcuts.records import Audit, ControlSummary, Feature, FeatureClass, FoundMarker, Leak, Probe
from pipeline.types import Finding

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
