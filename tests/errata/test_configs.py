"""Every shipped configuration loads."""

from __future__ import annotations

from pathlib import Path

import pytest

from errata.config import ErrataSettings
from pipeline.loading import load_settings

ROOT = Path(__file__).parents[2]
CONFIGS = sorted([*(ROOT / "configs").glob("*.yaml"), ROOT / "errata" / "demo" / "demo.yaml"])


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_a_shipped_configuration_loads(path: Path) -> None:
    settings = load_settings(path, cls=ErrataSettings)
    assert settings.run_dir.name == settings.name
