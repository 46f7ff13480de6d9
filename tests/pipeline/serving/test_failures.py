"""What an HTTP failure means for the request, the endpoint and the run."""

from __future__ import annotations

import email.utils
import importlib
import time
from typing import Any

import openai
import pytest

from pipeline.errors import EngineUnusable, ErrataError, StoppedEarly, TryFailed
from pipeline.serving.failures import Refused, explain


def fail(status: int, body: Any = None, headers: dict[str, str] | None = None) -> ErrataError:
    """The error for an HTTP status, made by the client itself."""
    client = openai.OpenAI(base_url="http://127.0.0.1:1/v1", api_key="none")
    request = client._client.build_request("POST", "http://127.0.0.1:1/v1/chat/completions")
    http = importlib.import_module(type(request).__module__.split(".")[0])
    response = http.Response(status, json=body or {"error": {"message": "why"}}, headers=headers, request=request)
    return explain(client._make_status_error_from_response(response), "endpoint x", "X_KEY")


@pytest.mark.parametrize(
    ("status", "kind"),
    [(408, "server_error"), (409, "server_error"), (429, "rate_limit"), (500, "server_error"), (502, "server_error"),
     (503, "overload"), (529, "overload")],
)  # fmt: skip
def test_what_may_pass_is_tried_again(status: int, kind: str) -> None:
    error = fail(status)
    assert isinstance(error, TryFailed)
    assert (error.kind, str(error)) == (kind, f"HTTP {status}: why")


@pytest.mark.parametrize("status", [400, 403, 404, 413, 422])
def test_what_will_not_pass_is_not(status: int) -> None:
    assert isinstance(fail(status), Refused)


def test_a_refused_key_names_the_variable() -> None:
    error = fail(401)
    assert isinstance(error, EngineUnusable)
    assert "X_KEY" in str(error)


def test_an_empty_account_stops_the_run_to_be_resumed() -> None:
    assert isinstance(fail(402), StoppedEarly)
    quota = fail(429, {"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}})
    assert isinstance(quota, TryFailed), "some servers say so of a rate limit"
    assert quota.kind == "quota"


@pytest.mark.parametrize(
    ("headers", "low", "high"),
    [
        ({"retry-after": "7"}, 7, 7),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25, 0.25),
    ],
)
def test_retry_after_is_read_in_all_its_forms(headers: dict[str, str], low: float, high: float) -> None:
    error = fail(429, headers=headers)
    assert isinstance(error, TryFailed)
    assert error.wait is not None
    assert low <= error.wait <= high


def test_retry_after_may_be_a_date() -> None:
    def wait_until(moment: float) -> float | None:
        error = fail(429, headers={"retry-after": email.utils.formatdate(moment, usegmt=True)})
        assert isinstance(error, TryFailed)
        return error.wait

    asked = time.time()
    wait = wait_until(asked + 250)
    assert wait is not None
    assert 249 - (time.time() - asked) <= wait <= 250
    assert wait_until(asked - 100) == 0


@pytest.mark.parametrize("when", ["soon", "nan", "Mon, 01 Jan 99999999999 00:00:00 GMT", "Mon, 99 Foo 0 99:99:99"])
def test_an_unreadable_retry_after_counts_for_nothing(when: str) -> None:
    error = fail(429, headers={"retry-after": when})
    assert isinstance(error, TryFailed)
    assert not error.wait


def test_a_wait_of_hours_stops_the_run_instead() -> None:
    assert isinstance(fail(429, headers={"retry-after": "7200"}), StoppedEarly)


def test_a_redirect_names_both_ends_and_no_query() -> None:
    error = fail(308, headers={"location": "https://other.host:8443/v1/chat?session=secret"})
    assert isinstance(error, EngineUnusable)
    assert str(error).startswith("endpoint x redirects to https://other.host:8443/v1/chat, which is not followed")
    assert "http://127.0.0.1:1/elsewhere" in str(fail(302, headers={"location": "/elsewhere"}))
