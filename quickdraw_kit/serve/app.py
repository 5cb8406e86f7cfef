"""The ASGI application: a static page with three views, and an API that returns JSON and bytes.

It trusts nothing that a browser sends: bodies are limited and validated (``requests``), requests
from pages of other origins are rejected (``middleware``), and only files listed here are served.
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
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from quickdraw_kit.errors import DataError, QuickdrawError
from quickdraw_kit.learn.models.model import Model
from quickdraw_kit.serve.collections import Collection, Filter
from quickdraw_kit.serve.inference import BusyError, Guesser
from quickdraw_kit.serve.middleware import (
    EXCEPTION_HANDLERS,
    REPORT_POLICY,
    error_response,
    middleware,
)
from quickdraw_kit.serve.requests import MAX_BODY_BYTES, read_drawing, read_saved
from quickdraw_kit.serve.runs import Run, find_runs
from quickdraw_kit.strokes.batch import DrawingBatch

# an explicit list, so that nothing else in the folder can be requested
_STATIC = {
    "index.html": "text/html",
    "app.js": "text/javascript",
    "draw.js": "text/javascript",
    "browse.js": "text/javascript",
    "runs.js": "text/javascript",
    "style.css": "text/css",
}
_MAX_TILES = 2000  # per request, about 1.5 MB
_MAX_SAVED_BYTES = 1 << 30  # per file of saved drawings
_GUESSES = 5
_NEIGHBORS = 12
_SIDE = 28  # of the bitmaps of an empty selection
_WORD = re.compile(r"[\w .'-]{1,60}")


@dataclass(frozen=True, slots=True)
class AppConfig:
    """What the page offers."""

    model: Model | None = None
    collections: Sequence[Collection] = ()
    runs: Sequence[Path] = ()  # folders that are searched for training runs
    keep: Path | None = None  # folder for drawings that users save
    hosts: Sequence[str] = ("127.0.0.1", "localhost")
    words: frozenset[str] = field(init=False)  # under which a drawing can be saved

    def __post_init__(self) -> None:
        names = self.model.label_names if self.model else ()
        # words become file names, so a label such as ../x is not one
        object.__setattr__(self, "words", frozenset(n for n in names if _WORD.fullmatch(n)))


def build_app(config: AppConfig) -> Starlette:
    """Build the ASGI application."""
    api = _Api(config)

    # the queue of the guesser needs the event loop, so it starts and stops with the server
    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        if api.guesser is None:
            yield
            return
        async with api.guesser.running():
            yield

    routes = [
        Route("/", _static("index.html")),
        *(Route(f"/static/{name}", _static(name)) for name in _STATIC),
        Route("/api/about", api.about),
        Route("/api/guess", api.guess, methods=["POST"]),
        Route("/api/keep", api.keep, methods=["POST"]),
        Route("/api/collections/{number:int}", api.collection),
        Route("/api/collections/{number:int}/tiles", api.tiles),
        Route("/api/collections/{number:int}/drawings/{row:int}", api.drawing),
        Route("/api/collections/{number:int}/drawings/{row:int}/image", api.image),
        Route("/api/collections/{number:int}/drawings/{row:int}/neighbors", api.neighbors),
        Route("/api/runs", api.runs),
        Route("/report", api.report),
    ]
    return Starlette(
        routes=routes,
        lifespan=lifespan,
        exception_handlers=EXCEPTION_HANDLERS,
        middleware=middleware(config.hosts),
    )


def _static(name: str) -> Callable[[Request], Awaitable[Response]]:
    # read once, at the start: no path of a request ever reaches the file system
    content = (files("quickdraw_kit.serve") / "static" / name).read_bytes()

    async def serve(request: Request) -> Response:
        return Response(content, media_type=_STATIC[name])

    return serve


class _Api:
    """The handlers of the API; slow work runs in threads, so that guesses are not delayed."""

    def __init__(self, config: AppConfig) -> None:
        self._config = config
        self.guesser = Guesser(config.model) if config.model is not None else None

    async def about(self, request: Request) -> Response:
        model = self._config.model
        return JSONResponse(
            {
                "labels": list(model.label_names) if model else [],
                "words": sorted(self._config.words),
                "architecture": model.architecture if model else None,
                "side": model.side if model else None,
                "collections": [
                    {"name": each.name, "drawings": len(each)} for each in self._config.collections
                ],
                "can_keep": self._config.keep is not None,
                "runs": bool(self._config.runs),
            }
        )

    async def guess(self, request: Request) -> Response:
        if self.guesser is None:
            return error_response(404, "the server was started without a model")
        try:
            drawing = read_drawing(await _body(request))
            guess = await self.guesser.guess(drawing)
        except DataError as error:
            return error_response(422, str(error))
        except BusyError as error:
            return error_response(503, str(error))

        # the page shows the bitmap too, so that users see what the model sees
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
        folder = self._config.keep
        if folder is None:
            return error_response(404, "the server was started without --keep")
        try:
            drawing = read_saved(await _body(request), self._config.words)
            await run_in_threadpool(_append, drawing, folder)
        except DataError as error:  # before QuickdrawError, its base class
            return error_response(422, str(error))
        except (QuickdrawError, OSError) as error:  # the file or the disk is full
            return error_response(507, str(error))
        # as text: JavaScript would round a number of 63 bits
        return JSONResponse({"key_id": str(drawing.key_id[0])})

    def _collection(self, request: Request) -> Collection:
        number: int = request.path_params["number"]
        if number >= len(self._config.collections):
            raise HTTPException(404, f"there is no collection {number}")
        return self._config.collections[number]

    def _row(self, request: Request) -> tuple[Collection, int]:
        collection, row = self._collection(request), request.path_params["row"]
        try:
            collection.check_row(row)
        except DataError as error:
            raise HTTPException(404, str(error)) from error
        return collection, row

    async def collection(self, request: Request) -> Response:
        collection = self._collection(request)
        facets = await run_in_threadpool(collection.facets)
        return JSONResponse(
            {
                "name": collection.name,
                "drawings": len(collection),
                "facets": facets,
                "flags": collection.flags,
            }
        )

    async def tiles(self, request: Request) -> Response:
        """Return a page of the selected bitmaps: row numbers as int32, then the pixels of each.

        Bytes, because JSON with base64 would be a third larger and slow to decode in the browser.
        """
        collection, query = self._collection(request), request.query_params
        try:
            start, count = int(query.get("start", "0")), int(query.get("count", "500"))
            if start < 0 or not 0 <= count <= _MAX_TILES:
                raise ValueError
        except ValueError:
            return error_response(
                422, f"start and count: expected at least 0, and at most {_MAX_TILES} tiles"
            )

        selection = Filter(
            category=query.get("category"),
            country=query.get("country"),
            split=query.get("split"),
            flag=query.get("flag"),
            recognized=query.get("recognized"),
        )

        # rendering files of drawings takes long enough to leave the event loop
        def select_tiles() -> tuple[int, bytes, int]:
            rows = collection.select(selection)
            page = rows[start : start + count]
            images = collection.images(page)
            content = page.astype("<i4").tobytes() + images.tobytes()
            return len(rows), content, images.shape[1] if len(page) else _SIDE

        total, content, side = await run_in_threadpool(select_tiles)
        headers = {"x-total": str(total), "x-side": str(side)}
        return Response(content, headers=headers, media_type="application/octet-stream")

    async def drawing(self, request: Request) -> Response:
        collection, row = self._row(request)
        return JSONResponse(await run_in_threadpool(collection.describe, row))

    async def image(self, request: Request) -> Response:
        """Return the pixels of one bitmap."""
        collection, row = self._row(request)
        images = await run_in_threadpool(collection.images, np.array([row], np.int64))
        return Response(
            images.tobytes(),
            headers={"x-side": str(images.shape[1])},
            media_type="application/octet-stream",
        )

    async def neighbors(self, request: Request) -> Response:
        """Return the drawings with the most similar bitmaps: rows, differences, and pixels."""
        collection, row = self._row(request)
        nearest = await run_in_threadpool(collection.nearest, row, _NEIGHBORS)
        rows = np.array([row for row, _ in nearest], np.int64)
        images = await run_in_threadpool(collection.images, rows)
        return JSONResponse(
            {
                "side": images.shape[1] if len(images) else _SIDE,
                "neighbors": [
                    {
                        "row": row,
                        "difference": round(difference, 1),
                        "image": base64.b64encode(image.tobytes()).decode(),
                    }
                    for (row, difference), image in zip(nearest, images, strict=True)
                ],
            }
        )

    def _runs(self) -> list[Run]:
        # searched again for each request: training may add epochs and runs meanwhile
        return [run for root in self._config.runs for run in find_runs(root)]

    async def runs(self, request: Request) -> Response:
        runs = await run_in_threadpool(self._runs)
        content = [
            {
                "name": run.name,
                "history": run.history,
                "metadata": run.metadata,
                "report": f"/report?{urlencode({'run': run.name})}" if run.report else None,
            }
            for run in runs
        ]
        # a loss may be NaN, which is not JSON: browsers could not parse it
        text = json.dumps(_replace_nonfinite(content))
        return Response(text, media_type="application/json")

    async def report(self, request: Request) -> Response:
        runs = await run_in_threadpool(self._runs)
        # by name among the runs, not by path: a request cannot ask for another file
        name = request.query_params.get("run")
        report = next((run.report for run in runs if run.name == name), None)
        if report is None:
            return error_response(404, "this run has no report, or does not exist")
        return FileResponse(
            report, media_type="text/html", headers={"content-security-policy": REPORT_POLICY}
        )


def _replace_nonfinite(value: Any) -> Any:
    """Return JSON content with None for NaN and infinities."""
    if isinstance(value, dict):
        return {name: _replace_nonfinite(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_replace_nonfinite(each) for each in value]
    return value if not isinstance(value, float) or np.isfinite(value) else None


async def _body(request: Request) -> bytes:
    """Read a body; stop at the limit, because the length that the client announced may be wrong."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise DataError(f"the request is larger than {MAX_BODY_BYTES} bytes")
    return bytes(body)


def _append(drawing: DrawingBatch, folder: Path) -> None:
    """Append a line to the file of a word, in one write, so that lines are not interleaved."""
    from quickdraw_kit.formats.ndjson.writer import encode_lines

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{drawing.words[0]}.ndjson"
    if path.exists() and path.stat().st_size > _MAX_SAVED_BYTES:
        raise QuickdrawError(
            f"{path.name} has reached the limit of {_MAX_SAVED_BYTES} bytes: move it elsewhere"
        )
    # unbuffered and in append mode: the operating system keeps concurrent lines apart
    line = b"".join(encode_lines(drawing))
    with path.open("ab", buffering=0) as file:
        file.write(line)
