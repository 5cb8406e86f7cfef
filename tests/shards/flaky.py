"""A proxy between a client and a store, which counts requests and fails on request."""

import http.client
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

_HOP_HEADERS = {"connection", "content-length", "date", "server", "transfer-encoding"}


@dataclass
class Fault:
    """What happens to the next `times` requests of `method` whose path contains `name`."""

    method: str
    name: str
    kind: int | str  # a status; "cut": half a response; "drop": none; "lost": done, no response
    times: int = 1


class Flaky:
    """The proxy. `sent` counts bytes of responses to GET, `requests` lists all requests."""

    def __init__(self, target: str) -> None:
        self.target = urlsplit(target).netloc
        self.faults: list[Fault] = []
        self.happened: list[Fault] = []
        self.sent = 0
        self.requests: list[str] = []
        self.before: Callable[[str], None] = lambda line: None
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def fault(self, method: str, path: str) -> int | str | None:
        with self._lock:
            self.requests.append(f"{method} {path}")
            for fault in self.faults:
                if fault.times and fault.method == method and fault.name in path:
                    fault.times -= 1
                    self.happened.append(fault)
                    return fault.kind
        return None

    def count(self, size: int) -> None:
        with self._lock:
            self.sent += size


def _handler(flaky: Flaky) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _forward(self) -> None:
            body = self._body()
            flaky.before(f"{self.command} {self.path}")
            fault = flaky.fault(self.command, self.path)
            if fault == "drop":
                self.close_connection = True
                return
            if isinstance(fault, int):
                self._respond(fault, {}, b"")
                return
            connection = http.client.HTTPConnection(flaky.target, timeout=30)
            headers = {k: v for k, v in self.headers.items() if k.lower() not in _HOP_HEADERS}
            connection.request(self.command, self.path, body, headers)
            response = connection.getresponse()
            content = response.read()
            connection.close()
            if fault == "lost":
                self.close_connection = True
                return
            if self.command == "GET":
                flaky.count(len(content))
            kept_headers = {k: v for k, v in response.getheaders() if k.lower() not in _HOP_HEADERS}
            length = response.getheader("content-length") if self.command == "HEAD" else None
            self._respond(response.status, kept_headers, content, length, cut=fault == "cut")

        def _body(self) -> bytes:
            if "chunked" not in self.headers.get("Transfer-Encoding", ""):
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))
            parts = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)

        def _respond(self, status, headers, content, length=None, *, cut=False) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", length or str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) // 2] if cut else content)
            self.close_connection |= cut

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _forward  # noqa: N815

        def log_message(self, *_) -> None:
            pass

    return Handler
