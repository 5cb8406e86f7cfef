"""What stands before every answer: headers of safety, who may ask for a change, and refusals.

A page of another origin can neither read an answer (no CORS) nor cause a change (a change needs
``application/json``, which browsers ask leave for, and the origin is compared). A name of another
host is refused, so that none can be made to point here. Pages may load what this server gives and
nothing else.
"""

from collections.abc import Sequence

from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from quickdraw_kit.errors import IntegrityError, QuickdrawError

__all__ = ["FAILURES", "REPORT_POLICY", "guards", "refusal"]

_PAGE = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
REPORT_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; sandbox; frame-ancestors 'self'"
)


def guards(hosts: Sequence[str]) -> list[Middleware]:
    """List the middleware that guards an application."""
    return [
        Middleware(_Headers),
        Middleware(TrustedHostMiddleware, allowed_hosts=list(hosts)),
        Middleware(_SameOrigin),
    ]


def refusal(status: int, reason: str) -> JSONResponse:
    """Refuse a request."""
    return JSONResponse({"error": reason}, status)


async def _gone(request: Request, error: Exception) -> Response:
    """Answer when files cannot be read that could be when the server started."""
    cause = error if isinstance(error, OSError) else error.__cause__
    reason = getattr(cause, "strerror", None) or "they are not what they were"
    return refusal(410, f"the files are gone or damaged ({reason}): start the server anew")


async def _broken(request: Request, error: Exception) -> Response:
    return refusal(500, str(error))


FAILURES = {OSError: _gone, IntegrityError: _gone, QuickdrawError: _broken}


class _Headers:
    """Put the headers of safety on every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *((n, v) for n, v in _SAFE if n not in present),
                ]
            await send(message)

        await self.app(scope, receive, with_headers if scope["type"] == "http" else send)


_SAFE = [
    (b"content-security-policy", _PAGE.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
]


class _SameOrigin:
    """Refuse changes that a page of another origin asks for."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "POST":
            headers = dict(scope["headers"])
            origin = headers.get(b"origin", b"").decode("latin-1")
            host = headers.get(b"host", b"").decode("latin-1")
            kind = headers.get(b"content-type", b"").split(b";")[0].strip().lower()
            if (origin and origin.partition("://")[2] != host) or kind != b"application/json":
                await refusal(403, "this was not asked by our own page")(scope, receive, send)
                return
        await self.app(scope, receive, send)
