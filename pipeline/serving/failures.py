"""What an `openai` exception means: a try that may pass, a request that will not, or an endpoint that cannot work."""

from __future__ import annotations

import email.utils
import time
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from pipeline.errors import EngineUnusable, ErrataError, MalformedReply, RequestFailed, StoppedEarly, TryFailed

if TYPE_CHECKING:
    import openai

LONGEST_WAIT = 300.0
"""Seconds; a server that asks for a longer wait stops the run (or its part of a pool)."""


class Refused(RequestFailed):
    """The server will not take this request: HTTP 400, 403, 404, 413, 422 and the like."""

    def __init__(self, reason: str, status: int) -> None:
        self.status = status
        super().__init__(reason)


def explain(error: Exception, where: str, key_variable: str | None) -> ErrataError:
    """The error to raise instead of one of openai's. `where` is the endpoint as people know it."""
    import aiohttp
    import openai

    if isinstance(error, openai.APIStatusError):
        return _explain_status(error, where, key_variable)
    if isinstance(error, ValueError | openai.APIResponseValidationError):  # broken JSON, broken UTF-8
        return MalformedReply(f"the server's reply is not valid JSON: {error}")
    if isinstance(error, openai.APIConnectionError | aiohttp.ClientError):
        root = _root(error)
        if isinstance(root, TimeoutError):
            return TryFailed("timeout", f"no answer in time from {where}")
        return TryFailed("connection", f"no connection to {where}: {' '.join(str(root).split())}")
    return RequestFailed(f"{type(error).__name__}: {error}")


def _root(error: BaseException) -> BaseException:
    """The first cause; the HTTP backend names a refused connection and a broken one time-outs, their causes do not."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def _explain_status(error: openai.APIStatusError, where: str, key_variable: str | None) -> ErrataError:
    status, told = error.status_code, f"HTTP {error.status_code}: {_message(error)}"
    if 300 <= status < 400:
        return EngineUnusable(
            f"{where} redirects to {_target(error)}, which is not followed: the key and the prompts are "
            "meant for base_url alone; if they may go there, set base_url to that address"
        )
    if status == 401:
        fix = f"check the key in {key_variable}" if key_variable else "set api_key_env to the variable that holds a key"
        return EngineUnusable(f"{where} refuses the key: {fix} ({told})")
    if status == 402:
        return StoppedEarly(f"{where}: the account is out of credit ({told}); what was done is kept")
    wait = _retry_after(error)
    if wait is not None and wait > LONGEST_WAIT:
        return StoppedEarly(f"{where} asks to wait {wait:.0f} s ({told}); what was done is kept, run again then")
    if status == 429:
        return TryFailed("quota" if error.code == "insufficient_quota" else "rate_limit", told, wait=wait)
    if status in (503, 529):
        return TryFailed("overload", told, wait=wait)
    if status >= 500 or status in (408, 409, 425):
        return TryFailed("server_error", told, wait=wait)
    return Refused(told, status)


def _target(error: openai.APIStatusError) -> str:
    """Scheme, host and path of where a redirect leads; what follows in its address may be a secret of somebody's."""
    asked, location = str(error.request.url), error.response.headers.get("location", "")
    try:
        parts = urlsplit(urljoin(asked, location))
        return f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}{parts.path}"[:200]
    except ValueError:
        return "an address that is none"


def _message(error: openai.APIStatusError) -> str:
    """The server's own words, on one line."""
    body = error.body
    inner = body.get("message") if isinstance(body, dict) else None
    text = inner if isinstance(inner, str) else error.response.text
    return " ".join(text.split()) or error.response.reason_phrase


def _retry_after(error: openai.APIStatusError) -> float | None:
    """Seconds, from `retry-after-ms` or `Retry-After` (a number or an HTTP date)."""
    headers = error.response.headers
    for name, scale in (("retry-after-ms", 1e-3), ("retry-after", 1.0)):
        try:
            return max(0.0, float(headers[name]) * scale)
        except (KeyError, ValueError):
            continue
    date = email.utils.parsedate_tz(headers.get("retry-after", ""))
    try:
        return None if date is None else max(0.0, email.utils.mktime_tz(date) - time.time())
    except (ValueError, OverflowError):  # a year that no calendar has
        return None
