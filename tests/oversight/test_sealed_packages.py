"""Sealed packages: the signature against the standard's own example, two reviews, and a package that tells a change."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from case_world import World
from offices import CITY, file_of, judged, opened, person, verified

from luwei.evidence.digest import Digest
from luwei.evidence.store import EvidenceStore
from luwei.oversight import packing, sealed_verifier, sealing, signing
from luwei.oversight.sealed_verifier import PlainSm3, is_signed, point_of
from luwei.registry.base import now_ms
from luwei.registry.errors import Conflict, NotFound, RegistryError
from luwei.registry.scope import WHOLE, Scope

SECRET = 0x3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8
ONCE = 0x59276E27D506861A16680F3AD9C02DCCEF3CC1FA3CDBE4CE6D54B80DEAC1BC21
R = 0xF5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3
S = 0xB1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA
"""GB/T 32918.5-2017 annex A.2 (GM/T 0003.5): private key, k and signature of "message digest"."""
PICTURE = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 64


def test_signatures_are_those_of_the_standard() -> None:
    key = signing.key_of(SECRET)
    assert key.public[2:66].upper() == "09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020"
    assert key.sign(b"message digest", ONCE) == (R, S)
    point = point_of(key.public)
    assert is_signed(b"message digest", R, S, point)
    assert not is_signed(b"message digesT", R, S, point) and not is_signed(b"message digest", S, R, point)
    assert not is_signed(b"message digest", 0, S, point)
    fresh = key.sign(b"another")
    assert fresh != key.sign(b"another") and is_signed(b"another", *fresh, point)
    with pytest.raises(ValueError, match="no point"):
        point_of("04" + "01" * 64)


def test_the_verifiers_own_sm3_is_that_of_the_standard() -> None:
    """GB/T 32905-2016 annex A: "abc", and "abcd" sixteen times."""
    for message, digest in (
        (b"abc", "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"),
        (b"abcd" * 16, "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"),
    ):
        running = PlainSm3()
        running.update(message[:1])
        running.update(message[1:])
        assert running.hexdigest() == digest


def test_the_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    first = signing.load(tmp_path / "sealing")
    assert signing.load(tmp_path / "sealing").public == first.public
    path = tmp_path / "sealing" / signing.NAME
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "SigningKey object" in repr(first), "the secret is not printed"


def verify(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run it as whoever got the package does: another Python, without this project."""
    return subprocess.run(
        [sys.executable, "-I", "-S", *arguments], capture_output=True, text=True, timeout=60, check=False
    )


