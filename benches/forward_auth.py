#!/usr/bin/env python3
"""What forward authentication costs per request: nginx with `auth_request` to `examples/forward-auth`,
against the same nginx without it. Needs nginx and wrk (Debian), and two cores.

The cost is processor time, which other load on the machine hardly changes: of nginx and of the
example, divided by the requests that wrk counted. Both cases run in every round, so a ratio is of one
round; printed is the median. Loopback only; everything ends by itself.
"""

import json
import os
import pathlib
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[1]
ROUNDS, SECONDS = (1, 1) if "--quick" in sys.argv else (7, 2)
TICKS = os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port):
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    sys.exit(f"nothing listens on {port}")


def processor_seconds(process):
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def nginx_config(auth, port, auth_port, service_port):
    """The example's own configuration; without `auth_request`, only the lines of it are left out."""
    config = (ROOT / "examples/forward-auth/proxies/nginx.conf").read_text()
    if not auth:
        config = re.sub(r"(?m)^ *(auth_request|proxy_set_header X-Auth|error_page).*\n", "", config)
        config = re.sub(r"(?ms)^        location [=@].*?^        }\n", "", config)
    for documented, actual in (("8080", port), ("9180", auth_port), ("9181", service_port)):
        config = config.replace(f"127.0.0.1:{documented}", f"127.0.0.1:{actual}")
    return config.replace("http {", "http {\n    access_log off;\n", 1)


def main():
    for tool in ("nginx", "wrk"):
        if not shutil.which(tool):
            sys.exit(f"this needs {tool} (apt-get install nginx-light wrk)")
    subprocess.run(
        ["cargo", "build", "--quiet", "--release", "-p", "example-forward-auth", "-p", "local-issuer"], cwd=ROOT, check=True
    )
    binaries = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
    processes = []
    folder = pathlib.Path(tempfile.mkdtemp())

    def start(*command, **options):
        process = subprocess.Popen(command, **options)
        processes.append(process)
        return process

    def nginx(name, config):
        (folder / name).mkdir()
        path = folder / name / "nginx.conf"
        path.write_text(config)
        switches = "daemon off; master_process off; pid nginx.pid; error_log stderr crit;"
        return start("nginx", "-e", "stderr", "-g", switches, "-p", path.parent, "-c", path)

    try:
        issuer = start(binaries / "local-issuer", "--client", "caller", "--scope", "profiles/get", stdout=subprocess.PIPE, text=True)
        settings = {}
        for line in issuer.stdout:
            if found := re.match(r"export (\w+)='(.*)'", line):
                settings[found[1]] = found[2]
            if "COGNITO_SCOPES" in settings:
                break
        request = urllib.request.Request(
            settings["COGNITO_TOKEN_URL"],
            urllib.parse.urlencode(
                {
                    "grant_type": "client_credentials",
                    "client_id": settings["COGNITO_CLIENT_ID"],
                    "client_secret": settings["COGNITO_CLIENT_SECRET"],
                }
            ).encode(),
        )
        token = json.load(urllib.request.urlopen(request, timeout=10))["access_token"]

        # The example listens on its documented port.
        environment = {**os.environ, "USER_POOL_ID": settings["COGNITO_USER_POOL_ID"], "JWKS_URL": settings["COGNITO_JWKS_URL"], "CLIENT_ID": "caller"}
        routes = ROOT / "examples/forward-auth/routes.toml"
        forward_auth = start(binaries / "example-forward-auth", routes, "fields", env=environment)
        wait_for(9180)
        service_port, with_port, without_port = free_port(), free_port(), free_port()
        nginx(
            "service",
            "events {}\nhttp { access_log off; server { listen 127.0.0.1:%d; location / { return 200 ok; } } }" % service_port,
        )
        guarded = nginx("with", nginx_config(True, with_port, 9180, service_port))
        plain = nginx("without", nginx_config(False, without_port, 9180, service_port))
        for port in (service_port, with_port, without_port):
            wait_for(port)

        def load(port, measured):
            before = [processor_seconds(process) for process in measured]
            url = f"http://127.0.0.1:{port}/profiles/7"
            command = ["wrk", "-t1", "-c16", f"-d{SECONDS}s", "-H", f"Authorization: Bearer {token}", url]
            said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            if "Non-2xx" in said:
                sys.exit(said)
            count = int(re.search(r"(\d+) requests in", said)[1])
            after = [processor_seconds(process) for process in measured]
            return [1e6 * (end - start) / count for start, end in zip(before, after)]

        load(with_port, [guarded])
        load(without_port, [plain])
        ratios, of_nginx, of_example, without = [], [], [], []
        for _ in range(ROUNDS):
            [base] = load(without_port, [plain])
            proxy, example = load(with_port, [guarded, forward_auth])
            ratios.append((proxy + example) / base)
            of_nginx.append(proxy / base)
            of_example.append(example / base)
            without.append(base)
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait()
        shutil.rmtree(folder)

    print(f"nginx without authentication      1.00  ({statistics.median(without):.0f} µs of processor time a request)")
    print(f"nginx with it                     {statistics.median(of_nginx):.2f}")
    print(f"forward-auth                      {statistics.median(of_example):.2f}")
    print(f"both                              {statistics.median(ratios):.2f}  ({min(ratios):.2f} to {max(ratios):.2f})")


main()
