"""`prepare`: stroke files in, verified shards out.

An external sort in two passes. The first reads units of the sources and sets their drawings down
in the order of a hash; the second merges, renders and writes one shard after the other. Every step
is a pure function of its input that leaves one file behind, by rename, so a killed run goes on
where it was and ends with the bytes of one that was never killed, whatever the number of workers.
The price is a scratch copy of the strokes beside the shards, a seventh of their size.
"""

import functools
import os
from collections.abc import Iterable
from concurrent.futures import Executor
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

from quickdraw_kit.acquire.catalog import Variant
from quickdraw_kit.acquire.download import DownloadOptions
from quickdraw_kit.errors import UsageError
from quickdraw_kit.executors import process_pool
from quickdraw_kit.shards.filters import Filters
from quickdraw_kit.shards.manifest import Manifest
from quickdraw_kit.shards.options import PrepareOptions, SplitRule
from quickdraw_kit.shards.prepare.passes import Passes
from quickdraw_kit.shards.prepare.plan import ProgressCallback, plan_prepare
from quickdraw_kit.shards.prepare.upload import clear, deliver, finished_there, staging
from quickdraw_kit.shards.prepare.workdir import claim, drop, finished_here
from quickdraw_kit.shards.splits import read_split_ids
from quickdraw_kit.storage.store import RetryingStore
from quickdraw_kit.storage.urls import parse_location

__all__ = ["prepare"]

_POOL_WORTH = 16 << 20  # bytes of input; less is done before a worker has started


def prepare(
    sources: Iterable[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    *,
    filters: Filters | None = None,
    options: PrepareOptions | None = None,
    data_home: Path | None = None,
    variant: Variant = "simplified",
    download: DownloadOptions | None = None,
    split_ids: str | os.PathLike[str] | None = None,
    max_reject_rate: float = 0.01,
    workers: int | None = None,
    executor: Executor | None = None,
    overwrite: bool = False,
    progress: ProgressCallback | None = None,
) -> Manifest:
    """Turn stroke files into verified, split, shuffled shards.

    Parameters
    ----------
    sources : iterable of str or path-like
        Files, folders, globs, addresses of these such as ``s3://bucket/simplified/*.ndjson``, or
        categories, see `resolve_sources`. What has an address is fetched when its turn comes and not
        kept.
    out : str or path-like
        Folder of the data set; new, empty, or left by an interrupted run of the same call, which
        is then finished. Or a URL such as ``s3://bucket/shards``: shards are then built in the
        folder of downloads, sent while others are built, and not kept.
    selection : Filters, optional
        The filters; by default everything is kept.
    layout : PrepareOptions, optional
        Form, style and splits.
    home : Path, optional
        Folder of downloaded data, for categories.
    kind : {"simplified", "raw", "binary", "numpy_bitmap", "sketchrnn"}
        Form of the categories' files.
    download : DownloadOptions, optional
        How to fetch categories that are not there, each while others are worked on; by default
        they must be there.
    split_ids : str or path-like, optional
        List of key_ids and their splits, see `read_split_ids`, in place of the rule in `layout`,
        of which only `unlisted` counts then.
    max_reject_rate : float
        Share of the drawings that may be refused before the run fails.
    workers : int, optional
        Processes; by default as many as there are processors. The bytes do not depend on it.
    executor : concurrent.futures.Executor, optional
        Where to run instead of processes of our own.
    overwrite : bool
        Replace a data set or an unfinished run that is in `out`.
    progress : callable, optional
        Called with a `Progress` as work is finished.

    Returns
    -------
    Manifest
        What was written.

    Raises
    ------
    UsageError
        If a setting is out of range, or `out` holds something else.
    DataError
        If a source cannot be read or changes, too many drawings are refused, or none is left.
    DownloadError
        If some categories are not to be had; the others are set down by then, and the same call
        goes on.
    QuickdrawError
        If the disk is too small, another run writes into `out`, or a worker dies.

    Examples
    --------
    >>> from quickdraw_kit.strokes.batch import DrawingBatch
    >>> from quickdraw_kit.formats.ndjson.files import write_ndjson
    >>> folder = getfixture("tmp_path")
    >>> batch = DrawingBatch.from_strokes([[([0, 255], [0, 255])]] * 20, words=["line"] * 20)
    >>> write_ndjson(batch, folder / "line.ndjson")
    >>> manifest = prepare([folder / "line.ndjson"], folder / "shards", workers=1)
    >>> manifest.categories, manifest.counts.written, manifest.counts.reconciles
    (('line',), 20, True)
    """
    if not 0 <= max_reject_rate <= 1:
        raise UsageError(f"max_reject_rate is {max_reject_rate}, expected a share from 0 to 1")
    out = parse_location(out)
    store = RetryingStore(out) if isinstance(out, str) else None
    if store is not None:
        out = staging(store, data_home)
    options, ids = options or PrepareOptions(), None
    if split_ids is not None:
        ids = read_split_ids(Path(split_ids))
        options = replace(
            options, split_rule=SplitRule("ids", options.split_rule.unlisted, ids.sha256)
        )
    elif options.split_rule.by == "ids":
        raise UsageError("the split is to be by a list of key_ids, and none is given")
    if filters is not None and filters.exclude_flags:
        options = replace(options, quality=True)
    plan = plan_prepare(
        sources,
        out,
        filters=filters,
        options=options,
        data_home=data_home,
        variant=variant,
        download=download,
    )
    finished = functools.partial(finished_here, plan, overwrite=overwrite)
    if store is not None:
        plan = replace(plan, output_bytes=0)  # they are not kept
        finished = functools.partial(finished_there, store, plan, overwrite=overwrite)
    with claim(plan, finished, overwrite=overwrite) as work:
        if isinstance(work, Manifest):
            manifest = work
        else:
            if store is not None:
                clear(store, overwrite=overwrite)
            if workers is None:
                workers = os.cpu_count() or 1
                if sum(source.size for source in plan.sources) < _POOL_WORTH:
                    workers = 1
            report = progress or (lambda _: None)
            own = (
                process_pool(workers, preload="quickdraw_kit.shards.prepare.merge")
                if executor is None
                else nullcontext(executor)
            )
            with own as pool:
                run = Passes(plan, work, pool, report, store)
                if ids is not None:
                    ids.save(run.units)
                manifest = run.finish(max_reject_rate)
            if store is None:
                manifest.save(plan.out)
            else:
                deliver(store, plan.out, manifest)
    if store is not None:
        drop(plan.out)
    return manifest
