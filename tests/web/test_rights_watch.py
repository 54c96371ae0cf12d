"""A right that ends between the look at it and the wait for the next change is not missed."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Engine

from luwei.access.revision import touch
from luwei.live.fleet import Fleet
from luwei.registry.engine import write
from luwei.web import media_socket, rights_watch, screen_line
from luwei.web.errors import Refused
from luwei.web.rights_watch import RightsWatch
from luwei.web.screen_line import Closed, ScreenLine
from luwei.web.socket_end import SESSION_ENDED, SocketEnded


@pytest.fixture
def watch(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> RightsWatch:
    """One that is asked often, and asks by itself only after an hour."""
    monkeypatch.setattr(rights_watch, "WATCH_S", 0.02)
    monkeypatch.setattr(rights_watch, "CHECK_S", 3600.0)
    return RightsWatch(engine, Fleet())


class Screen(ScreenLine):
    async def _write(self) -> None: ...

    async def _still(self, door: Any) -> None:
        door.allow("read", "position")


@pytest.mark.parametrize("ends_at", [0, 1, 2])
@pytest.mark.parametrize("kind", ["screen", "media"])
async def test_a_right_that_ends_at_the_moment_of_the_look_closes_the_socket(
    engine: Engine, watch: RightsWatch, monkeypatch: pytest.MonkeyPatch, kind: str, ends_at: int
) -> None:
    """``ends_at`` 0: while the socket was being opened; else just after that look at the right found it there."""
    looks, ended = 0, ends_at == 0
    user: Any = SimpleNamespace(grants=())

    def end() -> None:
        nonlocal ended
        ended = True
        with write(engine) as connection:
            touch(connection)

    async def look(*_: Any) -> Any:
        nonlocal looks
        looks += 1
        if ended:
            raise Refused(401, "", "session_ended", "log in first")
        if looks == ends_at:
            end()
        elif looks < ends_at:
            with write(engine) as connection:
                touch(connection)  # of somebody else
        return SimpleNamespace(user=user, allow=lambda *_: None)

    async def still(_: Any) -> None: ...

    services: Any = SimpleNamespace(watch=watch)
    none: Any = None
    if ended:
        end()
    async with asyncio.timeout(60):
        if kind == "media":
            monkeypatch.setattr(media_socket, "open_door", look)
            with pytest.raises(SocketEnded) as over:
                await media_socket.until_forbidden(none, services, ("read", "video"), still)
            assert over.value.code == SESSION_ENDED
        else:
            monkeypatch.setattr(screen_line, "open_door", look)
            with pytest.raises(Closed) as closed:
                await Screen(none, services, none)._watch()
            assert closed.value.code == SESSION_ENDED
    assert looks == ends_at + 1
