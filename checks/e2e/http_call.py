"""One HTTP request on loopback, with header fields as they are given: also two of a name."""

import dataclasses
import http.client
import urllib.parse


@dataclasses.dataclass
class Answer:
    status: int
    challenge: str | None
    body: str


def call(url: str, authorization: list[str], method: str = "GET", query: str = "") -> Answer:
    parts = urllib.parse.urlsplit(url)
    if parts.hostname != "127.0.0.1":
        raise ValueError(f"{url} is not on this machine")
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
    try:
        connection.putrequest(method, parts.path + (f"?{query}" if query else ""))
        for value in authorization:
            connection.putheader("Authorization", value)
        connection.putheader("Content-Length", "0")
        connection.endheaders()
        response = connection.getresponse()
        return Answer(response.status, response.getheader("WWW-Authenticate"), response.read().decode())
    finally:
        connection.close()
