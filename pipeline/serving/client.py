"""One HTTP exchange with a server through the `openai` package; secrets are struck out of whatever comes back."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import socket
from collections.abc import Iterable, Mapping
from typing import Any, Literal
from urllib.parse import urlsplit

from pipeline.errors import ErrataError, MalformedReply, TryFailed
from pipeline.printable import printable
from pipeline.serving.airlock import make_http_client
from pipeline.serving.failures import explain

REASON_LENGTH = 500
"""Characters of an error's text that are kept."""
NO_WORD = 16
"""Characters from which a secret stands in no text by chance."""


class Client:
    """The transport of one endpoint. Close it."""

    def __init__(
        self,
        where: str,
        base_url: str,
        key: str | None,
        *,
        key_variable: str | None,
        headers: Mapping[str, str],
        secrets: Iterable[str],
        timeout: float,
    ) -> None:
        import openai

        self.where, self.key_variable, self.timeout = where, key_variable, timeout
        known = {key, *secrets} if key else {*secrets}
        spelled = {form for one in known for form in _spellings(one)}
        self._secrets = sorted(spelled, key=len, reverse=True)  # one may begin another
        sent = {"authorization": f"Bearer {key or 'none'}", **{name.lower(): told for name, told in headers.items()}}
        self._client = openai.AsyncOpenAI(
            base_url=base_url,
            api_key=key or "none",
            timeout=openai.Timeout(timeout, connect=min(30.0, timeout)),
            max_retries=0,  # retried by the engine, whose pace and circuit learn of it
            http_client=make_http_client(sent, loopback=is_loopback(base_url)),
        )

    async def send(self, method: Literal["GET", "POST"], path: str, body: dict[str, Any] | None = None) -> object:
        """The reply's JSON, or its text where it is none. Raises nothing but our own errors.

        The time limit holds for the whole exchange: some servers send empty lines while a request waits.
        """
        import aiohttp
        import openai

        try:
            async with asyncio.timeout(self.timeout):
                # plain JSON in and out: the typed `create` takes twice the time and drops fields that we want
                if method == "GET":
                    return self._clean(await self._client.get(path, cast_to=object))
                return self._clean(await self._client.post(path, body=body, cast_to=object))
        except TimeoutError:
            told: ErrataError = TryFailed("timeout", f"no answer within {self.timeout:g} s")
        except RecursionError:
            told = MalformedReply("the server's reply is nested too deeply")
        except (ErrataError, openai.OpenAIError, aiohttp.ClientError, ValueError) as error:
            told = error if isinstance(error, ErrataError) else explain(error, self.where, self.key_variable)
        raise self.scrub(told)

    def scrub(self, error: ErrataError) -> ErrataError:
        """The error with every secret struck out, its text of bounded length and without anything that acts."""
        error.args = tuple(printable(self._strike(str(part))[:REASON_LENGTH]) for part in error.args)
        return error

    def quotes_secret(self, *texts: str | None) -> bool:
        """Whether a secret stands in one of them; a short one, such as `EMPTY`, is a word like others."""
        known = [secret for secret in self._secrets if len(secret) >= NO_WORD]
        return any(secret in text for text in texts if text for secret in known)

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()

    def _clean(self, reply: object) -> object:
        """An error page, and the error that some servers send with status 200, may quote the key."""
        if isinstance(reply, str):
            return self._strike(reply)
        if isinstance(reply, dict) and reply.get("error"):
            return {**reply, "error": self._strike(str(reply["error"]))}
        return reply

    def _strike(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "[secret]")
        return text


def _spellings(secret: str) -> set[str]:
    """A secret as it stands in a text, in JSON and between Python's quotes of both kinds."""
    return {secret, json.dumps(secret)[1:-1], repr(secret)[1:-1], repr(f'{secret}"')[1:-2]}


def is_loopback(address: str) -> bool:
    """Whether an address is one of this machine, in any of its spellings (`127.1`, `0.0.0.0`, `a.localhost`)."""
    host = (urlsplit(address).hostname or "").rstrip(".")
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        there = ipaddress.ip_address(host)
    except ValueError:
        try:
            there = ipaddress.IPv4Address(socket.inet_aton(host))  # what a resolver makes of `127.1` or `0x7f000001`
        except (OSError, ValueError):
            return False
    there = getattr(there, "ipv4_mapped", None) or there
    return there.is_loopback or there.is_unspecified
