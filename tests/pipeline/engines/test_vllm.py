"""The managed engine. The slow tests start real vLLM, in the environment that `make vllm` makes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pickle
import secrets
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest

import pipeline
from errata.demo import story, world
from pipeline.engines.vllm import Settings
from pipeline.errors import ConfigError, EngineUnusable, RequestFailed
from pipeline.loading import load_settings
from pipeline.meter import Meter
from pipeline.probe import probe
from pipeline.run import build
from pipeline.stages import Progress
from pipeline.summary import Tally
from pipeline.types import Message, SamplingParams

ROOT = Path(__file__).parents[3]
MARK = f"V{secrets.token_hex(3)}"
"""How vLLM names the processes of our servers, so that those of other tests are told from them."""
CPU = {
    "max_model_len": 256,
    "dtype": "float32",
    "extra_args": ("--enforce-eager",),
    "environment": {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_PROCESS_NAME_PREFIX": MARK},
    "max_concurrency": 64,
}


@pytest.fixture(scope="module")
def served(student_dir: Path) -> dict[str, Any]:
    """Settings of the demo's student behind vLLM."""
    python = ROOT / ".venv-vllm" / "bin" / "python"
    if not python.is_file():
        pytest.skip("no environment with vLLM: make vllm")
    return {"engine": "vllm", "model": str(student_dir), "python": str(python), **CPU}


class Opens:
    """Makes a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (str(self.mark), "a")


def running_servers() -> list[psutil.Process]:
    """Every process of our vLLM servers."""
    found = []
    for process in psutil.process_iter(["cmdline", "name"]):
        with contextlib.suppress(psutil.NoSuchProcess):
            words = " ".join(process.info["cmdline"] or [])
            main = "vllm.entrypoints" in words and process.environ().get("VLLM_PROCESS_NAME_PREFIX") == MARK
            if main or process.info["name"].startswith(MARK):  # the name is written over the environment
                found.append(process)
    return found


def wait_until_gone(processes: list[psutil.Process]) -> list[psutil.Process]:
    return psutil.wait_procs(processes, timeout=60)[1]


def ask(number: int) -> tuple[Message, ...]:
    stories = world.stories("vllm-test")
    return (Message(role="user", content=next(s for i, s in enumerate(stories) if i == number).question),)


class KillTheEngine(Progress):
    """Kills every engine process with SIGKILL once, in the middle of the run."""

    def __init__(self) -> None:
        self.killed: list[psutil.Process] = []
        self.meters: Mapping[str, Meter] = {}

    def watch(self, tally: Tally, meters: Mapping[str, Meter]) -> None:
        self.meters = meters

    def __call__(self, stage: str, done: int, total: int) -> None:
        if not self.killed and done >= total // 3:
            self.killed = [p for p in running_servers() if "EngineCore" in p.name()]
            for process in self.killed:
                process.kill()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_demo_data_set_is_complete_though_its_engine_is_killed(served: dict[str, Any], tmp_path: Path) -> None:
    settings = story.make_settings(tmp_path, [])
    story.write_problems(settings, 400)
    settings = settings.model_copy(update={"student": Settings(**served)})
    killer = KillTheEngine()
    summary = asyncio.run(build(settings, killer))
    assert killer.killed, "the test killed nothing"
    assert summary.usage["student"].errors["server_died"] == 1
    assert (summary.problems, summary.attempts, summary.failed) == (400, 1600, 0)
    assert summary.correct + summary.wrong + summary.unknown == 1600
    assert summary.correct > 200, "the student is right in one of four"
    assert summary.kept == len(pipeline.load_run(settings.run_dir).pairs.query("kept")) > 200
    assert not running_servers(), "nothing of the server is left"

    again = asyncio.run(build(settings))
    assert (again.attempts, again.kept) == (summary.attempts, summary.kept)
    assert again.usage["student"].requests == 0, "a server on another port is the same model: nothing is asked again"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_served_model_teaches_over_http(served: dict[str, Any], tmp_path: Path, monkeypatch) -> None:
    """The teacher is a vLLM that somebody else has started: an endpoint with a key."""

    async def run() -> Any:
        async with Settings(**served).create() as engine:
            replica = engine.replicas[0]  # type: ignore[attr-defined]
            monkeypatch.setenv("TEACHER_KEY", replica.key)
            settings = story.make_settings(tmp_path, ["--problems.limit", "60", "--sample.n", "2"])
            story.write_problems(settings)
            teacher = {
                "engine": "endpoint",
                "base_url": f"http://127.0.0.1:{replica.port}/v1",
                "model": "model",
                "api_key_env": "TEACHER_KEY",
                "input_price": 1.0,
                "output_price": 2.0,
            }
            rung = {"rung": "gold_guided", "teacher": "vllm", "prompt": "bare", "reply": "plain", "samples": 4}
            rung["params"] = {"max_tokens": 96}
            prompts = tmp_path / "prompts"
            prompts.mkdir()
            (prompts / "bare.jinja").write_text("{{ question }}")
            told = settings.model_dump(mode="json") | {"teachers": {"vllm": teacher}, "correct": {"rungs": [rung]}}
            file = tmp_path / "config.yaml"
            file.write_text(json.dumps({**told, "prompts": str(prompts)}))
            loaded = load_settings(file, cls=type(settings))
            return await build(loaded), await probe("vllm", loaded.teachers["vllm"])

    summary, found = asyncio.run(run())
    assert found.usable, found.error
    assert (found.listed, found.context_length, found.json_schema, found.many) == (True, 256, "yes", "yes")
    assert summary.mistakes > 20
    assert summary.corrections["gold_guided"] == summary.kept > 0
    use = summary.usage["vllm"]
    assert use.completions + use.from_cache == summary.tries["gold_guided"], "equal prompts are asked once"
    assert use.requests == use.completions
    assert use.cost == pytest.approx((use.prompt_tokens + 2 * use.completion_tokens) / 1e6)
    assert not running_servers()


POISON = """
import os
from vllm.v1.sample.logits_processor import LogitsProcessor

