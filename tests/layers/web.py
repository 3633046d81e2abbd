"""Real web servers of a test's own, and what they were asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    form: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Reply:
    """An answer; ``length`` announces another length than the body has, and ``None`` none."""

    body: bytes | Iterable[bytes] = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = -1


@dataclass(frozen=True)
class Web:
    """A server that runs."""

    url: str
    asked: list[Asked]

    @property
    def paths(self) -> list[str]:
        return [each.path for each in self.asked]


def json(value: Any, *, status: int = 200, **headers: str) -> Reply:
    return Reply(orjson.dumps(value), status, {"Content-Type": "application/json", **headers})


def xml(text: str, *, status: int = 200) -> Reply:
    return Reply(text.encode(), status, {"Content-Type": "text/xml"})


@contextmanager
def web(answer: Callable[[Asked], Reply]) -> Iterator[Web]:
    """A server on this machine that answers as it is told."""
    asked: list[Asked] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.reply({})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.reply(dict(parse_qsl(body.decode(), keep_blank_values=True)))

        def reply(self, form: dict[str, str]) -> None:
            parts = urlsplit(self.path)
            query = dict(parse_qsl(parts.query, keep_blank_values=True))
            asked.append(Asked(self.command, parts.path, query, {k.lower(): v for k, v in self.headers.items()}, form))
            reply = answer(asked[-1])
            self.send_response(reply.status)
            length = len(reply.body) if reply.length == -1 and isinstance(reply.body, bytes) else reply.length
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if length is not None and length >= 0:
                self.send_header("Content-Length", str(length))
            self.end_headers()
            with suppress(BrokenPipeError, ConnectionResetError):
                for chunk in [reply.body] if isinstance(reply.body, bytes) else reply.body:
                    self.wfile.write(chunk)

        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=[0.01])
    thread.start()
    try:
        yield Web(f"http://127.0.0.1:{server.server_port}", asked)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
