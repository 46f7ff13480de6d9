"""Tries, padded rows and one text at a time give the same log-probs and gradients, across model families."""

from __future__ import annotations

import logging
import random
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import trainer.attention
from trainer.attention import TreeMask, use_tree_attention
from trainer.batch import make_batch
from trainer.data import Example
from trainer.errors import TrainingInputError
from trainer.head import Request, attach, find_head
from trainer.layouts import Layout, Padded, Tree, choose_layout, request_for
from trainer.losses import Objective
from trainer.reference import compute_logps
from trainer.scores import make_scores
from trainer.steps import StepMaker

SMALL = {
    "vocab_size": 40,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 128,
    "pad_token_id": 0,
}
WINDOW = {"sliding_window": 5}
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("Llama", {}),
    "qwen2": ("Qwen2", {"tie_word_embeddings": True}),
    "qwen3": ("Qwen3", {}),
    "qwen2 with a sliding window": ("Qwen2", {**WINDOW, "use_sliding_window": True, "max_window_layers": 1}),
    "mistral with a sliding window": ("Mistral", WINDOW),
    "gemma": ("Gemma", {}),
    "gemma2 with soft-capping and a window": ("Gemma2", {**WINDOW, "query_pre_attn_scalar": 8}),
    "gemma3": (
        "Gemma3Text",
        {**WINDOW, "query_pre_attn_scalar": 8, "layer_types": ["sliding_attention", "full_attention"]},
    ),
    "phi": ("Phi", {"num_key_value_heads": 4}),
    "phi3": ("Phi3", {}),
    "cohere, which scales its logits": ("Cohere", {"logit_scale": 0.5}),
    "granite, which divides them": ("Granite", {"logits_scaling": 3.0}),
}


def make_model(family: str, dtype: torch.dtype = torch.float32) -> Any:
    name, options = FAMILIES[family]
    torch.manual_seed(0)
    config = getattr(transformers, f"{name}Config")(**{**SMALL, **options}, attn_implementation="eager")
    head = "Gemma3ForCausalLM" if name == "Gemma3Text" else f"{name}ForCausalLM"
    model = getattr(transformers, head)(config).to(dtype).eval()
    for parameter in model.parameters():  # large enough that attention is far from uniform
        parameter.data.mul_(3)
    attach(model)
    return model


def make_examples(seed: int = 0, prompts: int = 3, most: int = 8) -> list[Example]:
    """Rankings of up to `most` completions that share prefixes three levels deep."""
    rng = random.Random(seed)

    def draw(count: int) -> tuple[int, ...]:
        return tuple(rng.randrange(2, 40) for _ in range(count))

    examples = []
    for number in range(prompts):
        one = draw(3)
        two = one + draw(3)
        stems = [(), one, one, two, two, two + draw(2), two]
        texts = {(*rng.choice(stems), *draw(rng.randrange(1, 6)), 1) for _ in range(rng.randrange(2, most + 1))}
        while len(texts) < 2:
            texts.add((*draw(4), 1))
        examples.append(Example(draw(rng.randrange(3, 9)), tuple(sorted(texts)), f"row {number}"))
    return examples


def learn(
    model: Any, layout: Layout, examples: list[Example], budget: int
) -> tuple[list[torch.Tensor], dict[str, Any]]:
    """Log-probs of all texts, and the gradients of a loss over all examples."""
    model.zero_grad()
    objective = Objective(["plackett_luce", "sft"], [1.0, 0.3], beta=0.5)
    reference = [
        0.1 * torch.randn(sum(map(len, e.texts)), generator=torch.Generator().manual_seed(i))
        for i, e in enumerate(examples)
    ]
    known = []
    for example, values in zip(examples, reference, strict=True):
        parts = values.split([len(text) for text in example.texts])
        known.append(Example(**{**vars(example), "reference": tuple(part.numpy() for part in parts)}))
    made: dict[tuple[str, int], torch.Tensor] = {}
    step = StepMaker(layout, 0, budget)(known)
    for batch in step["batches"]:
        with layout.prepare(model):
            scores = make_scores(batch, layout.forward(model, batch, request_for(batch)))
            losses_P, _ = objective(scores)
            (losses_P.sum() / step["pairs"]).backward()
        for p, where in enumerate(batch.wheres):
            for k in range(scores.texts_PK.shape[1]):
                made[where, k] = scores.policy[p, k].detach()
    texts = [made[e.where, k] for e in examples for k in range(len(e.texts))]
    return texts, {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}


def assert_same(a: tuple[list[Any], dict[str, Any]], b: tuple[list[Any], dict[str, Any]], limit: float) -> None:
    assert torch.allclose(torch.stack(a[0]), torch.stack(b[0]), rtol=limit, atol=limit)
    assert a[1].keys() == b[1].keys()
    for name, wanted in b[1].items():
        error = (a[1][name] - wanted).norm() / wanted.norm().clamp(min=1e-12)
        assert error <= limit, name


