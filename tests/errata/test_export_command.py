"""`errata export`: what it prints, its exit codes, and a push that a real client makes to a server on loopback."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from datasets import load_dataset

from errata.cli import main

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "transformers", "datasets", "pandas", "pyarrow", "huggingface_hub", "openai")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Pairs in a file, as anybody may have them."""
    rows = [{"prompt": f"p{i // 2}", "chosen": "c", "rejected": f"r{i}", "id": str(i), "note": "n"} for i in range(6)]
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path / "train.jsonl"


def test_an_export_ends_with_0_and_prints_its_counts(source: Path, tmp_path: Path, capsys: Any) -> None:
    command = ["export", str(source), "--to", "jsonl", "--kind", "rankings", "--max-completions", "2"]
    assert main([*command, "--out", str(tmp_path / "out"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["pairs"], told["rows"], told["format"]) == ({"train": 6}, {"train": 3}, "text")
    assert told["left_out"]["texts beyond --max-completions"] == 3
    assert main([*command, "--out", str(tmp_path / "out")]) == 0
    shown = capsys.readouterr().out
    assert "read     train 6 pairs" in shown
    assert "written  train 3 rows (rankings, text) for jsonl" in shown
    assert "left out 3 texts beyond --max-completions" in shown
    assert "without  the columns note" in shown


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--to", "trll"], "did you mean 'trl'?"),
        (["--to", "trl", "--kind", "rankings"], "trl has no form for rankings; it takes pairs, sft, unpaired"),
        (["--to", "trl", "--format", "conversation"], "plain strings, of which no conversation can be made"),
        (["--to", "trl", "--private"], "--private goes with --push"),
        (["--to", "jsonl", "--max-completions", "3"], "max_completions is for rankings"),
        (["--to", "trl", "--push", "no-org"], "--push 'no-org' is not ORG/NAME"),
    ],
)
def test_wrong_options_end_with_2_and_write_nothing(
    options: list[str], told: str, source: Path, tmp_path: Path, capsys: Any
) -> None:
    assert main(["export", str(source), *options, "--out", str(tmp_path / "out")]) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_help_loads_nothing_heavy() -> None:
    code = "import sys; from errata.cli import main\ntry: main(['export', '--help'])\nexcept SystemExit: pass\n"
    code += f"print([name for name in {HEAVY} if name in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert shown.stdout.splitlines()[-1] == "[]"


class Hub:
    """The hub's routes that a push uses. Repositories `forbidden`, `full`, `broken` and `gone` fail as they say."""

    def __init__(self) -> None:
        self.private: dict[str, bool] = {}
        self.files: dict[str, dict[str, bytes]] = {}
        self.tokens: set[str] = set()
        self._large: dict[str, bytes] = {}
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        assert self._ready.wait(30)

    def _serve(self) -> None:
        async def start() -> None:
            app = web.Application(client_max_size=1 << 26)
            app.router.add_post("/api/repos/create", self.create)
            app.router.add_post("/api/validate-yaml", self.validate)
            app.router.add_get("/api/datasets/{org}/{name}", self.info)
            app.router.add_get("/api/datasets/{org}/{name}/tree/main", self.tree)
            app.router.add_post("/api/datasets/{org}/{name}/preupload/main", self.preupload)
            app.router.add_post("/api/datasets/{org}/{name}/commit/main", self.commit)
            app.router.add_post("/datasets/{org}/{name}.git/info/lfs/objects/batch", self.batch)
            app.router.add_put("/large/{oid}", self.put)
            self._runner = web.AppRunner(app, shutdown_timeout=1)
            await self._runner.setup()
            site = web.TCPSite(self._runner, "127.0.0.1", 0)
            await site.start()
            self.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"  # type: ignore[union-attr]
            self._ready.set()

        self._loop.run_until_complete(start())
        self._loop.run_forever()

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)

    async def create(self, request: web.Request) -> web.Response:
        body = await request.json()
        assert body["type"] == "dataset"
        name = f"{body['organization']}/{body['name']}"
        self.tokens.add(request.headers.get("Authorization", ""))
        if name.endswith("gone"):
            assert request.transport is not None
            request.transport.abort()
        for ending, status in (("forbidden", 403), ("full", 400), ("broken", 503)):
            if name.endswith(ending):
                return web.json_response({"error": f"it is {ending}"}, status=status)
        known = name in self.files
        self.files.setdefault(name, {".gitattributes": b""})
        self.private.setdefault(name, body.get("visibility") == "private")
        return web.json_response({"url": f"{self.url}/datasets/{name}"}, status=409 if known else 200)

    async def validate(self, request: web.Request) -> web.Response:
        body = await request.json()
        assert body["repoType"] == "dataset"
        return web.json_response({"errors": [], "warnings": []})

    async def info(self, request: web.Request) -> web.Response:
        if _name(request) not in self.private:
            return web.json_response({"error": "Repository not found"}, status=404)
        return web.json_response({"id": _name(request), "private": self.private[_name(request)], "sha": "0" * 40})

    async def tree(self, request: web.Request) -> web.Response:
        files = self.files[_name(request)]
        return web.json_response(
            [{"type": "file", "path": path, "size": len(text), "oid": _git_oid(text)} for path, text in files.items()]
        )

    async def preupload(self, request: web.Request) -> web.Response:
        body = await request.json()
        made = [
            {"path": file["path"], "uploadMode": _mode(file["path"]), "shouldIgnore": False} for file in body["files"]
        ]
        return web.json_response({"files": made})

    async def batch(self, request: web.Request) -> web.Response:
        objects = (await request.json())["objects"]
        made = [{**one, "actions": {"upload": {"href": f"{self.url}/large/{one['oid']}"}}} for one in objects]
        return web.json_response({"transfer": "basic", "objects": made})

    async def put(self, request: web.Request) -> web.Response:
        text = await request.read()
        assert hashlib.sha256(text).hexdigest() == request.match_info["oid"]
        self._large[request.match_info["oid"]] = text
        return web.Response()

    async def commit(self, request: web.Request) -> web.Response:
        files = self.files[_name(request)]
        for line in (await request.text()).splitlines():
            told = json.loads(line)
            match told["key"], told["value"]:
                case "file", value:
                    files[value["path"]] = base64.b64decode(value["content"])
                case "lfsFile", value:
                    files[value["path"]] = self._large[value["oid"]]
                case "deletedFile", value:
                    del files[value["path"]]
        return web.json_response(
            {"commitUrl": f"{self.url}/datasets/{_name(request)}/commit/1", "commitOid": "1" * 40, "success": True}
        )