class Poison(LogitsProcessor):
    def __init__(self, vllm_config, device, is_pin_memory): pass
    def is_argmax_invariant(self): return True
    def apply(self, logits): return logits
    def update_state(self, batch_update):
        if batch_update and any(params.max_tokens == 63 for _, params, *_ in batch_update.added):
            os.abort()
"""
"""A plug-in of vLLM that ends the engine's process when a request for 63 tokens reaches it."""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_request_that_kills_the_engine_each_time_fails_alone(served: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "poison.py").write_text(POISON)
    arguments = (*served["extra_args"], "--logits-processors", "poison:Poison")
    environment = {**served["environment"], "PYTHONPATH": str(tmp_path)}

    async def run() -> tuple[list[Any], Meter]:
        async with Settings(**{**served, "extra_args": arguments, "environment": environment}).create() as engine:
            poison = engine.complete(ask(0), n=1, params=SamplingParams(max_tokens=63))
            others = [engine.complete(ask(1 + i), n=1, params=SamplingParams(max_tokens=64)) for i in range(12)]
            return await asyncio.gather(poison, *others, return_exceptions=True), engine.meter

    (poisoned, *others), meter = asyncio.run(run())
    assert isinstance(poisoned, RequestFailed)
    assert "died each of the 4 times" in str(poisoned)
    assert all(len(made) == 1 for made in others)
    assert meter.errors["server_died"] == 4
    assert not running_servers()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_server_ends_though_we_are_killed(served: dict[str, Any], tmp_path: Path) -> None:
    script = tmp_path / "hold.py"
    script.write_text(
        "import asyncio, json, sys\n"
        "from pipeline.engines.vllm import Settings\n"
        "async def main():\n"
        "    async with Settings(**json.loads(sys.argv[1])).create():\n"
        "        print('ready', flush=True)\n"
        "        await asyncio.sleep(600)\n"
        "asyncio.run(main())\n"
    )
    command = [sys.executable, str(script), json.dumps(served)]
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    with subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": path}) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"ready\n"
        servers = running_servers()
        assert len(servers) >= 2, "the API server and its engine"
        holder.send_signal(signal.SIGKILL)
    assert wait_until_gone(servers) == []


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_model_that_does_not_fit_is_told_in_vllms_own_words(served: dict[str, Any]) -> None:
    async def run() -> None:
        async with Settings(**{**served, "max_model_len": 1 << 20}).create():
            pass

    with pytest.raises(EngineUnusable, match=r"(?s)\| .*max_model_len is longer than the model's context"):
        asyncio.run(run())
    assert not running_servers()


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("hostile", ["code", "pickle"])
def test_nothing_in_a_models_folder_is_run(served: dict[str, Any], tmp_path: Path, hostile: str) -> None:
    model, mark = tmp_path / "model", tmp_path / "owned"
    shutil.copytree(served["model"], model)
    if hostile == "code":
        (model / "evil.py").write_text(
            f"open({str(mark)!r}, 'a').close()\n"
            "from transformers import Qwen3Config as EvilConfig, Qwen3ForCausalLM as EvilModel\n"
        )
        own = {"AutoConfig": "evil.EvilConfig", "AutoModelForCausalLM": "evil.EvilModel"}
        config = json.loads((model / "config.json").read_text()) | {"model_type": "evil", "auto_map": own}
        (model / "config.json").write_text(json.dumps(config))
    else:
        (model / "model.safetensors").unlink()
        (model / "decoy.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
        (model / "pytorch_model.bin").write_bytes(pickle.dumps({"lm_head.weight": Opens(mark)}))

    async def start() -> None:
        async with Settings(**served | {"model": str(model)}).create():
            pass

    with pytest.raises(
        EngineUnusable, match="trust_remote_code" if hostile == "code" else "ended while it was starting"
    ):
        asyncio.run(start())
    assert not mark.exists()


def test_without_vllm_the_message_says_what_to_install(student_dir: Path) -> None:
    with pytest.raises(ConfigError, match=r"pip install 'errata\[vllm\]'"):
        Settings(model=str(student_dir)).check()
    with pytest.raises(ConfigError, match="/no/python does not run"):
        Settings(model=str(student_dir), python="/no/python").check()


def test_a_folder_that_is_no_model_is_told_before_anything_starts(tmp_path: Path, student_dir: Path) -> None:
    with pytest.raises(ConfigError, match="no such folder"):
        Settings(model=str(tmp_path / "nothing")).check()
    with pytest.raises(ConfigError, match=r"adapter_config\.json"):
        Settings(model=str(student_dir), adapter=tmp_path).check()


def test_a_taken_port_is_named(student_dir: Path, monkeypatch) -> None:
    monkeypatch.setattr(Settings, "distribution", lambda self: "vllm")

    async def run(port: int) -> None:
        async with Settings(model=str(student_dir), port=port).create():
            pass

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"port {port} is taken"):
            asyncio.run(run(port))