def test_a_package_needs_two_reviews_and_tells_every_change(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = EvidenceStore.open("", tmp_path)
    world.take(world.alarm("6502", now_ms() - 60_000))
    stored = store.put(iter([PICTURE]))
    values = {
        "name": "03_65_6502_0_x.jpg", "stored_bytes": stored.size, "sha256": stored.sha256, "sm3": stored.sm3,
        "store_key": stored.key, "received_at": now_ms(), "readable": True,
    }  # fmt: skip
    picture = file_of(world, world.case(), **values)
    handler, first, second = (person(world, name) for name in ("handler", "first", "second"))
    opened(world, handler, 1, picture)
    judged(world, handler, 1)
    with pytest.raises(Conflict, match="handled cannot be reviewed"):
        sealing.approve(world.engine, CITY, 1, world.case().version, "", first)
    verified(world, first, 1)
    version = world.case().version
    with pytest.raises(RegistryError, match="another person"):
        sealing.approve(world.engine, CITY, 1, version, "", handler)
    sealing.approve(world.engine, CITY, 1, version, "材料齐全", first)
    with pytest.raises(Conflict, match="already"):
        sealing.approve(world.engine, CITY, 1, version, "", first)
    with pytest.raises(Conflict, match="2 people"):
        sealing.order(world.engine, CITY, WHOLE, 1, "移交执法", second)
    sealing.approve(world.engine, CITY, 1, version, "", second)
    with pytest.raises(NotFound):
        sealing.order(world.engine, CITY, Scope(vehicles=frozenset()), 1, "移交执法", second)
    key = sealing.order(world.engine, CITY, WHOLE, 1, "移交执法", second)
    folder = tmp_path / "sealing"
    signer = signing.load(folder)
    assert packing.waiting(world.engine) == key
    assert packing.pack(world.engine, store, signer, folder, key) == "done"
    state, _ = sealing.state(world.engine, CITY, 1, second.user_id or 0)
    assert [each.name for each in state.approvals] == ["first", "second"]
    assert (state.packages[0].state, state.packages[0].done) == ("done", 1.0)
    package = folder / sealing.finished(world.engine, CITY, WHOLE, 1, key).name
    assert stat.S_IMODE(package.stat().st_mode) == 0o600
    with zipfile.ZipFile(package) as archive:
        assert archive.read(f"originals/{picture}.jpg") == PICTURE
        manifest = json.loads(archive.read("manifest.json"))
        acts = [step["act"] for step in json.loads(archive.read("story.json"))]
        custody = json.loads(archive.read("custody.json"))
        archive.extractall(tmp_path / "out")
    listed = manifest["files"][0]
    digest = Digest()
    digest.update(PICTURE)
    assert (listed["size"], listed["sha256"], listed["sm3"]) == (
        len(PICTURE), digest.end().sha256, digest.end().sm3,
    )  # fmt: skip
    assert manifest["usable"] == dict.fromkeys(
        ("complete", "readable", "unchanged", "time_within_5_min_or_backfill", "terminal_bound_to_truck",
         "reviewed_by_two"), True,
    ) | {"complete": False}, "no file was asked for: the picture came by itself"  # fmt: skip
    assert manifest["case"]["number"] == world.case().number
    assert acts[-3:] == ["reviewed", "reviewed", "sealed"]
    assert {"evidence.view", "case.verdict", "case.sealed"} <= {entry["act"] for entry in custody}
    # whoever gets it verifies it with Python alone, packed and unpacked, and against the published key
    program = str(tmp_path / "out" / "verify.py")
    for arguments in ((str(package),), (str(package), "--key", signer.public), ()):
        found = verify(program, *arguments)
        assert found.returncode == 0, found.stdout + found.stderr
    assert "who sealed it was not checked" in verify(program, str(package)).stdout
    assert verify(program, str(package), "--key").returncode == 2, "an empty variable is no key"
    twice = tmp_path / "twice.zip"
    twice.write_bytes(package.read_bytes())
    with zipfile.ZipFile(twice, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr(f"originals/{picture}.jpg", PICTURE)
    assert "more than once" in verify(program, str(twice)).stdout and verify(program, str(twice)).returncode == 1
    other = signing.key_of(SECRET).public
    assert verify(program, str(package), "--key", other).returncode == 1
    (tmp_path / "out" / f"originals/{picture}.jpg").write_bytes(PICTURE[:-1] + b"x")
    (tmp_path / "out" / "more.txt").write_text("?")
    own = tmp_path / "own.py"  # a copy that did not come with the package
    own.write_text((tmp_path / "out" / "verify.py").read_text())
    (tmp_path / "out" / "verify.py").write_text("print('The package is as it was sealed.')")
    assert "BAD  verify.py" in verify(str(own), str(tmp_path / "out")).stdout
    (tmp_path / "out" / "verify.py").write_text(own.read_text())
    changed = verify(program)
    assert changed.returncode == 1 and "other content" in changed.stdout and "more.txt: not in" in changed.stdout
    text = (tmp_path / "out" / "manifest.json").read_text().replace(world.case().number, "GZ-0000-00000-00")
    (tmp_path / "out" / "manifest.json").write_text(text)
    assert "BAD  signature" in verify(program).stdout
    # an original that is not what it was refuses the next package by its name
    local = store.local_path(stored.key)
    assert local is not None
    local.chmod(0o600)
    local.write_bytes(PICTURE[:-1] + b"x")
    again = sealing.order(world.engine, CITY, WHOLE, 1, "移交执法", second)
    assert packing.pack(world.engine, store, signer, folder, again) == "refused"
    refused = sealing.state(world.engine, CITY, 1, 0)[0].packages[0]
    assert "03_65_6502_0_x.jpg" in refused.failure and refused.state == "refused"
    assert [each.name for each in folder.glob("*.zip*")] == [package.name], "nothing of it is left"
    with pytest.raises(Conflict, match="refused"):
        sealing.finished(world.engine, CITY, WHOLE, 1, again)
    (folder / f"{'0' * 32}.zip").write_bytes(b"made by a process that was killed before it said so")
    # whatever goes wrong with one package, the next is made
    third = sealing.order(world.engine, CITY, WHOLE, 1, "移交执法", second)
    with monkeypatch.context() as broken:
        broken.setattr(packing, "_story", lambda *_: 1 / 0)
        assert packing.pack(world.engine, store, signer, folder, third) == "failed"
    assert packing.waiting(world.engine) is None
    assert packing.forget(world.engine, folder, now_ms() + 60_000) == 1 and list(folder.glob("*.zip*")) == []
    assert sealed_verifier.ALGORITHM == "SM2withSM3"