def _name(request: web.Request) -> str:
    return f"{request.match_info['org']}/{request.match_info['name']}"


def _mode(path: str) -> str:
    return "lfs" if path.endswith(".parquet") else "regular"


def _git_oid(text: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(text) + text).hexdigest()


@pytest.fixture
def hub() -> Iterator[Hub]:
    """A hub on loopback."""
    server = Hub()
    yield server
    server.close()


def push(url: str, tmp_path: Path, *commands: list[str], token: str | None = "hf_x", xet: bool = False) -> Any:
    """Run commands in one process whose hub is at `url`; the hub's client reads its address when it is imported."""
    settings = {"HF_ENDPOINT": url, "HF_HOME": str(tmp_path / "hf"), "NO_PROXY": "*"}
    settings |= {} if xet else {"HF_HUB_DISABLE_XET": "1"}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))}
    code = f"from errata.cli import main\nfor command in {commands!r}: print('ended with', main(command))"
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=kept | settings | ({"HF_TOKEN": token} if token else {}),
    )


def test_a_push_brings_the_files_and_the_card_and_clears_away_what_was_there(
    hub: Hub, source: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    command = ["export", str(source), "--to", "trl", "--out", str(out), "--push", "org/pairs", "--private"]
    hub.files["org/pairs"] = {"train-00001-of-00002.parquet": b"old", "notes.txt": b"mine", ".gitattributes": b""}
    hub.private["org/pairs"] = True
    done = push(hub.url, tmp_path, command, [*command, "--json"])
    assert done.stdout.count("ended with 0") == 2, done.stderr
    assert f"Hub: {hub.url}/datasets/org/pairs" in done.stdout
    files = hub.files["org/pairs"]
    written = {path.name: path.read_bytes() for path in out.iterdir()}
    assert files == written | {"notes.txt": b"mine", ".gitattributes": b""}
    assert set(written) == {"README.md", "export.json", "train-00000-of-00001.parquet"}
    assert hub.tokens == {"Bearer hf_x"}
    there = tmp_path / "downloaded"
    there.mkdir()
    for name, text in files.items():
        (there / name).write_bytes(text)
    assert len(load_dataset(str(there), cache_dir=str(tmp_path / "cache"))["train"]) == 6


def test_what_the_hub_refuses_ends_with_2_and_what_may_pass_with_3(hub: Hub, source: Path, tmp_path: Path) -> None:
    def command(name: str, *more: str) -> list[str]:
        return ["export", str(source), "--to", "jsonl", "--out", str(tmp_path / "out"), "--push", name, *more]

    hub.files["org/open"], hub.private["org/open"] = {}, False
    names = ("org/forbidden", "org/full", "org/broken", "org/gone")
    done = push(hub.url, tmp_path, *map(command, names), command("org/open", "--private"), command("org/new"), xet=True)
    assert [line[-1] for line in done.stdout.splitlines() if line.startswith("ended")] == ["2", "2", "3", "3", "2", "0"]
    assert "the hub refuses to write org/forbidden (403): it is forbidden; does the token" in done.stderr
    assert "the hub refuses to write org/full (400): it is full" in done.stderr
    assert "the hub failed (503)" in done.stderr
    assert "run the same command again to upload it" in done.stderr
    assert "org/open exists and is public" in done.stderr
    assert hub.files["org/open"] == {}
    assert "the upload failed: Server disconnected" in done.stderr
    assert {"train.jsonl", "README.md", "export.json"} < set(hub.files["org/new"])


def test_a_push_without_a_token_says_so_before_anything_is_written(source: Path, tmp_path: Path) -> None:
    command = ["export", str(source), "--to", "trl", "--out", str(tmp_path / "out"), "--push", "org/pairs"]
    done = push("http://127.0.0.1:9", tmp_path, command, token=None)
    assert "ended with 2" in done.stdout
    assert "set HF_TOKEN, or log in with `hf auth login`" in done.stderr
    assert not (tmp_path / "out").exists()
