"""Tree layout against one text at a time: log-probs and gradients, across model families."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from trainer.attention import TreeMask, use_tree_attention
from trainer.trie import Trie, build_trie

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
EXACT = 3e-6
"""Relative error allowed: the weights are float64, but the families' norms and rotary tables compute in float32."""
WINDOW = {"sliding_window": 5}
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("Llama", {}),
    "qwen2": ("Qwen2", {}),
    "qwen3": ("Qwen3", {}),
    "qwen2 with a sliding window": ("Qwen2", {**WINDOW, "use_sliding_window": True, "max_window_layers": 1}),
    "mistral with a sliding window": ("Mistral", WINDOW),
    "gemma": ("Gemma", {}),
    "gemma2 with soft-capping and a window": ("Gemma2", {**WINDOW, "query_pre_attn_scalar": 8}),
    "phi3": ("Phi3", {}),
}


def make_model(family: str) -> Any:
    name, options = FAMILIES[family]
    torch.manual_seed(0)
    config = getattr(transformers, f"{name}Config")(**{**SMALL, **options}, attn_implementation="eager")
    model = getattr(transformers, f"{name}ForCausalLM")(config).double().eval()
    for parameter in model.parameters():  # large enough that attention is far from uniform
        parameter.data.mul_(3)
    return model


def make_tries(seed: int = 0) -> list[tuple[list[int], list[list[int]], Trie]]:
    """Two prompts with four completions each that share prefixes three levels deep."""
    rng = random.Random(seed)
    made = []
    for _ in range(2):
        prompt = [rng.randrange(1, 40) for _ in range(7)]
        one = [rng.randrange(1, 40) for _ in range(4)]
        two = [*one, *(rng.randrange(1, 40) for _ in range(3))]
        completions = [[*stem, *(rng.randrange(1, 40) for _ in range(5))] for stem in (one, two, two, [])]
        made.append((prompt, completions, build_trie(prompt, completions)))
    return made


def pack(tries: list[Trie]) -> tuple[torch.Tensor, TreeMask]:
    """All tries in one row."""
    offsets = np.cumsum([0, *map(len, tries)])[:-1]
    tokens = np.concatenate([t.tokens_T for t in tries])
    ends = np.concatenate([t.subtree_end_T + offset for t, offset in zip(tries, offsets, strict=True)])
    depth = np.concatenate([t.depth_T for t in tries])
    return torch.from_numpy(tokens)[None], TreeMask(torch.from_numpy(ends)[None], torch.from_numpy(depth)[None])


def tree_logps(model: Any, tries: list[Trie]) -> list[torch.Tensor]:
    tokens, tree = pack(tries)
    with use_tree_attention(model):
        logits = model(input_ids=tokens, position_ids=tree.depth_BT, tree=tree, use_cache=False).logits[0]
    sums, offset = [], 0
    for trie in tries:
        for path in trie.paths:
            nodes = torch.from_numpy(path)
            parents = torch.from_numpy(trie.parent_T)[nodes] + offset
            logps = logits[parents].log_softmax(-1)
            sums.append(logps.gather(-1, tokens[0, nodes + offset][:, None]).sum())
        offset += len(trie)
    return sums


def plain_logps(model: Any, prompt: list[int], completions: list[list[int]]) -> list[torch.Tensor]:
    sums = []
    for completion in completions:
        ids = torch.tensor([prompt + completion])
        logps = model(input_ids=ids, use_cache=False).logits[0, len(prompt) - 1 : -1].log_softmax(-1)
        sums.append(logps.gather(-1, torch.tensor(completion)[:, None]).sum())
    return sums


def gradients(model: Any, sums: list[torch.Tensor]) -> dict[str, torch.Tensor]:
    weights = torch.linspace(-1, 1, len(sums), dtype=torch.double)
    model.zero_grad()
    (torch.stack(sums) * weights).sum().backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("family", FAMILIES)
def test_log_probs_and_gradients_equal_those_of_one_text_at_a_time(family: str) -> None:
    model, made = make_model(family), make_tries()
    tree = tree_logps(model, [trie for _, _, trie in made])
    tree_gradients = gradients(model, tree)
    plain = [logp for prompt, completions, _ in made for logp in plain_logps(model, prompt, completions)]
    plain_gradients = gradients(model, plain)
    assert torch.allclose(torch.stack(tree), torch.stack(plain), rtol=EXACT)
    assert tree_gradients.keys() == plain_gradients.keys()
    for name, wanted in plain_gradients.items():
        error = (tree_gradients[name] - wanted).norm() / wanted.norm().clamp(min=1e-12)
        assert error <= EXACT, name


def test_flex_attention_and_sdpa_take_the_same_mask() -> None:
    tokens, tree = pack([trie for _, _, trie in make_tries()])
    model = make_model("llama").float()
    flex = TreeMask(tree.subtree_end_BT, tree.depth_BT, flex=True)
    with torch.no_grad(), use_tree_attention(model):
        dense, blocks = (
            model(input_ids=tokens, position_ids=tree.depth_BT, tree=mask, use_cache=False).logits
            for mask in (tree, flex)
        )
    assert torch.allclose(dense, blocks, atol=1e-4)


def test_the_dense_mask_is_the_tries_own() -> None:
    tries = [trie for _, _, trie in make_tries()]
    _, tree = pack(tries)
    wanted = torch.block_diag(*(torch.from_numpy(trie.ancestor_mask()).int() for trie in tries)).bool()
    assert torch.equal(tree.dense()[0, 0], wanted)


def test_a_model_attends_as_before_outside_the_block_and_says_what_is_missing_inside() -> None:
    model = make_model("qwen3")
    ids = torch.tensor([[1, 2, 3]])
    before = model(input_ids=ids).logits
    with use_tree_attention(model), pytest.raises(ValueError, match="`tree`"):
        model(input_ids=ids)
    assert torch.equal(model(input_ids=ids).logits, before)
