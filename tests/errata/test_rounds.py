"""Between rounds: when a loop stops, what is left of its budget, which round was best."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from errata.config import ErrataSettings, LoopSettings
from errata.loop import Start, name_of, round_settings
from errata.records import Round
from errata.rounds import budget_left, choose_best, hash_named, paid, reason_to_stop, why_no_pair
from pipeline.cache import CompletionCache, Paid
from pipeline.errors import StoppedEarly
from pipeline.measures.records import Estimate
from pipeline.summary import Summary


def made(number: int, after: float, *, gain: float = 0.0, p: float = 1.0, moved: float | None = None) -> Round:
    """A round with these numbers."""
    return Round(
        number=number,
        run=f"round-{number}",
        student="s",
        policy=f"round-{number}/policy",
        problems=10,
        mistakes=5,
        pairs=5,
        past_pairs=0,
        audit="clean",
        cleaned=False,
        before=after - gain,
        after=after,
        interval=(0.0, 1.0),
        gain=Estimate(value=gain, interval=(gain - 0.1, gain + 0.1)),
        fixed=1,
        broken=0,
        p_value=p,
        chosen_change=moved,
        cost=0.0,
        seconds=1.0,
        conclusion="said",
    )


UP, FLAT, DOWN = {"gain": 0.2, "p": 0.001}, {"gain": 0.01, "p": 0.6}, {"gain": -0.2, "p": 0.001}


@pytest.mark.parametrize(
    ("rounds", "said"),
    [
        ([UP], None),
        ([FLAT], None),
        ([UP, FLAT], None),
        ([FLAT, UP, FLAT], None),
        ([UP, FLAT, FLAT], "no significant gain in 2 rounds"),
        ([UP, DOWN], "round 2 is significantly worse"),
        ([DOWN], "round 1 is significantly worse"),
    ],
)
def test_a_loop_stops_after_rounds_without_gain_and_at_once_after_a_fall(
    rounds: list[dict[str, float]], said: str | None
) -> None:
    stop = reason_to_stop(LoopSettings(), [made(n, 0.5, **told) for n, told in enumerate(rounds, start=1)])
    assert (stop is None) == (said is None)
    if stop is not None and said is not None:
        assert said in stop.reason


def test_a_loop_stops_where_chosen_texts_become_less_likely_than_allowed() -> None:
    settings = LoopSettings(max_chosen_drop=5.0)
    assert reason_to_stop(settings, [made(1, 0.5, moved=-4.9, **UP)]) is None
    stop = reason_to_stop(settings, [made(1, 0.5, moved=-5.1, **UP)])
    assert stop is not None
    assert "fell by 5.10 nats" in stop.reason


def test_the_best_round_is_the_first_of_the_most_accurate() -> None:
    best = choose_best([made(1, 0.7, gain=0.1), made(2, 0.9), made(3, 0.9)])
    assert best is not None
    assert best.number == 2
    assert choose_best([]) is None
    assert choose_best([made(1, 0.4, gain=-0.1)]) is None, "the student that it began with is better"


def make_settings(tmp_path: Path, student_dir: Path, **sections: object) -> ErrataSettings:
    return ErrataSettings.model_validate(
        {
            "name": "looped",
            "runs_dir": tmp_path,
            "problems": {"path": "p.jsonl"},
            "student": {"engine": "transformers", "model": str(student_dir)},
            **sections,
        }
    )


def test_each_round_is_a_run_below_the_loops_with_the_student_before_it(tmp_path: Path, student_dir: Path) -> None:
    settings = make_settings(tmp_path, student_dir, loop={"past_pairs": True})
    past = (tmp_path / "looped" / "round-1",)
    own = round_settings(settings, Start(2, str(tmp_path / "policy"), "round-1/policy", past), str(student_dir))
    assert own.run_dir == tmp_path / "looped" / "round-2"
    assert own.runs_dir == tmp_path, "the completion cache is the one of all runs"
    assert str(own.student.model) == own.train.model == str(tmp_path / "policy")
    assert own.train.also == past
    assert own.train.reference is None, "the reference is the round's start"
    fixed = settings.model_copy(update={"loop": LoopSettings(reference="fixed", past_pairs=False)})
    own = round_settings(fixed, Start(2, str(tmp_path / "policy"), "round-1/policy", past), str(student_dir))
    assert (own.train.reference, own.train.also) == (str(student_dir), ())
    anew = settings.model_copy(update={"loop": LoopSettings(start="first", past_pairs=True)})
    own = round_settings(anew, Start(2, str(tmp_path / "policy"), "round-1/policy", past), str(student_dir))
    assert (own.train.model, own.train.also) == (str(student_dir), past)
    assert str(own.student.model) == str(tmp_path / "policy"), "the mistakes are still the new student's"


def test_the_budget_is_that_of_all_rounds_together(tmp_path: Path, student_dir: Path) -> None:
    settings = make_settings(tmp_path, student_dir, budget={"max_cost": 1.0, "max_tokens": 1000})
    cache = CompletionCache(tmp_path / "completions.sqlite")
    for number, cost in ((1, 0.3), (2, 0.5)):
        cost_of = Paid(name_of(settings, number), "teacher", 1, 100, 50, cost, True)

        async def put(paid: Paid = cost_of) -> None:
            await cache.put([], paid)

        asyncio.run(put())
    cache.close()
    names = [name_of(settings, number) for number in (1, 2)]
    assert paid(settings, names) == (0.8, 300)
    left = budget_left(settings, names)
    assert left.max_cost == pytest.approx(0.2)
    assert left.max_tokens == 700
    with pytest.raises(StoppedEarly, match=r"max_cost 0\.8 is spent after 2 rounds"):
        budget_left(make_settings(tmp_path, student_dir, budget={"max_cost": 0.8}), names)


def test_what_files_and_folders_hold_is_part_of_the_fingerprint(tmp_path: Path) -> None:
    data, model = tmp_path / "p.jsonl", tmp_path / "model"
    model.mkdir()
    data.write_text("1")
    (model / "config.json").write_text("{}")
    (model / "model.safetensors").write_bytes(b"a")
    told = {"problems": {"path": str(data)}, "teachers": {"t": {"model": str(model), "n": 3, "at": "no/such"}}}
    first = hash_named(told)
    assert first.keys() == {str(data), str(model)}
    (model / "model.safetensors").write_bytes(b"b")
    second = hash_named(told)
    assert second[str(data)] == first[str(data)]
    assert second[str(model)] != first[str(model)]
    data.write_text("2")
    assert hash_named(told)[str(data)] != first[str(data)]


def test_a_round_without_pairs_says_what_became_of_its_mistakes() -> None:
    assert why_no_pair(Summary(attempts=40)) == "the student makes no mistake in 40 attempts"
    told = why_no_pair(Summary(attempts=40, mistakes=3, corrections={"reference": 2}, dropped={"length_ratio": 2}))
    assert told == "of 3 mistakes 2 were corrected; dropped: length_ratio 2"
    assert "1 are held back for validation" in why_no_pair(Summary(mistakes=1, splits={"validation": 1}))
