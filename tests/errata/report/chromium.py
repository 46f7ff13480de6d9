"""Chromium, spoken to over a pipe: no port is opened, and what a page does can be seen."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

READY = "const look = () => document.documentElement.dataset.ready ? done(1) : setTimeout(look, 20); look();"


class Browser:
    """One tab of a headless Chromium. `errors` and `addresses` are what the page complained of and asked for."""

    def __init__(self, binary: str, profile: Path) -> None:
        read, theirs_out = os.pipe()
        theirs_in, self._write = os.pipe()
        options = "--headless --no-sandbox --disable-gpu --disable-background-networking --remote-debugging-pipe"
        command = f'exec "$0" {options} --user-data-dir="$1" about:blank 3<&{theirs_in} 4>&{theirs_out}'
        self._process = subprocess.Popen(
            ["bash", "-c", command, binary, str(profile)],
            pass_fds=(theirs_in, theirs_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._read = os.fdopen(read, "rb", buffering=0)
        self._rest = b""
        self._number = 0
        self._session: str | None = None
        self._loaded = False
        self.errors: list[str] = []
        self.addresses: list[str] = []
        targets = self.call("Target.getTargets")["targetInfos"]
        page = next(target["targetId"] for target in targets if target["type"] == "page")
        self._session = self.call("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command of the DevTools protocol and wait for its result."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._write, data) :]
        while True:
            heard = self._hear()
            if heard.get("id") == self._number:
                assert "error" not in heard, heard
                return dict(heard["result"])

    def _hear(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            more = self._read.read(1 << 20)
            assert more, "the browser has gone"
            self._rest += more
        line, _, self._rest = self._rest.partition(b"\0")
        heard = dict(json.loads(line))
        told = heard.get("params", {})
        match heard.get("method"):
            case "Runtime.exceptionThrown":
                self.errors.append(json.dumps(told["exceptionDetails"])[:2000])
            case "Runtime.consoleAPICalled" if told["type"] in ("error", "warning", "assert"):
                self.errors.append(json.dumps(told["args"])[:2000])
            case "Log.entryAdded" if told["entry"]["level"] in ("error", "warning"):
                self.errors.append(json.dumps(told["entry"])[:2000])
            case "Page.javascriptDialogOpening":
                self.errors.append(f"dialog: {told['message']}")
            case "Network.requestWillBeSent":
                self.addresses.append(told["request"]["url"][:200])
            case "Page.loadEventFired":
                self._loaded = True
        return heard

    def open(self, file: Path, *, width: int = 1280, height: int = 900, dark: bool = False) -> None:
        """Open a page from disk and wait until its figures are drawn."""
        self.errors.clear()
        self.addresses.clear()
        phone = width < 600
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self._loaded = False
        self.call("Page.navigate", url=file.resolve().as_uri())
        while not self._loaded:
            self._hear()
        self.run(f"new Promise(done => {{ {READY} }})")

    def run(self, script: str) -> Any:
        """The value of an expression in the page; a promise is waited for."""
        told = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    def until(self, condition: str) -> None:
        """Wait until an expression in the page holds, a minute at most."""
        look = f"({condition}) ? done(1) : --left ? setTimeout(look, 10) : fail(new Error({json.dumps(condition)}))"
        self.run(f"new Promise((done, fail) => {{ let left = 6000; const look = () => {look}; look(); }})")

    def press(self, *keys: str) -> None:
        """Press keys, one after another, as a reader would."""
        for key in keys:
            text = {"text": key} if len(key) == 1 else {"text": "\r"} if key == "Enter" else {}
            code = {"Escape": 27, "Enter": 13, "ArrowDown": 40, "ArrowUp": 38}.get(key, 0)
            for type in ("keyDown", "keyUp"):
                more = text if type == "keyDown" else {}
                self.call("Input.dispatchKeyEvent", type=type, key=key, windowsVirtualKeyCode=code, **more)

    def screenshot(self, file: Path, *, whole: bool = True) -> None:
        """A picture of the page, or of what a reader sees first."""
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole, **self._clip(whole=whole))
        file.write_bytes(base64.b64decode(shot["data"]))

    def _clip(self, *, whole: bool) -> dict[str, Any]:
        if not whole:
            return {}
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        return {"clip": {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}}

    def close(self) -> None:
        """End the browser and what it started."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._read.close()
        os.close(self._write)


def check_screen(browser: Browser, page: Path, *, width: int, dark: bool, figures: int) -> None:
    """Open a page: it is drawn, complains of nothing, asks for nothing, fits the screen and has its colours."""
    browser.open(page, width=width, dark=dark)
    assert browser.errors == []
    assert browser.addresses == [page.resolve().as_uri()]
    assert browser.run("document.querySelectorAll('[data-figure] svg.main-svg').length") >= figures
    assert browser.run(f"document.documentElement.scrollWidth <= {width}")
    ground = browser.run("getComputedStyle(document.body).backgroundColor")
    assert ground == ("rgb(20, 23, 28)" if dark else "rgb(255, 255, 255)")
