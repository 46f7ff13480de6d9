"""Every loss on fixed numbers: TRL's own code where it has the loss, hand-computed values elsewhere."""

from __future__ import annotations

import inspect
import math
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from trainer.losses import TRL_NAMES, Objective, available_losses, load_loss
from trainer.losses.traits import Traits
from trainer.scores import Scores, join_scores

ROOT = Path(__file__).parents[2]
LENGTHS = [[3, 5], [4, 2], [6, 6], [1, 3]]
LN2 = math.log(2)


def make_scores(
    lengths: list[list[int]] = LENGTHS, seed: int = 0, same: bool = False, mismatched: bool = False, **more: Any
) -> Scores:
    """Random log-probs of examples with these completion lengths; a mismatched text of 2 tokens each, where asked."""
    flat = [n for row in lengths for n in row] + [2] * len(lengths) * mismatched
    torch.manual_seed(seed)
    policy = -torch.rand(sum(flat)) * 3
    reference = policy.clone() if same else -torch.rand(sum(flat)) * 3
    width = max(map(len, lengths))
    texts, first = torch.full((len(lengths), width), -1), 0
    for p, row in enumerate(lengths):
        texts[p, : len(row)] = torch.arange(first, first + len(row))
        first += len(row)
    count = len(lengths)
    made: dict[str, Any] = {
        "policy_N": policy.requires_grad_(),
        "reference_N": reference.detach(),
        "text_N": torch.repeat_interleave(torch.arange(len(flat)), torch.tensor(flat)),
        "length_S": torch.tensor(flat),
        "texts_PK": texts,
        "mismatched_P": torch.arange(first, first + count) if mismatched else torch.full((count,), -1),
        "desirable_P": torch.ones(count, dtype=torch.bool),
        "weight_P": torch.ones(count),
        "margin_P": torch.zeros(count),
        "kl_N": torch.zeros_like(policy) if same else torch.rand(sum(flat)),
        "confidence_N": -torch.rand(sum(flat)),
    }
    return Scores(**{**made, **more})


def trl_loss(scores: Scores, loss_type: str, beta: float, **options: Any) -> tuple[float, torch.Tensor]:
    """TRL's DPOTrainer._compute_loss itself, on a model that returns our log-probs, and the gradient at them."""
    from trl.trainer.dpo_trainer import DPOTrainer

    pairs, width = len(scores.texts_PK), int(scores.length_S.max())
    order = [*scores.texts_PK[:, 0].tolist(), *scores.texts_PK[:, 1].tolist()]
    grids = {name: torch.zeros(2 * pairs, width) for name in ("log_probs", "log_sum_sq_probs")}
    mask = torch.zeros(2 * pairs, width + 1, dtype=torch.long)
    leaf = scores.policy_N.detach().clone().requires_grad_()
    for row, text in enumerate(order):
        own = scores.text_N == text
        length = int(own.sum())
        grids["log_probs"][row, :length] = leaf[own]
        grids["log_sum_sq_probs"][row, :length] = scores.confidence_N[own]  # type: ignore[index]
        mask[row, 1 : 1 + length] = 1
    zeros = torch.zeros(2 * pairs, width)
    outputs = SimpleNamespace(**grids, entropy=zeros, mean_logits=zeros, is_top1=zeros.bool(), aux_loss=None)
    keep = SimpleNamespace(device="cpu", gather=lambda x: x, gather_for_metrics=lambda x: x)
    from collections import defaultdict

    settings = {
        "model": SimpleNamespace(training=True),
        "accelerator": keep,
        "aux_loss_enabled": False,
        "ld_alpha": None,
        "precompute_ref_logps": True,
        "f_divergence_type": "reverse_kl",
        "f_alpha_divergence_coef": 0.5,
        "loss_types": [loss_type],
        "loss_weights": [1.0],
        "beta": beta,
        "label_smoothing": 0.0,
        "use_weighting": False,
        "args": SimpleNamespace(discopop_tau=0.05),
        "_metrics": {"train": defaultdict(list)},
        "_total_train_tokens": 0,
        "_tp_size": 1,
    }
    reference = scores.reference
    ratios = scores.length_S.min() >= 0  # TRL is given whole sums; ld_alpha needs per-token ones, which it has not
    assert ratios
    inputs = {
        "input_ids": torch.zeros_like(mask),
        "attention_mask": mask,
        "completion_mask": mask,
        "ref_chosen_logps": options.pop("ref_chosen", reference[:, 0]),
        "ref_rejected_logps": options.pop("ref_rejected", reference[:, 1]),
    }
    loss = DPOTrainer._compute_loss(SimpleNamespace(**{**settings, **options}), lambda **_: outputs, inputs, False)
    (grad,) = torch.autograd.grad(loss, leaf)
    return float(loss.detach()), grad


