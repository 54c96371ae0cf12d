"""One demo system and one Chromium for all browser tests; each test has a browser context of its own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from screen import CHROMIUM_FLAGS, DESK_SIZE, PATIENCE_MS, PHONE_SIZE, Watched, sign_in
from whole import WholeSystem

expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeSystem]:
    """A demo with 60 trucks; ``get`` and ``post`` are those of the demo's user."""
    whole = WholeSystem(tmp_path_factory.mktemp("browser"), "demo", "--trucks", "60")
    whole.start(120)
    whole.login()
    yield whole
    whole.stop()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if executable is None:
        if os.environ.get("CI") == "true":
            pytest.fail("chromium is not installed")
        pytest.skip("chromium is not installed")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=executable, args=CHROMIUM_FLAGS)
        yield started
        started.close()


@pytest.fixture(params=[DESK_SIZE, PHONE_SIZE], ids=["desk", "phone"])
def opened(request: pytest.FixtureRequest, browser: Browser, system: WholeSystem) -> Iterator[Watched]:
    """An empty page of nobody, on a desk and on a phone."""
    system.prove()
    width, height = request.param
    context = browser.new_context(
        viewport={"width": width, "height": height}, locale="zh-CN", timezone_id="Asia/Shanghai", accept_downloads=True
    )
    context.set_default_timeout(PATIENCE_MS)
    yield Watched(context.new_page(), system)
    context.close()


@pytest.fixture
def watched(opened: Watched, system: WholeSystem) -> Watched:
    """A page of the demo's user, who is signed in and has opened nothing yet."""
    sign_in(opened.page, system)
    return opened
