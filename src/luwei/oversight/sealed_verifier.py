"""Verifier of a sealed package 封存证据包: ``verify.py`` in it. It needs nothing but Python 3.10 or later.

    python verify.py [package.zip or its unpacked folder] [--key <public key in hex, as the platform publishes it>]

It checks that the signature of manifest.json is right (SM2 with SM3, GB/T 32918.2-2016 and GB/T 32905-2016, recommended
curve of GB/T 32918.5-2017), and that every file has the size and the two digests that the manifest states. A key that
came with the package proves only that the package is whole: compare it with the one the platform publishes.
Exit code 0: all is as it was sealed; 1: it is not; 2: it could not be read. Without a key the last line says that who
sealed it is not known. This program is in the manifest like every file: run a copy that you got from the platform,
since one that was exchanged says what its author likes.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import pathlib
import struct
import sys
import zipfile
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

P = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
A = P - 3
B = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
GX = 0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7
GY = 0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0
USER = b"1234567812345678"
"""Identity of the signer where none is agreed (GM/T 0009)."""
ALGORITHM = "SM2withSM3"
MANIFEST, SIGNATURE, VERIFIER = "manifest.json", "signature.json", "verify.py"
UNSEALED = (MANIFEST, SIGNATURE, VERIFIER)
"""What a manifest need not list: itself, its signature, this program."""
PIECE = 1 << 18

Point = tuple[int, int] | None


def sm3(data: bytes) -> bytes:
    """The digest of GB/T 32905, by OpenSSL where it has it."""
    running = new_sm3()
    running.update(data)
    digest: bytes = running.digest()
    return digest


def new_sm3() -> Any:
    """A running digest."""
    try:
        return hashlib.new("sm3")
    except ValueError:
        return PlainSm3()


def _left(x: int, n: int) -> int:
    n %= 32
    return ((x << n) | (x >> (32 - n))) & 0xFFFFFFFF


class PlainSm3:
    """SM3 in plain Python, for a Python whose OpenSSL lacks it: slow, and right."""

    def __init__(self) -> None:
        self._state = [
            0x7380166F, 0x4914B2B9, 0x172442D7, 0xDA8A0600, 0xA96F30BC, 0x163138AA, 0xE38DEE4D, 0xB0FB0E4E,
        ]  # fmt: skip
        self._rest = b""
        self._size = 0

    def update(self, data: bytes) -> None:
        """Take the next bytes."""
        self._size += len(data)
        data = self._rest + data
        whole = len(data) // 64 * 64
        for start in range(0, whole, 64):
            self._block(data[start : start + 64])
        self._rest = data[whole:]

    def digest(self) -> bytes:
        """The digest of all that came; nothing may follow."""
        size = self._size
        self.update(b"\x80" + b"\x00" * ((55 - size) % 64) + struct.pack(">Q", size * 8))
        return struct.pack(">8I", *self._state)

    def hexdigest(self) -> str:
        """The same in hex."""
        return self.digest().hex()

    def _block(self, block: bytes) -> None:
        w = list(struct.unpack(">16I", block))
        for j in range(16, 68):
            x = w[j - 16] ^ w[j - 9] ^ _left(w[j - 3], 15)
            w.append(x ^ _left(x, 15) ^ _left(x, 23) ^ _left(w[j - 13], 7) ^ w[j - 6])
        a, b, c, d, e, f, g, h = self._state
        for j in range(64):
            t = 0x79CC4519 if j < 16 else 0x7A879D8A
            s1 = _left((_left(a, 12) + e + _left(t, j)) & 0xFFFFFFFF, 7)
            s2 = s1 ^ _left(a, 12)
            ff = a ^ b ^ c if j < 16 else (a & b) | (a & c) | (b & c)
            gg = e ^ f ^ g if j < 16 else (e & f) | (~e & 0xFFFFFFFF & g)
            t1 = (ff + d + s2 + (w[j] ^ w[j + 4])) & 0xFFFFFFFF
            t2 = (gg + h + s1 + w[j]) & 0xFFFFFFFF
            a, b, c, d, e, f, g, h = t1, a, _left(b, 9), c, t2 ^ _left(t2, 9) ^ _left(t2, 17), e, _left(f, 19), g
        self._state = [x ^ y for x, y in zip(self._state, (a, b, c, d, e, f, g, h), strict=True)]


def add(one: Point, two: Point) -> Point:
    """Sum of two points of the curve; None is the point at infinity."""
    if one is None or two is None:
        return two if one is None else one
    (x1, y1), (x2, y2) = one, two
    if x1 == x2 and (y1 + y2) % P == 0:
        return None
    rise, run = (3 * x1 * x1 + A, 2 * y1) if one == two else (y2 - y1, x2 - x1)
    slope = rise * pow(run, P - 2, P)
    x3 = (slope * slope - x1 - x2) % P
    return x3, (slope * (x1 - x3) - y1) % P


def times(count: int, point: Point) -> Point:
    """A multiple of a point."""
    found: Point = None
    while count:
        if count & 1:
            found = add(found, point)
        point = add(point, point)
        count >>= 1
    return found


def point_of(key: str) -> tuple[int, int]:
    """The point of a public key: 04, x and y in hex. Raises ValueError for one that is not on the curve."""
    raw = bytes.fromhex(key)
    if len(raw) != 65 or raw[0] != 4:
        raise ValueError("a public key is 04 and two numbers of 32 bytes, in hex")
    x, y = int.from_bytes(raw[1:33], "big"), int.from_bytes(raw[33:], "big")
    if not (x < P and y < P and (y * y - x * x * x - A * x - B) % P == 0):
        raise ValueError("the public key is no point of the curve")
    return x, y


def message_number(message: bytes, key: tuple[int, int], user: bytes = USER) -> int:
    """e of GB/T 32918.2 §6: the digest of the signer's Z and the message."""
    z = struct.pack(">H", len(user) * 8) + user + b"".join(n.to_bytes(32, "big") for n in (A, B, GX, GY, *key))
    return int.from_bytes(sm3(sm3(z) + message), "big")