def our_loss(scores: Scores, name: str, **options: Any) -> tuple[float, torch.Tensor]:
    loss, _ = load_loss(name)
    value = loss(scores, **options).mean()
    (grad,) = torch.autograd.grad(value, scores.policy_N, retain_graph=True)
    return float(value.detach()), grad


# our name, our options, TRL's name, TRL's options; beta is 0.3 on both sides
PARITY: list[tuple[str, dict[str, Any], str, dict[str, Any]]] = [
    ("dpo", {}, "sigmoid", {}),
    ("robust", {"label_smoothing": 0.2}, "robust", {"label_smoothing": 0.2}),
    ("ipo", {}, "ipo", {}),
    ("hinge", {}, "hinge", {}),
    ("exo", {"label_smoothing": 0.01}, "exo_pair", {"label_smoothing": 0.01}),
    ("nca", {}, "nca_pair", {}),
    ("bco", {"centred": False}, "bco_pair", {}),
    ("sppo", {}, "sppo_hard", {}),
    ("aot", {"label_smoothing": 0.1}, "aot", {"label_smoothing": 0.1}),
    ("aot_unpaired", {}, "aot_unpaired", {}),
    ("apo_zero", {}, "apo_zero", {}),
    ("apo_down", {}, "apo_down", {}),
    ("discopop", {}, "discopop", {}),
    ("dpo_norm", {}, "sigmoid_norm", {}),
    ("f_dpo", {"divergence": "forward_kl"}, "sigmoid", {"f_divergence_type": "forward_kl"}),
    ("f_dpo", {"divergence": "js"}, "sigmoid", {"f_divergence_type": "js_divergence"}),
    ("f_dpo", {"divergence": "alpha", "alpha": 0.5}, "sigmoid", {"f_divergence_type": "alpha_divergence"}),
    ("wpo", {}, "sigmoid", {"use_weighting": True}),
]


@pytest.mark.parametrize(("name", "options", "theirs", "their_options"), PARITY)
def test_value_and_gradient_equal_trls(
    name: str, options: dict[str, Any], theirs: str, their_options: dict[str, Any]
) -> None:
    scores = make_scores()
    value, grad = our_loss(scores, name, beta=0.3, **options)
    wanted, wanted_grad = trl_loss(scores, theirs, 0.3, **their_options)
    assert value == pytest.approx(wanted, rel=1e-5)
    assert torch.allclose(grad, wanted_grad, rtol=1e-4, atol=1e-6)