WAYS: dict[str, tuple[Layout, int]] = {
    "tries in one micro-batch": (Tree(), 100_000),
    "tries in several": (Tree(), 90),
    "padded rows": (Padded(), 100_000),
    "padded rows, full logits": (Padded(whole_logits=True), 400),
}


@pytest.fixture
def all_in_double(monkeypatch: pytest.MonkeyPatch) -> None:
    """The families' norms, rotary tables and softmaxes go to float32 on their way; here they stay in float64."""
    monkeypatch.setattr(torch, "float32", torch.float64)
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries of a few tokens are cut into pieces as long ones are."""
    monkeypatch.setattr(trainer.attention, "PIECE", 3)


@pytest.mark.parametrize("family", FAMILIES)
def test_in_double_precision_all_layouts_equal_one_text_at_a_time(family: str, all_in_double: None) -> None:
    model = make_model(family, torch.double)
    for seed in range(2):
        examples = make_examples(seed)
        alone = learn(model, Padded(whole_logits=True), examples, max(e.length * len(e.texts) for e in examples))
        for layout, budget in WAYS.values():
            assert_same(learn(model, layout, examples, budget), alone, 1e-9)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 1000), st.integers(70, 400), st.integers(1, 6))
def test_the_gradient_is_that_of_the_plain_mean_for_any_budget(
    all_in_double: None, seed: int, budget: int, prompts: int
) -> None:
    model = make_model("qwen3", torch.double)
    examples = make_examples(seed, prompts)
    plain = learn(model, Padded(whole_logits=True), examples, 100_000)
    assert_same(learn(model, Tree(), examples, budget), plain, 1e-9)
    least = max(e.length * len(e.texts) for e in examples)
    assert_same(learn(model, Padded(), examples, max(budget, least)), plain, 1e-9)


@pytest.mark.parametrize("family", FAMILIES)
def test_in_single_precision_all_layouts_equal_one_text_at_a_time(family: str) -> None:
    model = make_model(family)
    examples = make_examples(7)
    alone = learn(model, Padded(whole_logits=True), examples, max(e.length * len(e.texts) for e in examples))
    for layout, budget in WAYS.values():
        assert_same(learn(model, layout, examples, budget), alone, 1e-4)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_model_alone_gives_the_same_log_probs(family: str) -> None:
    """Against transformers' own forward, without any of our code."""
    model = make_model(family)
    (example,) = make_examples(3, prompts=1)
    made = {}
    for part in compute_logps(model, [example], Tree(), pad=0, budget=1000):
        made |= part
    for k, text in enumerate(example.completions):
        ids = torch.tensor([example.prompt + text])
        with torch.no_grad():
            logps = model(input_ids=ids).logits[0, len(example.prompt) - 1 : -1].float().log_softmax(-1)
        own = logps.gather(-1, torch.tensor(text)[:, None]).squeeze(-1)
        assert np.allclose(made[0, k], own.numpy(), atol=2e-4)


def test_tries_are_chosen_where_the_model_can_take_them(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="trainer"):
        for family in FAMILIES:
            assert isinstance(choose_layout(make_model(family), make_examples(), 0, "auto", 1000), Tree), family
    assert "layout: prompt tries; largest difference" in caplog.text
    assert isinstance(choose_layout(make_model("llama"), make_examples(), 0, "padded", 1000), Padded)


def make_hybrid() -> Any:
    torch.manual_seed(0)
    config = transformers.Qwen3NextConfig(
        **{k: v for k, v in SMALL.items() if k != "num_hidden_layers"},
        num_hidden_layers=2,
        layer_types=["linear_attention", "full_attention"],
        num_experts=2,
        num_experts_per_tok=1,
        moe_intermediate_size=16,
        shared_expert_intermediate_size=16,
        linear_num_key_heads=2,
        linear_num_value_heads=2,
        linear_key_head_dim=8,
        linear_value_head_dim=8,
    )
    return transformers.Qwen3NextForCausalLM(config).eval()


