"""The application: three rooms, an interface in JSON and bytes, and nothing served beyond them.

What stands before it, and keeps other pages out, is in ``guard``.
"""

import base64
import contextlib
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from quickdraw_kit.errors import DataError, QuickdrawError
from quickdraw_kit.learn.models.model import Model
from quickdraw_kit.serve.collections import Choice, Collection
from quickdraw_kit.serve.inference import BusyError, Guesser
from quickdraw_kit.serve.middleware import FAILURES, REPORT_POLICY, guards, refusal
from quickdraw_kit.serve.requests import MOST_BYTES, read_drawing, read_saved
from quickdraw_kit.serve.runs import Run, find_runs

__all__ = ["Rooms", "build_app"]

_STATIC = {
    "index.html": "text/html",
    "app.js": "text/javascript",
    "draw.js": "text/javascript",
    "browse.js": "text/javascript",
    "runs.js": "text/javascript",
    "style.css": "text/css",
}
_MOST_TILES = 2000
_MOST_SAVED = 1 << 30  # bytes of a file of kept drawings
_GUESSES = 5
_WORD = re.compile(r"[\w .'-]{1,60}")


@dataclass(frozen=True, slots=True)
class Rooms:
    """What there is to see."""

    model: Model | None = None
    collections: Sequence[Collection] = ()
    runs: Sequence[Path] = ()
    keep: Path | None = None
    hosts: Sequence[str] = ("127.0.0.1", "localhost")
    words: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        names = self.model.label_names if self.model else ()
        # a word becomes the name of a file
        object.__setattr__(self, "words", frozenset(n for n in names if _WORD.fullmatch(n)))


def build_app(rooms: Rooms) -> Starlette:
    """Build the ASGI application."""
    api = _Api(rooms)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        if api.guesser is None:
            yield
            return
        async with api.guesser.working():
            yield

    routes = [
        Route("/", _static("index.html")),
        *(Route(f"/static/{name}", _static(name)) for name in _STATIC),
        Route("/api/about", api.metadata),
        Route("/api/guess", api.guess, methods=["POST"]),
        Route("/api/keep", api.keep, methods=["POST"]),
        Route("/api/collections/{number:int}", api.collection),
        Route("/api/collections/{number:int}/tiles", api.tiles),
        Route("/api/collections/{number:int}/drawings/{row:int}", api.drawing),
        Route("/api/collections/{number:int}/drawings/{row:int}/image", api.image),
        Route("/api/collections/{number:int}/drawings/{row:int}/near", api.near),
        Route("/api/runs", api.runs),
        Route("/report", api.report),
    ]
    return Starlette(
        routes=routes,
        lifespan=lifespan,
        exception_handlers=FAILURES,
        middleware=guards(rooms.hosts),
    )


def _static(name: str) -> Callable[[Request], Awaitable[Response]]:
    content = (files("quickdraw_kit.serve") / "static" / name).read_bytes()

    async def serve(request: Request) -> Response:
        return Response(content, media_type=_STATIC[name])

    return serve