def test_the_identity_is_the_content_not_the_place_or_the_port(student_dir: Path, tmp_path: Path) -> None:
    from pipeline.engines.vllm import VLLM

    copy = tmp_path / "copy"
    shutil.copytree(student_dir, copy)

    def identity(**options: Any) -> str:
        return VLLM(Settings(**{"model": str(student_dir), **options}))._describe()

    assert identity() == identity(model=str(copy), port=1234, replicas=2, max_concurrency=1)
    assert identity() != identity(dtype="bfloat16")
    template = copy / "other.jinja"
    template.write_text("{{ messages }}")
    assert identity() != identity(chat_template=str(template))
    weights = copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\0\0")
    assert identity() != identity(model=str(copy))


def test_replicas_get_devices_of_their_own(student_dir: Path, monkeypatch) -> None:
    from pipeline.engines.vllm import VLLM, Replica

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,6,7")
    engine = VLLM(Settings(model=str(student_dir), replicas=2, tensor_parallel=2))
    replicas = [Replica(engine, number, seeds=True) for number in range(2)]
    assert [r.environment()["CUDA_VISIBLE_DEVICES"] for r in replicas] == ["4,5", "6,7"]
    assert replicas[0].port != replicas[1].port
    assert "--tensor-parallel-size 2" in " ".join(replicas[0].command())
    for replica in replicas:
        replica.server.close()


@pytest.mark.parametrize("killed", [False, True])
def test_a_watched_process_ends_with_its_parent_and_with_its_own_children(killed: bool) -> None:
    """Also where whoever ends the parent kills the parent's children first.

    The watchdog alone, with a cheap server: a shell whose grandchild has left its process group.
    """
    from pipeline.serving import watchdog

    grandchild = "import time; time.sleep(600)"
    child = (
        "import subprocess, sys, time\n"
        f"p = subprocess.Popen([sys.executable, '-c', {grandchild!r}], start_new_session=True)\n"
        "print(p.pid, flush=True); time.sleep(600)"
    )
    command = [sys.executable, watchdog.__file__, sys.executable, "-c", child]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True) as watched:
        assert watched.stdout is not None
        assert watched.stdin is not None
        orphan = psutil.Process(int(watched.stdout.readline()))
        everyone = [orphan, *psutil.Process(watched.pid).children(recursive=True)]
        if killed:
            watched.kill()
        watched.stdin.close()
        assert wait_until_gone(everyone) == []
        assert watched.wait(30) == (-signal.SIGKILL if killed else 128 + signal.SIGTERM)


def test_a_model_without_a_chat_template_is_told_and_can_be_given_one(
    student_dir: Path, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(Settings, "distribution", lambda self: "vllm")
    bare = tmp_path / "bare"
    shutil.copytree(student_dir, bare, ignore=shutil.ignore_patterns("chat_template*"))
    with pytest.raises(ConfigError, match="no chat template"):
        Settings(model=str(bare)).check()
    template = tmp_path / "template.jinja"
    template.write_text("{% for message in messages %}{{ message.content }}{% endfor %}")
    Settings(model=str(bare), chat_template=template).check()
    with pytest.raises(ConfigError, match=r"chat_template: there is no"):
        Settings(model=str(bare), chat_template=tmp_path / "nothing.jinja").check()