@pytest.mark.parametrize("kind", ["hybrid", "recurrent"])
def test_hybrid_and_recurrent_models_take_padded_rows(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    if kind == "hybrid":
        model: Any = make_hybrid()
    else:
        config = transformers.MambaConfig(
            vocab_size=40, hidden_size=32, num_hidden_layers=2, state_size=4, pad_token_id=0
        )
        model = transformers.MambaForCausalLM(config).eval()
    attach(model)
    with caplog.at_level(logging.INFO, logger="trainer"):
        layout = choose_layout(model, make_examples(), 0, "auto", 1000)
    assert isinstance(layout, Padded)
    assert "tries are not possible with this model" in caplog.text
    with pytest.raises(TrainingInputError, match="use 'padded'"):
        choose_layout(model, make_examples(), 0, "tree", 1000)


def test_a_head_that_we_do_not_know_is_found_out(caplog: pytest.LogCaptureFixture) -> None:
    """A model that does something to its logits which its configuration does not tell."""
    model = make_model("llama")
    del model.forward, model._errata_plain_forward
    plain = model.forward

    def strange(*args: Any, **options: Any) -> Any:
        output = plain(*args, **options)
        output.logits = output.logits * 0.5
        return output

    model.forward = strange
    attach(model)
    layout = choose_layout(model, make_examples(), 0, "auto", 1000)
    assert isinstance(layout, Padded)
    assert layout.whole_logits
    assert "full logits are used" in caplog.text


def test_flex_attention_and_sdpa_take_the_same_mask() -> None:
    examples = make_examples()
    model = make_model("gemma2 with soft-capping and a window")
    dense, flex = (token_sums(model, examples, Tree(flex=flex)) for flex in (False, True))
    assert torch.allclose(dense, flex, atol=1e-3)


def token_sums(model: Any, examples: list[Example], layout: Layout) -> torch.Tensor:
    made = {}
    for part in compute_logps(model, examples, layout, pad=0, budget=512):
        made |= part
    return torch.tensor([float(made[key].sum()) for key in sorted(made)])


@pytest.mark.gpu
@pytest.mark.parametrize("family", FAMILIES)
def test_on_a_gpu_flex_attention_learns_what_sdpa_learns(family: str) -> None:
    model = make_model(family).cuda()
    made = []
    for layout in (Padded(whole_logits=True), Tree(), Tree(flex=True)):
        examples = make_examples(5)
        model.zero_grad()
        step = StepMaker(layout, 0, 4096)(examples)
        for batch in step["batches"]:
            moved = batch.to("cuda")
            with layout.prepare(model):
                scores = make_scores(moved, layout.forward(model, moved, request_for(moved)))
                losses_P, _ = Objective(["sft"])(scores)
                losses_P.sum().backward()
        made.append({n: p.grad.clone() for n, p in model.named_parameters()})
    for other in made[1:]:
        for name, wanted in made[0].items():
            assert (other[name] - wanted).norm() <= 1e-3 * wanted.norm() + 1e-6, name


def test_a_tree_mask_is_needed_under_tree_attention() -> None:
    model = make_model("llama")
    with use_tree_attention(model), pytest.raises(ValueError, match="needs the keyword argument `tree`"):
        model(input_ids=torch.ones(1, 4, dtype=torch.long))
    assert model(input_ids=torch.ones(1, 4, dtype=torch.long)).logits.shape == (1, 4, 40)


def test_the_dense_mask_is_the_tries_own_and_windows_count_depth() -> None:
    (unit,) = Tree().units(make_examples(prompts=1), 1000)
    (plan,) = Tree().fill([unit], 1000)
    batch = make_batch(plan, make_examples(prompts=1), 0)
    tree = TreeMask(batch.subtree_end_BT, batch.depth_BT, batch.segments)
    trie = unit[0].trie
    near = np.abs(trie.depth_T[:, None] - trie.depth_T[None, :]) < 3
    for window, wanted in ((None, trie.ancestor_mask()), (3, trie.ancestor_mask() & near)):
        seen, start = np.zeros_like(wanted), 0
        (pieces,) = tree.pieces(window)
        for piece in pieces:
            stop = start + piece.queries
            keys = np.arange(stop) if piece.keys is None else piece.keys.numpy()
            seen[start:stop, keys] = piece.mask[0, 0].numpy()
            start = stop
        assert start == len(trie)
        assert np.array_equal(seen, wanted)


def test_the_kl_to_a_reference_is_the_whole_vocabularys() -> None:
    model, reference = make_model("qwen3"), make_model("llama")
    examples = make_examples()
    layout = Tree()
    (plan,) = layout.fill(layout.units(examples, 1000), 1000)
    batch = make_batch(plan, examples, 0)
    wanted = Request(batch.parents_U, batch.targets_U, hidden=True)
    with layout.prepare(reference), torch.no_grad():
        hidden_UD = layout.forward(reference, batch, wanted)["hidden_UD"]
    with layout.prepare(model):
        made = layout.forward(model, batch, request_for(batch, against=(hidden_UD, find_head(reference))))
        tree = TreeMask(batch.subtree_end_BT, batch.depth_BT, batch.segments)
        options = {"position_ids": batch.depth_BT, "tree": tree, "use_cache": False}
        policy = model(input_ids=batch.tokens_BT, **options).logits.flatten(0, 1)[batch.parents_U].log_softmax(-1)
    target = find_head(reference).logits(hidden_UD).log_softmax(-1)
    kl = torch.nn.functional.kl_div(policy, target, log_target=True, reduction="none").sum(-1)
    assert torch.allclose(made["kl_U"], kl, atol=1e-4)
    made["kl_U"].sum().backward()
    assert model.lm_head.weight.grad.norm() > 0