def test_ld_dpo_equals_trls() -> None:
    scores = make_scores()
    public = scores.lengths.min(1).values
    weights = torch.tensor(
        [1.0 if int(scores.position_N[n]) < int(public[int(t) // 2]) else 0.4 for n, t in enumerate(scores.text_N)]
    )
    reference = scores.by_example(scores.text_sums(weights * scores.reference_N))
    value, grad = our_loss(scores, "ld_dpo", beta=0.3, alpha=0.4)
    options = {"ref_chosen": reference[:, 0], "ref_rejected": reference[:, 1], "ld_alpha": 0.4}
    wanted, wanted_grad = trl_loss(scores, "sigmoid", 0.3, **options)
    assert value == pytest.approx(wanted, rel=1e-5)
    assert torch.allclose(grad, wanted_grad, rtol=1e-4, atol=1e-6)


def test_sft_equals_trls_on_texts_of_one_length() -> None:
    """TRL takes the mean over the batch's tokens, we over texts: the same for equal lengths."""
    scores = make_scores([[4, 3], [4, 2]])
    assert our_loss(scores, "sft")[0] == pytest.approx(trl_loss(scores, "sft", 0.3)[0], rel=1e-5)


def test_cpo_simpo_alphapo_and_orpo_equal_trls() -> None:
    from trl.experimental.cpo.cpo_trainer import CPOTrainer
    from trl.experimental.orpo.orpo_trainer import ORPOTrainer

    scores = make_scores()
    sums, means = scores.policy, scores.policy / scores.lengths
    device = SimpleNamespace(device="cpu")
    peer = {"beta": 0.7, "label_smoothing": 0.1, "alpha": 0.0, "simpo_gamma": 0.9, "accelerator": device}

    def trl_cpo(kind: str, values: torch.Tensor, **more: Any) -> float:
        return float(CPOTrainer.cpo_loss(SimpleNamespace(**{**peer, **more}, loss_type=kind), *values.T)[0].mean())

    smoothed = {"beta": 0.7, "label_smoothing": 0.1, "nll": 0.0}
    assert our_loss(scores, "cpo", **smoothed)[0] == pytest.approx(trl_cpo("sigmoid", sums), rel=1e-5)
    nll = float(our_loss(scores, "sft")[0])
    assert our_loss(scores, "cpo", **{**smoothed, "nll": 0.5})[0] == pytest.approx(trl_cpo("sigmoid", sums) + 0.5 * nll)
    simpo = trl_cpo("simpo", means, label_smoothing=0.0)
    assert our_loss(scores, "simpo", beta=0.7, gamma=0.9)[0] == pytest.approx(simpo, rel=1e-5)
    bent = trl_cpo("simpo", means, label_smoothing=0.0, alpha=0.25)
    assert our_loss(scores, "alphapo", beta=0.7, gamma=0.9, alpha=0.25)[0] == pytest.approx(bent, rel=1e-5)
    assert our_loss(scores, "alphapo", beta=0.7, gamma=0.9, alpha=0.0)[0] == pytest.approx(simpo, rel=1e-5)
    gain = ORPOTrainer.odds_ratio_loss(SimpleNamespace(beta=0.7, accelerator=device), *means.T)[0]
    assert our_loss(scores, "orpo", beta=0.7)[0] == pytest.approx(float(nll - gain.mean()), rel=1e-5)


def hand(
    policy: tuple[float, float], reference: tuple[float, float], lengths: tuple[int, int] = (2, 4), **more: Any
) -> Scores:
    """One pair whose sums are given, spread evenly over its tokens."""
    spread = [value / n for value, n in zip(policy, lengths, strict=True) for _ in range(n)]
    ground = [value / n for value, n in zip(reference, lengths, strict=True) for _ in range(n)]
    values = {"policy_N": torch.tensor(spread).requires_grad_(), "reference_N": torch.tensor(ground)}
    return make_scores([list(lengths)], **{**values, **more})


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


# chosen: log π -3, log π_ref -4 (ratio +1, 2 tokens); rejected: log π -6, log π_ref -4 (ratio -2, 4 tokens)
BY_HAND: list[tuple[str, dict[str, Any], float]] = [
    ("dpo", {"beta": 0.5}, -math.log(sigmoid(1.5))),
    ("dpo", {"beta": 0.5, "label_smoothing": 0.2}, -0.8 * math.log(sigmoid(1.5)) - 0.2 * math.log(sigmoid(-1.5))),
    ("ipo", {"beta": 0.5, "per_token": False}, (3 - 1) ** 2),
    ("ipo", {"beta": 0.5}, (0.5 + 0.5 - 1) ** 2),
    ("slic", {"delta": 4.0, "nll": 0.1}, (4 - 3) + 0.1 * 1.5),
    ("dpop", {"beta": 0.5, "penalty": 50.0}, -math.log(sigmoid(1.5))),
    ("rpo", {"beta": 0.5, "eta": 0.01}, -math.log(sigmoid(1.5)) + 0.01 * 0.5 * 3),
    ("irpo", {"beta": 0.5, "alpha": 2.0}, -math.log(sigmoid(1.5)) + 2 * 1.5),
    ("chipo", {"beta": 0.5}, -math.log(sigmoid(0.5 * (math.e + 1 - math.exp(-2) + 2)))),
    ("chipo", {"beta": 0.5, "reward_bound": 0.25}, -math.log(sigmoid(0.5))),
    ("cal_dpo", {"beta": 0.5}, -math.log(sigmoid(3.0)) + 0 + 1),
    ("beta_dpo", {"beta": 0.5, "alpha": 0.6}, -math.log(sigmoid(0.5 * (1 + 0.6 * 1.5) * 3))),
    ("plackett_luce", {"beta": 0.5}, -math.log(sigmoid(1.5))),
    ("simpo", {"beta": 2.0, "gamma": 0.5}, -math.log(sigmoid(2 * (-1.5 + 1.5) - 0.5))),
]


@pytest.mark.parametrize(("name", "options", "wanted"), BY_HAND)
def test_values_by_hand(name: str, options: dict[str, Any], wanted: float) -> None:
    assert our_loss(hand((-3, -6), (-4, -4)), name, **options)[0] == pytest.approx(wanted, rel=1e-5)


def test_dpop_punishes_a_chosen_text_that_fell() -> None:
    scores = hand((-5, -6), (-4, -4))
    assert our_loss(scores, "dpop", beta=0.5, penalty=3.0)[0] == pytest.approx(
        -math.log(sigmoid(0.5 * (1 - 3))), rel=1e-5
    )


def test_tdpo_subtracts_the_difference_of_the_kls() -> None:
    kl_N = torch.tensor([0.1, 0.2, 0.3, 0.3, 0.2, 0.1]).requires_grad_()  # 0.3 for chosen, 0.9 for rejected
    scores = hand((-3, -6), (-4, -4), kl_N=kl_N)
    one, two = (load_loss(name)[0](scores, beta=0.5) for name in ("tdpo1", "tdpo2"))
    assert float(one) == pytest.approx(-math.log(sigmoid(0.5 * (3 - 0.6))), rel=1e-5)
    assert float(two) == pytest.approx(-math.log(sigmoid(0.5 * (3 - 0.5 * 0.6))), rel=1e-5)
    (grad,) = torch.autograd.grad(two.sum(), kl_N)
    assert torch.equal(grad[:2], torch.zeros(2))
    assert (grad[2:] > 0).all()


def test_kto_by_hand_for_pairs_and_for_labelled_texts() -> None:
    spread = torch.tensor([-3, -6, -1.0])
    policy_N, reference_N = (
        torch.repeat_interleave(x / torch.tensor([2, 4, 2]), torch.tensor([2, 4, 2]))
        for x in (spread, torch.tensor([-4, -4, -1.4]))
    )
    scores = make_scores([[2, 4]], mismatched=True, policy_N=policy_N, reference_N=reference_N)
    wanted = ((1 - sigmoid(0.5 * (1 - 0.4))) + 2 * (1 - sigmoid(0.5 * (0.4 + 2)))) / 2
    loss, _ = load_loss("kto")
    assert float(loss(scores, beta=0.5, undesirable_weight=2.0)) == pytest.approx(wanted, rel=1e-5)
    single = make_scores([[2], [4]], mismatched=True, desirable_P=torch.tensor([True, False]))
    ratio, z0 = single.ratio_S.tolist(), max(0.0, float(single.ratio_S[2:].mean()))
    both = [1 - sigmoid(0.5 * (ratio[0] - z0)), 1 - sigmoid(0.5 * (z0 - ratio[1]))]
    assert loss(single, beta=0.5).tolist() == pytest.approx(both, rel=1e-5)


def test_bco_centres_rewards_and_takes_labelled_texts() -> None:
    scores = hand((-3, -6), (-4, -4))  # rewards 0.5 and -1: shift -0.25
    wanted = -math.log(sigmoid(0.75)) - math.log(sigmoid(0.75))
    assert our_loss(scores, "bco", beta=0.5)[0] == pytest.approx(wanted, rel=1e-5)
    single = make_scores([[2], [4]], desirable_P=torch.tensor([True, False]), mismatched=True)
    rewards = [0.5 * value for value in single.ratio[:, 0].tolist()]
    loss, _ = load_loss("bco")
    bare = [-math.log(sigmoid(rewards[0])), -math.log(sigmoid(-rewards[1]))]
    assert loss(single, beta=0.5, centred=False).tolist() == pytest.approx(bare, rel=1e-5)


def test_plackett_luce_over_rankings_of_several_lengths() -> None:
    scores = make_scores([[2, 3, 1], [4, 2]])
    loss, _ = load_loss("plackett_luce")
    losses = loss(scores, beta=0.5)
    r = (0.5 * scores.ratio[0]).tolist()
    wanted = -sum(r[k] - math.log(sum(math.exp(x) for x in r[k:])) for k in range(3))
    assert losses[0].item() == pytest.approx(wanted, rel=1e-5)
    assert losses[1].item() == pytest.approx(load_loss("dpo")[0](scores, beta=0.5)[1].item(), rel=1e-5)
    (grad,) = torch.autograd.grad(losses.sum(), scores.policy_N)
    assert torch.isfinite(grad).all()


KNOWN = {
    "dpo": LN2, "robust": LN2, "hinge": 1.0, "kto": 0.5, "tdpo1": LN2, "tdpo2": LN2, "dpop": LN2, "dpo_norm": LN2,
    "ld_dpo": LN2, "f_dpo": LN2, "chipo": LN2, "beta_dpo": LN2, "apo_zero": 1.0, "apo_down": 1.0, "nca": 2 * LN2,
    "bco": 2 * LN2, "sppo": 50.0, "cal_dpo": LN2 + 50.0, "ipo": 25.0, "aot": LN2, "aot_unpaired": LN2,
    "plackett_luce": LN2, "discopop": 0.5 * LN2 + 0.5, "exo": -LN2 - 0.5 * math.log(1e-3) - 0.5 * math.log1p(-1e-3),
}  # fmt: skip
NO_KNOWN_VALUE = {"slic", "cpo", "simpo", "alphapo", "orpo", "rpo", "irpo", "sft", "wpo"}
"""These depend on the policy itself: what they add to, or how they weigh, is tested above."""


@pytest.mark.parametrize("name", KNOWN)
def test_where_policy_and_reference_agree_each_loss_has_its_known_value(name: str) -> None:
    loss, _ = load_loss(name)
    assert loss(make_scores(same=True, mismatched=True)).tolist() == pytest.approx([KNOWN[name]] * 4, rel=1e-5)


def test_no_loss_is_left_out_of_these_tests_and_of_the_table() -> None:
    assert set(available_losses()) == set(KNOWN) | NO_KNOWN_VALUE
    table = (ROOT / "docs" / "losses.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(\w+)`", table, re.MULTILINE)) == set(available_losses())


@pytest.mark.parametrize("name", available_losses())
def test_a_loss_is_one_small_function_that_says_what_it_computes(name: str) -> None:
    loss, traits = load_loss(name)
    assert isinstance(traits, Traits)
    assert loss.__name__ == name
    assert re.search(r"\[P\]", loss.__doc__ or ""), "shape of the result"
    assert re.search(r"20\d\d", inspect.getmodule(loss).__doc__ or ""), "source"
    assert all(p.default is not p.empty for p in list(inspect.signature(loss).parameters.values())[1:])


@pytest.mark.parametrize("name", available_losses())
def test_traits_tell_the_truth(name: str) -> None:
    loss, traits = load_loss(name)
    scores = make_scores(mismatched=True)
    values = loss(scores)
    assert values.shape == (4,)
    (grad,) = torch.autograd.grad(values.sum(), scores.policy_N)
    assert torch.isfinite(grad).all()
    assert float(grad.abs().sum()) > 0
    bare = make_scores(mismatched=True, reference_N=None)
    if traits.reference:
        with pytest.raises((ValueError, AssertionError, TypeError)):
            loss(bare)
    else:
        assert torch.equal(loss(bare), values)
    moved = loss(make_scores(mismatched=True, margin_P=torch.full((4,), 0.3)))
    assert torch.allclose(moved, values) != traits.margins
    shifted = scores.policy_N.detach().clone()
    for texts in scores.texts_PK:  # the same amount on both sides of a pair
        for text in texts:
            shifted[(scores.text_N == text).nonzero()[0]] += 0.25
    if traits.margin_only:
        assert torch.allclose(loss(make_scores(mismatched=True, policy_N=shifted)), values, atol=1e-5)
    by_example = ("texts_PK", "mismatched_P", "desirable_P", "weight_P", "margin_P")
    parts = []
    for i in range(4):
        own = {name: getattr(scores, name)[i : i + 1] for name in by_example}
        parts.append(Scores(**{**vars_of(scores), **own}))
    alone = torch.cat([loss(part) for part in parts])
    assert torch.allclose(alone, values, atol=1e-5) != traits.coupled


def vars_of(scores: Scores) -> dict[str, Any]:
    return {name: getattr(scores, name) for name in Scores.__dataclass_fields__}


def test_joined_scores_give_the_losses_of_the_parts() -> None:
    parts = [make_scores([[2, 3, 1]], seed=1, mismatched=True), make_scores([[4, 2], [1, 1]], seed=2, mismatched=True)]
    joined = join_scores(parts)
    for name in ("plackett_luce", "sft"):
        loss, _ = load_loss(name)
        assert torch.allclose(loss(joined), torch.cat([loss(part) for part in parts]))
    assert torch.equal(joined.ratio_S[joined.mismatched_P], torch.cat([p.ratio_S[p.mismatched_P] for p in parts]))


def test_mixtures_weigh_their_parts_and_share_beta() -> None:
    scores = make_scores(weight_P=torch.tensor([1.0, 2.0, 0.0, 1.0]))
    objective = Objective(["sigmoid", "sft", "simpo"], [1.0, 0.2, 0.5], {"simpo": {"beta": 2.5}}, beta=0.3)
    total, parts = objective(scores)
    wanted = parts["sigmoid"] + 0.2 * parts["sft"] + 0.5 * parts["simpo"]
    assert torch.allclose(total, wanted * scores.weight_P)
    assert torch.allclose(parts["sigmoid"], load_loss("dpo")[0](scores, beta=0.3))
    assert torch.allclose(parts["simpo"], load_loss("simpo")[0](scores, beta=2.5))
    assert objective.beta == 0.3
    assert objective.traits.reference
    assert not objective.traits.margin_only
    assert all(load_loss(theirs)[0].__name__ == ours for theirs, ours in TRL_NAMES.items())


def test_options_out_of_range_are_refused() -> None:
    for name, options in (
        ("robust", {"label_smoothing": 0.5}),
        ("exo", {"label_smoothing": 0.0}),
        ("f_dpo", {"divergence": "tv"}),
    ):
        with pytest.raises(ValueError, match=name):
            load_loss(name)[0](make_scores(), **options)


@pytest.mark.parametrize("name", ["aot", "aot_unpaired"])
def test_sorted_losses_go_back_to_their_own_pairs(name: str) -> None:
    weight_P = torch.tensor([1.0, 0.0, 0.0, 0.0])
    scores = make_scores(weight_P=weight_P)
    total_P, _parts = Objective([name])(scores)
    assert float(total_P[1:].abs().sum()) == 0
    (grad,) = torch.autograd.grad(total_P.sum(), scores.policy_N)
    touched = {int(text) for text in scores.text_N[grad != 0]}
    assert 0 in touched
    assert touched <= ({0, 1} if name == "aot" else {0, 1, 3, 5, 7})  # unpaired: whichever rejected text is level
