"""A headless Chromium that sees nothing but the server under test, and that tells of every complaint of a page."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Route, expect, sync_playwright
from waiting import TIMEOUT_S

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
DRIVER_CHATTER = "GL Driver Message"

OpenPage = Callable[..., Page]

expect.set_options(timeout=TIMEOUT_S * 1000)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    executable = shutil.which("chromium")
    assert executable, "chromium is not installed: `make test` installs it, or: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        yield browser
        browser.close()


class Watch:
    """What a page asked for that it should not have, and what it complained of."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.foreign: list[str] = []
        self.complaints: list[str] = []

    def route(self, route: Route) -> None:
        if urlsplit(route.request.url).netloc == urlsplit(self.origin).netloc:
            route.continue_()
        else:
            self.foreign.append(route.request.url)
            route.abort()

    def console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and DRIVER_CHATTER not in message.text:
            self.complaints.append(f"console {message.type}: {message.text} {message.location.get('url', '')}")

    def failed(self, request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":
            self.complaints.append(f"request failed: {request.url}: {request.failure}")

    def error(self, error: Any) -> None:
        self.complaints.append(f"uncaught: {error}")


@pytest.fixture
def watch(server_url: str) -> Iterator[Watch]:
    """Fails the test at its end if a page used another host or complained; a test that wants that clears the list."""
    watch = Watch(server_url)
    yield watch
    assert watch.foreign == []
    assert watch.complaints == []


@pytest.fixture
def open_page(chromium: Browser, server_url: str, watch: Watch) -> Iterator[OpenPage]:
    """``open_page(path, ready=selector, **context_options)`` opens a path of the server in a context of its own."""
    contexts = []

    def open_page(path: str, *, ready: str = "html[data-ready]", script: str | None = None, **options: Any) -> Page:
        options = {
            "viewport": {"width": 1024, "height": 640},
            "locale": "en-GB",
            "reduced_motion": "reduce",
            **options,
        }
        context = chromium.new_context(**options)
        contexts.append(context)
        context.set_default_timeout(TIMEOUT_S * 1000)
        context.route("**/*", watch.route)
        if script:
            context.add_init_script(script)
        page = context.new_page()
        page.on("console", watch.console)
        page.on("requestfailed", watch.failed)
        page.on("pageerror", watch.error)
        page.goto(server_url.rstrip("/") + path)
        page.wait_for_selector(ready, state="attached")
        return page

    yield open_page
    for context in contexts:
        context.close()
