"""`errata build --on`: what is told before any work is begun, and that a local build knows nothing of Ray."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from errata.cli import main
from pipeline.errors import ConfigError
from pipeline.scale import cluster
from pipeline.scale.cluster import check_address, code_version, difference, versions
from pipeline.scale.settings import ScaleSettings
from tests.pipeline.scale.clusters import environment
from tests.pipeline.scale.lesson import make_settings, write_problems


def build_without_ray(tmp_path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """A build in a process in which Ray cannot be imported."""
    make_settings(tmp_path, write_problems(tmp_path / "problems.jsonl", 6))
    code = "import sys; sys.modules['ray'] = None; from errata.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "build", str(tmp_path / "config.yaml"), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment())


def test_a_local_build_needs_no_ray(tmp_path: Path) -> None:
    done = build_without_ray(tmp_path, "--on", "local")
    assert done.returncode == 0, done.stderr


def test_where_ray_is_missing_the_fix_is_told(tmp_path: Path) -> None:
    done = build_without_ray(tmp_path, "--on", "ray")
    assert done.returncode == 2
    assert "pip install 'errata[ray]'" in done.stderr


@pytest.mark.parametrize("options", [["--address", "auto"], ["--workers", "2"], ["--on", "local", "--workers", "2"]])
def test_options_of_the_other_kind_are_refused(tmp_path: Path, options: list[str], capsys) -> None:
    make_settings(tmp_path, write_problems(tmp_path / "problems.jsonl", 6))
    assert main(["build", str(tmp_path / "config.yaml"), *options]) == 2
    assert "goes with --on ray" in capsys.readouterr().err


def test_an_address_where_nothing_listens_is_told_at_once() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    with pytest.raises(ConfigError, match=f"--address 127.0.0.1:{port}: nothing answers there"):
        check_address(f"127.0.0.1:{port}")
    with socket.create_server(("127.0.0.1", 0)) as server:
        check_address(f"127.0.0.1:{server.getsockname()[1]}")
    for address in (None, "auto"):
        check_address(address)


@pytest.mark.parametrize("address", ["head", "ray://head:10001", "head:", ":x", "127.0.0.1:99999999"])
def test_an_address_that_is_none_is_told(address: str) -> None:
    with pytest.raises(ConfigError, match="--address"):
        check_address(address)


def test_versions_are_compared_wherever_they_lie() -> None:
    here = versions()
    assert difference(here, here) is None
    assert difference(here | {"Errata": f"{code_version()} in /elsewhere"}, here) is None
    told = difference(here | {"Errata": "0123 in /elsewhere"}, here)
    assert told is not None
    assert "another Errata there (0123 in /elsewhere)" in told


def test_another_prompt_is_another_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prompts = shutil.copytree(cluster.SHIPPED, tmp_path / "prompts")
    monkeypatch.setattr(cluster, "SHIPPED", prompts)
    assert code_version.__wrapped__() == code_version()
    with next(prompts.glob("*.jinja")).open("a") as template:
        template.write(" ")
    assert code_version.__wrapped__() != code_version()


def test_every_setting_has_its_meaning_beside_it() -> None:
    assert [name for name, field in ScaleSettings.model_fields.items() if not field.description] == []
