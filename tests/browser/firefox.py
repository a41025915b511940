"""Debian's Firefox, driven by WebDriver BiDi over its own WebSocket: no driver program is needed."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

FIREFOX = "/usr/bin/firefox-esr"
_TIMEOUT = 60  # seconds
_PREFERENCES = {
    "app.update.auto": False,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "toolkit.telemetry.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
}


class Tab:
    """One tab of a running Firefox."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._last = 0
        self._call("session.new", capabilities={})
        self._context = self._call("browsingContext.getTree")["contexts"][0]["context"]

    def goto(self, address: str) -> None:
        """Open an address and wait until it is loaded."""
        self._call("browsingContext.navigate", context=self._context, url=address, wait="complete")

    def choose(self, selector: str, paths: list[Path]) -> None:
        """Choose files in an ``<input type="file">``."""
        found = self._call(
            "browsingContext.locateNodes", context=self._context, locator={"type": "css", "value": selector}
        )
        element = {"sharedId": found["nodes"][0]["sharedId"]}
        self._call("input.setFiles", context=self._context, element=element, files=list(map(str, paths)))

    def evaluate(self, expression: str) -> Any:
        """The value of an expression, or what it promises, as JSON has it."""
        said = self._call(
            "script.evaluate",
            expression=f"Promise.resolve({expression}).then(JSON.stringify)",
            target={"context": self._context},
            awaitPromise=True,
        )
        assert said["type"] == "success", said
        return json.loads(said["result"]["value"])

    def _call(self, method: str, **params: Any) -> Any:
        self._last += 1
        self._connection.send(json.dumps({"id": self._last, "method": method, "params": params}))
        while (answer := json.loads(self._connection.recv(_TIMEOUT))).get("id") != self._last:
            continue
        assert answer["type"] == "success", answer
        return answer["result"]


@contextmanager
def firefox() -> Iterator[Tab]:
    """Run Firefox without a window in a fresh profile, until it is left."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        lines = (f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in _PREFERENCES.items())
        Path(profile, "user.js").write_text("".join(lines), "utf-8")
        command = [FIREFOX, "--headless", "--no-remote", "--profile", profile, "--remote-debugging-port", "0"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
            try:
                assert process.stderr is not None
                address = next(filter(None, (re.search(r"ws://\S+", line) for line in process.stderr)))
                with connect(f"{address[0]}/session", max_size=None) as connection:
                    yield Tab(connection)
            finally:
                process.terminate()
                process.communicate()
