"""Many idle terminals held by several gateway processes on one port: are all connected, and what does each cost?"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from whole import METER, WholeSystem


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="bench shards")
    parser.add_argument("--terminals", type=int, default=50_000)
    parser.add_argument("--shards", type=int, default=3)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        system = WholeSystem(Path(folder), LUWEI_SHARDS=str(options.shards))
        system.start()
        try:
            gateways = [pid for name, pid in system.children().items() if name.startswith("gateway-")]
            command = [
                str(METER), "fleet", "-p", str(system.gateway_port), "-n", str(options.terminals), "--interval", "120",
                "-t", "30", "-P", "4", "--truth", "-", "--ack-timeout", "30", "--pids", ",".join(map(str, gateways)),
            ]  # fmt: skip
            output = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        finally:
            system.stop()
    result = json.loads(output)
    held = result["rss_connected_kib"] - result["rss_before_kib"]
    print(f"{options.terminals} terminals on {options.shards} shards, connected in {result['connect_s']:.0f} s")
    print(f"lost {result['lost']}, refused {result['refused']}, closed {result['closed']}, acked {result['acked']}")
    print(f"{held / options.terminals:.2f} KiB a connection, registration of new terminals included")
