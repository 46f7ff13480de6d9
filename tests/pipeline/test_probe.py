"""`errata teachers`: what each endpoint can do, found out by asking it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from errata.cli import main


def config(tmp_path: Path, **teachers: dict[str, Any]) -> Path:
    (tmp_path / "p.jsonl").write_text('{"question": "q", "answer": "1"}\n')
    settings = {
        "name": "test",
        "runs_dir": str(tmp_path / "runs"),
        "problems": {"path": str(tmp_path / "p.jsonl")},
        "student": {"engine": "scripted", "replies": ["#### 1"]},
        "teachers": teachers,
    }
    file = tmp_path / "config.yaml"
    file.write_text(json.dumps(settings))
    return file


def probe(file: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, dict[str, Any]]]:
    code = main(["teachers", str(file), "--json"])
    return code, {found["name"]: found for found in json.loads(capsys.readouterr().out)}


def obedient(body: dict[str, Any]) -> list[str]:
    wanted = body.get("response_format")
    if wanted is None:
        return ["It is 42."] * body.get("n", 1)
    (mark,) = wanted["json_schema"]["schema"]["properties"]["mark"]["enum"]
    return [json.dumps({"mark": mark, "sum": 42})]


def test_a_good_endpoint_is_told_in_all_its_qualities(tmp_path: Path, serve, capsys) -> None:
    server = serve(obedient)
    endpoint = {"engine": "endpoint", "base_url": server.url, "model": "m", "input_price": 1.0, "output_price": 2.0}
    code, found = probe(config(tmp_path, good=endpoint), capsys)
    assert code == 0
    good = found["good"]
    assert (good["usable"], good["listed"]) == (True, True)
    assert (good["context_length"], good["json_schema"], good["many"]) == (2048, "yes", "yes")
    assert good["cost"] == pytest.approx((11 + 2 * 7) / 1e6)
    assert good["latency"] > 0
    assert found["student"]["usable"]


def test_a_schema_that_is_only_accepted_is_not_called_enforced(tmp_path: Path, serve, capsys) -> None:
    ignores = serve(lambda body: ["It is 42."])
    pretends = serve(lambda body: ['{"mark": "something", "sum": 42}'])
    refuses = serve(
        lambda body: (400, {"error": {"message": "no"}}) if {"response_format", "n"} & set(body) else ["It is 42."]
    )
    servers = {"ignores": ignores, "pretends": pretends, "refuses": refuses}
    endpoints = {name: {"engine": "endpoint", "base_url": s.url, "model": "m"} for name, s in servers.items()}
    code, found = probe(config(tmp_path, **endpoints), capsys)
    assert code == 0
    assert {name: (found[name]["json_schema"], found[name]["many"]) for name in servers} == {
        "ignores": ("ignored", "ignored"),
        "pretends": ("ignored", "ignored"),
        "refuses": ("refused", "refused"),
    }


def test_unusable_ones_are_told_with_the_fix_and_exit_code_2(tmp_path: Path, serve, capsys, monkeypatch) -> None:
    monkeypatch.setenv("PLANTED_KEY", "sk-planted-secret")
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    locked = serve(lambda body: (401, {"error": {"message": "bad key sk-planted-secret"}}))
    other = serve(lambda body: (404, {"error": {"message": "model not found"}}))
    other.models = [{"id": "another"}]
    file = config(
        tmp_path,
        locked={"engine": "endpoint", "base_url": locked.url, "model": "m", "api_key_env": "PLANTED_KEY"},
        keyless={"engine": "endpoint", "base_url": locked.url, "model": "m", "api_key_env": "NO_SUCH_KEY"},
        unknown={"engine": "endpoint", "base_url": other.url, "model": "m"},
        absent={"engine": "endpoint", "base_url": "http://127.0.0.1:9/v1", "model": "m"},
        pair={"engine": "pool", "endpoints": {"one": {"base_url": other.url, "model": "m"}}},
    )
    code, found = probe(file, capsys)
    assert code == 2
    assert not any(found[name]["usable"] for name in ("locked", "keyless", "unknown", "absent", "pair/one"))
    assert "PLANTED_KEY" in found["locked"]["error"]
    assert "sk-planted-secret" not in json.dumps(found)
    assert "set the environment variable NO_SUCH_KEY" in found["keyless"]["error"]
    assert "does not list this model" in found["unknown"]["error"]
    assert "127.0.0.1:9" in found["absent"]["error"]

    assert main(["teachers", str(file)]) == 2
    shown = capsys.readouterr().out
    assert re.search(r"locked +│ m +│ NO", shown)


def test_a_reply_that_is_nested_without_end_or_comes_twice_is_an_answer(tmp_path: Path, serve, capsys) -> None:
    def twice(body: dict[str, Any]) -> list[str]:
        return obedient(body) * 2

    deep = serve(lambda body: ["[" * 200_000] if "response_format" in body else ["It is 42."])
    short = serve(obedient)
    short.models = [{"id": "m", "max_model_len": 1}]
    servers = {"deep": deep, "twice": serve(twice), "short": short}
    endpoints = {name: {"engine": "endpoint", "base_url": s.url, "model": "m"} for name, s in servers.items()}
    code, found = probe(config(tmp_path, **endpoints), capsys)
    assert code == 0
    assert {name: found[name]["json_schema"] for name in servers} == {"deep": "ignored", "twice": "yes", "short": "yes"}