class _Api:
    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self.guesser = Guesser(rooms.model) if rooms.model is not None else None

    async def metadata(self, request: Request) -> Response:
        model = self._rooms.model
        return JSONResponse(
            {
                "labels": list(model.label_names) if model else [],
                "words": sorted(self._rooms.words),
                "architecture": model.architecture if model else None,
                "side": model.side if model else None,
                "collections": [
                    {"name": each.name, "drawings": len(each)} for each in self._rooms.collections
                ],
                "keeps": self._rooms.keep is not None,
                "runs": bool(self._rooms.runs),
            }
        )

    async def guess(self, request: Request) -> Response:
        if self.guesser is None:
            return refusal(404, "the server was started without a model")
        try:
            drawing = read_drawing(await _body(request))
            guess = await self.guesser.guess(drawing)
        except DataError as error:
            return refusal(422, str(error))
        except BusyError as error:
            return refusal(503, str(error))
        names = self.guesser.model.label_names
        return JSONResponse(
            {
                "guesses": [
                    {"name": names[label], "probability": p} for label, p in guess.best(_GUESSES)
                ],
                "side": guess.image.shape[0],
                "image": base64.b64encode(guess.image.tobytes()).decode(),
            }
        )

    async def keep(self, request: Request) -> Response:
        folder = self._rooms.keep
        if folder is None:
            return refusal(404, "the server was started without --keep")
        try:
            drawing = read_saved(await _body(request), self._rooms.words)
            await run_in_threadpool(_append, drawing, folder)
        except (QuickdrawError, OSError) as error:
            return refusal(422 if isinstance(error, DataError) else 507, str(error))
        return JSONResponse({"key_id": str(drawing.key_id[0])})

    def _collection(self, request: Request) -> Collection:
        number: int = request.path_params["number"]
        if not 0 <= number < len(self._rooms.collections):
            raise DataError(f"there is no collection {number}")
        return self._rooms.collections[number]

    async def collection(self, request: Request) -> Response:
        try:
            found = self._collection(request)
        except DataError as error:
            return refusal(404, str(error))
        facets = await run_in_threadpool(found.facets)
        return JSONResponse(
            {"name": found.name, "drawings": len(found), "facets": facets, "flags": found.flags}
        )

    async def tiles(self, request: Request) -> Response:
        """Bitmaps of a part of a choice: int32 rows, then the pixels of each."""
        query = request.query_params
        try:
            found = self._collection(request)
            start, count = int(query.get("start", "0")), int(query.get("count", "500"))
            if start < 0 or not 0 <= count <= _MOST_TILES:
                raise ValueError
        except DataError as error:
            return refusal(404, str(error))
        except ValueError:
            return refusal(422, f"start and count: expected at most {_MOST_TILES} at once")
        recognized = {"true": True, "false": False}.get(query.get("recognized", ""))
        choice = Choice(
            category=query.get("category"),
            country=query.get("country"),
            split=query.get("split"),
            flag=query.get("flag"),
            recognized=recognized,
        )

        def cut() -> tuple[int, bytes, int]:
            rows = found.choose(choice)
            part = rows[start : start + count]
            images = found.images(part)
            content = part.astype("<i4").tobytes() + images.tobytes()
            return len(rows), content, images.shape[1] if len(part) else 28

        total, content, side = await run_in_threadpool(cut)
        headers = {"x-total": str(total), "x-side": str(side)}
        return Response(content, headers=headers, media_type="application/octet-stream")

    async def drawing(self, request: Request) -> Response:
        try:
            found = self._collection(request)
            told = await run_in_threadpool(found.describe, request.path_params["row"])
        except DataError as error:
            return refusal(404, str(error))
        return JSONResponse(told)

    async def image(self, request: Request) -> Response:
        """Answer with the pixels of one bitmap."""
        row = request.path_params["row"]
        try:
            found = self._collection(request)
            if row >= len(found):
                raise DataError(f"drawing {row} of {len(found)}")
        except DataError as error:
            return refusal(404, str(error))
        images = await run_in_threadpool(found.images, np.array([row], np.int64))
        return Response(
            images.tobytes(),
            headers={"x-side": str(images.shape[1])},
            media_type="application/octet-stream",
        )

    async def near(self, request: Request) -> Response:
        """Answer with the nearest neighbours: rows, differences, and the bitmaps in base64."""
        try:
            found = self._collection(request)
            near = await run_in_threadpool(found.neighbours, request.path_params["row"], 12)
        except DataError as error:
            return refusal(404, str(error))
        images = await run_in_threadpool(found.images, np.array([r for r, _ in near], np.int64))
        return JSONResponse(
            {
                "side": images.shape[1] if len(images) else 28,
                "near": [
                    {
                        "row": row,
                        "difference": round(difference, 1),
                        "image": base64.b64encode(image.tobytes()).decode(),
                    }
                    for (row, difference), image in zip(near, images, strict=True)
                ],
            }
        )

    def _runs(self) -> list[Run]:
        return [run for root in self._rooms.runs for run in find_runs(root)]

    async def runs(self, request: Request) -> Response:
        runs = await run_in_threadpool(self._runs)
        told = [
            {
                "name": run.name,
                "history": run.history,
                "about": run.metadata,
                "report": f"/report?{urlencode({'run': run.name})}" if run.report else None,
            }
            for run in runs
        ]
        # json.dumps writes NaN where a loss has none; browsers read null
        text = json.dumps(_finite(told))
        return Response(text, media_type="application/json")

    async def report(self, request: Request) -> Response:
        runs = await run_in_threadpool(self._runs)
        wanted = request.query_params.get("run")
        report = next((run.report for run in runs if run.name == wanted), None)
        if report is None:
            return refusal(404, "there is no such report")
        return FileResponse(
            report, media_type="text/html", headers={"content-security-policy": REPORT_POLICY}
        )


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_finite(each) for each in value]
    return value if not isinstance(value, float) or np.isfinite(value) else None


async def _body(request: Request) -> bytes:
    """Read a body, but no more of it than is taken."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_BYTES:
            raise DataError(f"more than {MOST_BYTES} bytes were sent")
    return bytes(body)


def _append(drawing: Any, folder: Path) -> None:
    """Add a line to the file of a word: one write, so that lines do not mix."""
    from quickdraw_kit.formats.ndjson.writer import encode_lines

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{drawing.words[0]}.ndjson"
    if path.exists() and path.stat().st_size > _MOST_SAVED:
        raise QuickdrawError(f"{path.name} is full: {_MOST_SAVED} bytes are kept")
    line = b"".join(encode_lines(drawing))
    with path.open("ab", buffering=0) as file:
        file.write(line)
