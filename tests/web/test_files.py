"""The console's and the map's files, and the PMTiles file with its ranges."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from running_core import Running

from luwei.web import console_files
from luwei.web.headers import content_security_policy

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture
def console(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html><title>路卫</title>", encoding="utf-8")
    (tmp_path / "assets" / "app-1a2b.js").write_text("console.log(1);" * 200)
    (tmp_path.parent / "secret.txt").write_text("secret")
    monkeypatch.setattr(console_files, "CONSOLE", tmp_path)
    yield tmp_path


async def test_the_console_has_its_page_at_every_address_of_its_own(web: Running, console: Path) -> None:
    async with web.client("") as client:
        for path in ("/", "/monitor", "/assets", "/track?plate=x", "/access/ledger"):
            answer = await client.get(path)
            assert answer.status_code == 200
            assert "路卫" in answer.text
            assert answer.headers["content-type"] == "text/html; charset=utf-8"
            assert answer.headers["cache-control"] == "no-cache"


async def test_hashed_assets_are_kept_for_ever_and_sent_compressed(web: Running, console: Path) -> None:
    async with web.client("") as client:
        answer = await client.get("/assets/app-1a2b.js", headers={"Accept-Encoding": "gzip"})
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
        assert answer.headers["content-encoding"] == "gzip"
        assert answer.text == "console.log(1);" * 200
        plain = await client.get("/assets/app-1a2b.js", headers={"Accept-Encoding": "identity"})
        assert "content-encoding" not in plain.headers
        again = await client.get("/assets/app-1a2b.js", headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        head = await client.head("/assets/app-1a2b.js")
        assert (head.status_code, head.content) == (200, b"")


async def test_a_missing_asset_is_not_answered_with_the_page(web: Running, console: Path) -> None:
    async with web.client("") as client:
        assert (await client.get("/assets/old-9.js")).status_code == 404
        assert (await client.get("/logo.svg")).status_code == 404


@pytest.mark.parametrize(
    "path",
    ["/../secret.txt", "/%2e%2e/secret.txt", "/assets/..%2f..%2fsecret.txt", "/..%5csecret.txt", "/.env", "/a%00b.txt"],
)
async def test_nothing_outside_the_console_is_served(web: Running, console: Path, path: str) -> None:
    async with web.client("") as client:
        answer = await client.get(web.base + path)
    assert "secret" not in answer.text
    assert answer.status_code in (200, 400, 404)


async def test_a_rebuilt_console_is_served_at_once(web: Running, console: Path) -> None:
    async with web.client("") as client:
        await client.get("/")
        (console / "index.html").write_text("<!doctype html>new build")
        assert "new build" in (await client.get("/")).text


async def test_the_map_is_cached_by_its_content(web: Running) -> None:
    async with web.client("") as client:
        for name in ("boundaries", "roads", "places"):
            answer = await client.get(f"/map/{name}.json", headers={"Accept-Encoding": "gzip"})
            assert answer.status_code == 200
            assert answer.headers["content-encoding"] == "gzip"
            assert answer.json()
            again = await client.get(f"/map/{name}.json", headers={"If-None-Match": answer.headers["etag"]})
            assert again.status_code == 304
        assert (await client.get("/map/secret.json")).status_code == 404
        assert (await client.get("/map/basemap.pmtiles")).status_code == 404


async def test_a_pmtiles_file_is_read_in_ranges(web: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = bytes(range(256)) * 4000
    (tmp_path / "map.pmtiles").write_bytes(content)
    settings = replace(web.services.settings, map_pmtiles=str(tmp_path / "map.pmtiles"))
    monkeypatch.setattr(web.services, "settings", settings)
    async with web.client("") as client:
        part = await client.get("/map/basemap.pmtiles", headers={"Range": "bytes=100-163"})
        assert (part.status_code, part.content) == (206, content[100:164])
        assert part.headers["content-range"] == f"bytes 100-163/{len(content)}"
        assert part.headers["content-type"] == "application/vnd.pmtiles"
        assert "content-encoding" not in part.headers
        tail = await client.get("/map/basemap.pmtiles", headers={"Range": "bytes=-10"})
        assert tail.content == content[-10:]
        whole = await client.get("/map/basemap.pmtiles")
        assert (whole.status_code, whole.content) == (200, content)
        assert whole.headers["accept-ranges"] == "bytes"
        beyond = await client.get("/map/basemap.pmtiles", headers={"Range": f"bytes={len(content)}-"})
        assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{len(content)}")
        system = (await client.get("/api/system", cookies=web.cookies())).json()
        assert system["map"]["pmtiles"] is True
        (tmp_path / "map.pmtiles").unlink()
        assert (await client.get("/map/basemap.pmtiles")).status_code == 404
        system = (await client.get("/api/system", cookies=web.cookies())).json()
        assert system["map"]["pmtiles"] is False


async def test_the_policy_allows_the_tile_service_and_no_other_host() -> None:
    policy = content_security_policy("http://tiles.example:8090/img/{z}/{x}/{y}.png?tk=1;2")
    rules = {rule.split()[0]: rule.split()[1:] for rule in policy.split("; ")}
    assert rules["img-src"] == ["'self'", "data:", "blob:", "http://tiles.example:8090"]
    assert rules["connect-src"] == ["'self'", "http://tiles.example:8090"]
    assert policy.count("tiles.example") == 2
    assert "http" not in content_security_policy()
    assert "http" not in content_security_policy("/own/{z}/{x}/{y}.png")