def is_signed(message: bytes, r: int, s: int, key: tuple[int, int], user: bytes = USER) -> bool:
    """Whether (r, s) is the signature of the message by the owner of the key (GB/T 32918.2 §7)."""
    t = (r + s) % N
    if not (0 < r < N and 0 < s < N and t):
        return False
    point = add(times(s, (GX, GY)), times(t, key))
    return point is not None and (message_number(message, key, user) + point[0]) % N == r


class Package:
    """The files of a package, packed or unpacked."""

    def __init__(self, path: pathlib.Path) -> None:
        self._zip = zipfile.ZipFile(path) if path.is_file() else None
        self._folder = path

    def names(self) -> Iterator[str]:
        """Every file."""
        if self._zip is not None:
            return iter(each.filename for each in self._zip.infolist() if not each.is_dir())
        found = (each for each in self._folder.rglob("*") if each.is_file())
        return iter(each.relative_to(self._folder).as_posix() for each in found)

    def open(self, name: str) -> BinaryIO:
        """One file. Raises KeyError or OSError where there is none."""
        if self._zip is not None:
            return self._zip.open(name)  # type: ignore[return-value]
        return (self._folder / name).open("rb")

    def read(self, name: str) -> bytes:
        """One small file."""
        with self.open(name) as file:
            return file.read()


def verify(path: pathlib.Path, trusted: str = "", tell: Callable[[str], None] = print) -> bool:
    """Whether the package is as it was sealed; ``tell`` gets a line for each thing that was looked at.

    Raises OSError, KeyError, ValueError or zipfile.BadZipFile where it cannot be read.
    """
    package = Package(path)
    manifest, signature = package.read(MANIFEST), json.loads(package.read(SIGNATURE))
    stated = json.loads(manifest)
    key = signature["public_key"]
    good = signature["algorithm"] == ALGORITHM and is_signed(
        manifest, int(signature["r"], 16), int(signature["s"], 16), point_of(key)
    )
    tell(
        f"{'ok  ' if good else 'BAD '} signature of {MANIFEST} ({ALGORITHM}), key {sm3(bytes.fromhex(key)).hex()[:16]}"
    )
    if trusted:
        same = hmac.compare_digest(trusted.lower(), key.lower())
        tell(f"{'ok  ' if same else 'BAD '} key is the one that was given")
        good = good and same
    else:
        tell("note key not compared: give the platform's published key with --key")
    listed = {each["path"]: each for each in stated["files"]}
    found = list(package.names())
    for name in sorted(set(found) - set(listed) - set(UNSEALED)):
        tell(f"BAD  {name}: not in the manifest")
        good = False
    for name in sorted({each for each in found if found.count(each) > 1}):
        tell(f"BAD  {name}: stands in the package more than once")
        good = False
    for name, each in sorted(listed.items()):
        fault = _fault(package, name, each)
        tell(f"{'BAD ' if fault else 'ok  '} {name}{': ' + fault if fault else ''}")
        good = good and not fault
    return good


def _fault(package: Package, name: str, stated: Any) -> str:
    if name.startswith("/") or ".." in name.split("/"):
        return "not a name of a package"
    sha256, national, size = hashlib.sha256(), new_sm3(), 0
    try:
        with package.open(name) as file:
            while True:
                piece = file.read(PIECE)
                if not piece:
                    break
                sha256.update(piece)
                national.update(piece)
                size += len(piece)
    except (KeyError, OSError, zipfile.BadZipFile) as error:
        return f"cannot be read ({error})"
    if size != stated["size"]:
        return f"has {size} bytes, not {stated['size']}"
    if sha256.hexdigest() != stated["sha256"] or national.hexdigest() != stated["sm3"]:
        return "has other content"
    return ""


def main(arguments: list[str]) -> int:
    """The command line."""
    trusted, place = "", ""
    rest = iter(arguments)
    for each in rest:
        if each == "--key":
            trusted = next(rest, "").strip()
            if not trusted:
                print("--key must be followed by the public key in hex")
                return 2
        else:
            place = each
    try:
        good = verify(pathlib.Path(place) if place else pathlib.Path(__file__).resolve().parent, trusted)
    except (OSError, KeyError, ValueError, TypeError, zipfile.BadZipFile) as error:
        print(f"the package cannot be read: {error}")
        return 2
    if not good:
        print("THE PACKAGE IS NOT AS IT WAS SEALED.")
        return 1
    print("The package is as it was sealed." if trusted else "The package is whole; who sealed it was not checked.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
