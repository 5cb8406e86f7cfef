"""A web server that answers like Google's bucket, with faults on demand.

Each path has a queue of faults. A GET takes one; a fault marked `always` stays. HEAD takes only
faults marked `head`. Every request is logged.
"""

import base64
import hashlib
import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

import google_crc32c


@dataclass(frozen=True)
class Fault:
    """A fault of one answer; fields combine."""

    status: int | None = None  # sent instead of the file
    headers: dict[str, str] = field(default_factory=dict)  # added, or replaced
    cut: int | None = None  # close the connection after so many bytes of the body
    reset: bool = False  # and send RST
    stall: int | None = None  # send nothing more after so many bytes
    flip: int | None = None  # offset of a wrong byte
    lie: int = 0  # bytes in Content-Length that are not sent
    ignore_range: bool = False
    ignore_match: bool = False  # ignore If-Match
    slow: float = 0.0  # seconds before each 16 KiB
    before: Callable[["Bucket"], None] | None = None  # runs before the answer is made
    head: bool = False  # also for HEAD
    always: bool = False


@dataclass(frozen=True)
class Stored:
    """One version of a file."""

    data: bytes
    generation: int
    composite: bool = False  # no md5, and the tag is not an md5
    bare: bool = False  # as on other web servers: no checksums, no generation
    untagged: bool = False  # no ETag either

    @property
    def etag(self) -> str:
        if self.composite or self.bare:
            return f'"CJ{self.generation}="'
        return f'"{hashlib.md5(self.data).hexdigest()}"'

    def headers(self) -> dict[str, str]:
        if self.untagged:
            return {"Accept-Ranges": "bytes"}
        if self.bare:
            return {"ETag": self.etag, "Accept-Ranges": "bytes"}
        sums = "crc32c=" + base64.b64encode(google_crc32c.Checksum(self.data).digest()).decode()
        if not self.composite:
            sums += ",md5=" + base64.b64encode(hashlib.md5(self.data).digest()).decode()
        return {
            "ETag": self.etag,
            "x-goog-hash": sums,
            "x-goog-generation": str(self.generation),
            "x-goog-stored-content-length": str(len(self.data)),
            "Accept-Ranges": "bytes",
        }


@dataclass
class Request:
    """A request in the log."""

    method: str
    path: str
    range: str | None
    match: str | None
    time: float
    status: int = 0
    sent: int = 0


class Bucket:
    """The server: files by path, faults to come, and the log."""

    def __init__(self) -> None:
        self.objects: dict[str, Stored] = {}
        self.faults: dict[str, list[Fault]] = {}
        self.log: list[Request] = []
        self.release = threading.Event()  # ends all stalls
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.bucket = self
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def put(self, path: str, data: bytes, **traits: bool) -> Stored:
        old = self.objects.get(path)
        stored = Stored(data, old.generation + 1 if old else 1_500_000_000_000_000)
        self.objects[path] = replace(stored, **traits)
        return self.objects[path]

    def fail(self, path: str, *faults: Fault) -> None:
        self.faults.setdefault(path, []).extend(faults)

    def take_fault(self, path: str, *, head: bool) -> Fault:
        with self._lock:
            queue = self.faults.get(path, [])
            if not queue or (head and not queue[0].head):
                return Fault()
            return queue[0] if queue[0].always else queue.pop(0)

    def gets(self, path: str | None = None) -> list[Request]:
        return [
            line
            for line in self.log
            if line.method == "GET" and (path is None or line.path == path)
        ]

    def sent(self, path: str | None = None) -> int:
        return sum(line.sent for line in self.gets(path))

    def close(self) -> None:
        self.release.set()
        self._server.shutdown()
        for connection in self._server.connections:  # that clients keep alive
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RD)
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # so that closing waits for every answer
    bucket: Bucket

    def __init__(self, *arguments) -> None:
        super().__init__(*arguments)
        self.connections: list[socket.socket] = []

    def get_request(self):
        connection, address = super().get_request()
        self.connections.append(connection)
        return connection, address

    def handle_error(self, request, client_address):
        pass  # clients that are killed hang up; the tests look at what they left behind


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 5
    server: _Server

    def log_message(self, *arguments):
        pass

    def do_HEAD(self):
        self._answer(head=True)

    def do_GET(self):
        self._answer(head=False)

    def _answer(self, *, head: bool) -> None:
        bucket, path = self.server.bucket, unquote(self.path).lstrip("/")
        fault = bucket.take_fault(path, head=head)
        line = Request(
            self.command,
            path,
            self.headers.get("Range"),
            self.headers.get("If-Match"),
            time.time(),
        )
        bucket.log.append(line)
        if fault.before is not None:
            fault.before(bucket)
        stored = bucket.objects.get(path)
        if fault.status is not None:
            self._begin(line, fault.status, fault.headers, b"sorry")
        elif stored is None:
            self._begin(line, 404, {}, b"<Code>NoSuchKey</Code>")
        elif line.match not in (None, stored.etag) and not fault.ignore_match:
            self._begin(line, 412, {}, b"<Code>PreconditionFailed</Code>")
        else:
            self._file(line, stored, fault)

    def _file(self, line: Request, stored: Stored, fault: Fault) -> None:
        data, start, headers = stored.data, 0, stored.headers() | fault.headers
        status = 200
        if fault.flip is not None:
            wrong = bytes([data[fault.flip] ^ 1])
            data = data[: fault.flip] + wrong + data[fault.flip + 1 :]
        if line.range and not fault.ignore_range:
            start = int(line.range.removeprefix("bytes=").removesuffix("-"))
            if start >= len(data):
                self._begin(line, 416, {"Content-Range": f"bytes */{len(data)}"}, b"")
                return
            status = 206
            headers |= {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"}
        self._begin(line, status, headers, data[start:], fault)

    def _begin(
        self,
        line: Request,
        status: int,
        headers: dict[str, str],
        body: bytes,
        fault: Fault = Fault(),
    ) -> None:
        line.status = status
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body) + fault.lie)} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        end = min((n for n in (fault.cut, fault.stall) if n is not None), default=len(body))
        for at in range(0, end, 1 << 14):
            if fault.slow:
                time.sleep(fault.slow)
            piece = body[at : min(at + (1 << 14), end)]
            self.wfile.write(piece)
            line.sent += len(piece)
        if fault.stall is not None:
            self.server.bucket.release.wait(30)
            self.close_connection = True
        if fault.cut is not None or fault.lie:
            self.close_connection = True
        if fault.reset:  # as a router does that loses a connection
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
