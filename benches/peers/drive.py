"""Runs rounds over all peers in turn and prints medians, and medians of the ratios within a round."""

import os
import statistics
import subprocess
import sys

VARIANTS = {
    "none": [("no auth", ""), ("inserts an Arc", "arc")],
    "ours": [("ours, seen before", ""), ("ours, first sight", "uncached")],
}
# Few enough requests that a round is short, and about as long for each.
CHEAP = {"no auth", "inserts an Arc", "ours, seen before"}


class Peer:
    def __init__(self, name, binary, variant, tokens):
        self.name = name
        self.times = []
        command = [binary, tokens]
        environment = {**os.environ, "PEER_VARIANT": variant}
        # It lets a good token in, and keeps a tampered, an expired and a missing one out.
        subprocess.run(command + ["check"], check=True, env=environment, stdout=subprocess.DEVNULL)
        self.process = subprocess.Popen(
            command + ["measure"], env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )

    def measure(self, count):
        self.process.stdin.write(f"{count}\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def stop(self):
        self.process.stdin.close()
        self.process.wait(timeout=10)


def main():
    binaries, tokens, mode, *names = sys.argv[1:]
    rounds = 2 if mode == "--quick" else 40
    peers = [
        Peer(name, f"{binaries}/peer-{package}", variant, tokens)
        for package in names
        for name, variant in VARIANTS.get(package, [(package, "")])
    ]
    for number in range(rounds + 1):
        for peer in peers:
            time = peer.measure(8000 if peer.name in CHEAP else 800)
            # The first round warms up.
            if number > 0:
                peer.times.append(time)
    for peer in peers:
        peer.stop()

    def ratio(peer, base):
        return statistics.median(a / b for a, b in zip(peer.times, base.times))

    by_name = {peer.name: peer for peer in peers}
    bases = [by_name[name] for name in ("no auth", "inserts an Arc", "ours, first sight", "ours, seen before") if name in by_name]
    print(f"{'whole in-process request':<30} {'median ns':>10}" + "".join(f" {'/ ' + base.name:>20}" for base in bases))
    for peer in sorted(peers, key=lambda peer: statistics.median(peer.times)):
        print(f"{peer.name:<30} {statistics.median(peer.times):>10.0f}" + "".join(f" {ratio(peer, base):>20.3f}" for base in bases))
    others = [by_name[name] for name in names if name in by_name]
    if others and "ours, first sight" in by_name:
        best = min(others, key=lambda peer: statistics.median(peer.times))
        print(f"\nours, first sight / best peer ({best.name}): {ratio(by_name['ours, first sight'], best):.3f}")
        print(f"ours, seen before / best peer ({best.name}): {ratio(by_name['ours, seen before'], best):.4f}")


main()
