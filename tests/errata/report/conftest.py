"""Audits and runs to show, and Chromium."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.clean import Cleaned
from pipeline.shortcuts.certify import Certificate, Told
from pipeline.shortcuts.records import Audit, ControlSummary, Feature, FeatureClass, FoundMarker, Leak, Probe
from pipeline.types import Finding
from tests.errata.report.chromium import Browser
from tests.errata.report.runs import HOSTILE, make_run


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


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The folder of a run with 40 pairs, six of them with token rewards."""
    return make_run(tmp_path / "run", 40, lines=4, credited=6)
