"""Middleware and error handlers: security headers, same-origin checks, error responses.

A page of another origin can neither read a response (no CORS) nor make a change (a change needs
``application/json``, for which browsers send a preflight request, and the origin is compared).
Requests with another host name are refused, against DNS rebinding. Pages may load only what this
server provides.
"""

from collections.abc import Sequence

from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from quickdraw_kit.errors import IntegrityError, QuickdrawError

# of the page itself: scripts and styles from this server only, none inline
_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
# of a report, which is one file with inline styles; it runs no script and only our page embeds it
REPORT_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; sandbox; frame-ancestors 'self'"
)


def middleware(hosts: Sequence[str]) -> list[Middleware]:
    """Return the middleware of the application, outermost first: errors have the headers too."""
    return [
        Middleware(_Headers),
        Middleware(TrustedHostMiddleware, allowed_hosts=list(hosts)),
        Middleware(_SameOrigin),
    ]


def error_response(status: int, reason: str) -> JSONResponse:
    """Return an error as JSON."""
    return JSONResponse({"error": reason}, status)


async def _files_changed(request: Request, error: Exception) -> Response:
    """Respond when files that could be read at the start of the server cannot be read now."""
    cause = error if isinstance(error, OSError) else error.__cause__
    reason = getattr(cause, "strerror", None) or "their content is different"  # without the path
    return error_response(410, f"files were removed or changed ({reason}): restart the server")


async def _server_error(request: Request, error: Exception) -> Response:
    return error_response(500, str(error))


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    return error_response(error.status_code, error.detail)


EXCEPTION_HANDLERS = {
    HTTPException: _http_error,
    OSError: _files_changed,
    IntegrityError: _files_changed,
    QuickdrawError: _server_error,
}


class _Headers:
    """Add security headers to every response."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                # a response may have its own policy: that of a report
                present = {name for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *((n, v) for n, v in _HEADERS if n not in present),
                ]
            await send(message)

        await self.app(scope, receive, send_with_headers if scope["type"] == "http" else send)


_HEADERS = [
    (b"content-security-policy", _PAGE_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
]


class _SameOrigin:
    """Refuse POST requests from pages of another origin."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "POST":
            headers = dict(scope["headers"])
            origin = headers.get(b"origin", b"").decode("latin-1")
            host = headers.get(b"host", b"").decode("latin-1")
            content_type = headers.get(b"content-type", b"").split(b";")[0].strip().lower()

            # clients that are not browsers send no origin; a form cannot send JSON
            same_origin = not origin or origin.partition("://")[2] == host
            if not same_origin or content_type != b"application/json":
                await error_response(403, "the request did not come from the page of this server")(
                    scope, receive, send
                )
                return
        await self.app(scope, receive, send)
