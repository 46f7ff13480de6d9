"""What a loss needs from the trainer, and what it can take."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Traits:
    """Stands beside each loss as TRAITS; the trainer computes what is asked for, and nothing else."""

    reference: bool = True
    """Reads reference log-probs."""
    margin_only: bool = False
    """Depends on log-probs through chosen minus rejected alone, so that tokens which both share cancel."""
    margins: bool = False
    """Honours the data's margin column."""
    coupled: bool = False
    """The examples of a step influence one another; the trainer then evaluates it over the whole step at once."""
    kl: bool = False
    """Reads the KL over the whole vocabulary, which needs a live reference model."""
    confidence: bool = False
    """Reads log Σ p² at each token."""
    mismatched: bool = False
    """Needs another prompt's completion beside each example."""
    single: bool = False
    """Takes examples with one completion."""
    ranked: bool = False
    """Takes examples with more than two completions."""
