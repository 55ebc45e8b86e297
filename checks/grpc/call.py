#!/usr/bin/env python3
"""Calls `examples/grpc` with gRPC's own Python client. The argument is the example's program."""

import re
import subprocess
import sys

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

SECONDS = 20


def status(method, token):
    """The status of a call, and what it returned."""
    metadata = [("authorization", f"Bearer {token}")] if token else []
    try:
        replies = method(health_pb2.HealthCheckRequest(), metadata=metadata, timeout=SECONDS)
        reply = next(replies) if hasattr(replies, "__next__") else replies
        return "OK", health_pb2.HealthCheckResponse.ServingStatus.Name(reply.status)
    except grpc.RpcError as error:
        return error.code().name, error.details()


def main(program):
    process = subprocess.Popen([program], stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()
        # The example prints one line for grpcurl, with a command in it that gets the token.
        get_token, address = re.search(r"Bearer \$\((.*)\)\" (\S+) grpc\.health", line).groups()
        token = subprocess.run(["sh", "-c", get_token], check=True, capture_output=True, text=True, timeout=SECONDS).stdout.strip()
        with grpc.insecure_channel(address) as channel:
            health = health_pb2_grpc.HealthStub(channel)
            found = {
                "check": status(health.Check, token)[0:2],
                "check without a token": status(health.Check, None)[0],
                "check with another's token": status(health.Check, token[:-4] + "AAAA")[0],
                "watch, which needs another scope": status(health.Watch, token)[0],
            }
    finally:
        process.kill()
        process.wait()
    expected = {
        "check": ("OK", "SERVING"),
        "check without a token": "UNAUTHENTICATED",
        "check with another's token": "UNAUTHENTICATED",
        "watch, which needs another scope": "PERMISSION_DENIED",
    }
    for call, outcome in found.items():
        print(f"{call}: {outcome}", "" if outcome == expected[call] else f"expected {expected[call]}")
    sys.exit(found != expected)


main(sys.argv[1])
