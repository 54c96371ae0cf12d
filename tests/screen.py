"""What a person does and sees in the browser, for tests: pages that keep their faults, signing in, pictures."""

from __future__ import annotations

import os
import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from luwei.access.users import DEMO_PASSWORD, DEMO_USERNAME
from whole import WholeSystem

CHROMIUM_FLAGS = [
    "--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist",
    "--autoplay-policy=no-user-gesture-required", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
]  # fmt: skip
PATIENCE_MS = 60_000
"""How long a page may take where the machine is busy and draws without a graphics card."""

DESK_SIZE, PHONE_SIZE = (1440, 900), (390, 844)

Open = Callable[[int, int], "Watched"]


class Watched:
    """A page together with what it did wrong: requests that left the host, errors on the console."""

    def __init__(self, page: Page, system: WholeSystem) -> None:
        self.page, self.faults = page, list[str]()
        allowed = (system.web, system.web.replace("http", "ws"), "data:", "blob:")
        page.on("request", lambda r: None if r.url.startswith(allowed) else self.faults.append(f"outside: {r.url}"))
        page.on("console", lambda m: self.faults.append(f"console: {m.text}") if m.type == "error" else None)
        page.on("pageerror", lambda error: self.faults.append(f"page: {error}"))

    def picture(self, name: str) -> None:
        """Kept where LUWEI_SCREENSHOTS names a folder."""
        folder = os.environ.get("LUWEI_SCREENSHOTS")
        if folder:
            width = (self.page.viewport_size or {"width": 0})["width"]
            self.page.screenshot(path=f"{folder}/{name}-{width}.png")


def enter(page: Page, system: WholeSystem, username: str, password: str) -> None:
    """Fill in the login page and send it."""
    page.goto(system.web)
    page.get_by_label("账号").fill(username)
    page.get_by_label("密码", exact=True).fill(password)
    page.get_by_role("button", name="登录").click()


def log_in(page: Page, system: WholeSystem) -> None:
    """As the demo's user, up to the first page after the login."""
    enter(page, system, DEMO_USERNAME, DEMO_PASSWORD)
    page.wait_for_url(re.compile(r":\d+/(?!login)\w+"))
    expect(page.get_by_role("navigation", name="主导航")).to_be_visible()


def sign_in(page: Page, system: WholeSystem, username: str = DEMO_USERNAME, password: str = DEMO_PASSWORD) -> None:
    """Give the page a session of this person and the mark that it has one (``shell/session.ts``). The login page, which
    tests of its own open, is not drawn."""
    body = {"username": username, "password": password}
    answer = page.request.post(f"{system.web}/api/login", headers={"X-Luwei": "1"}, data=body)
    assert answer.ok, answer.text()
    page.add_init_script("localStorage.setItem('luwei.session', '1')")


def no_wider_than_the_screen(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def fits_every_screen(page: Page) -> None:
    """No wider than the screen on a desk and on a phone; the page keeps the size that it has."""
    own = page.viewport_size
    assert own is not None
    for width, height in (DESK_SIZE, PHONE_SIZE, (own["width"], own["height"])):
        page.set_viewport_size({"width": width, "height": height})
        page.evaluate("() => new Promise(requestAnimationFrame)")  # what the size decides is drawn anew
        page.wait_for_function("() => document.documentElement.scrollWidth <= window.innerWidth")
