"""`prepare`: files of drawings in, verified shards out.

An external sort in two stages. The extract stage reads chunks of the sources and writes their
drawings in the order of a hash, as spill files; the merge stage merges, renders and writes one
shard after the other. Every task is a pure function of its input that leaves one result, by rename.
So a run that was killed is continued by the next one and ends with the same bytes, whatever the
number of workers. The price is a scratch copy of the strokes, a seventh of the size of the shards.
"""

import functools
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from quickdraw_kit import __version__
from quickdraw_kit.acquire.catalog import Variant
from quickdraw_kit.acquire.download import DownloadOptions
from quickdraw_kit.categories import label_order
from quickdraw_kit.errors import UsageError
from quickdraw_kit.executors import map_unordered, process_pool
from quickdraw_kit.formats.format import Format
from quickdraw_kit.kernels import compile_missing
from quickdraw_kit.shards.filters import Filters
from quickdraw_kit.shards.histogram import write_histogram
from quickdraw_kit.shards.keyed_hashes import sampling_hash
from quickdraw_kit.shards.manifest import Manifest
from quickdraw_kit.shards.options import PrepareOptions, SplitRule
from quickdraw_kit.shards.prepare.accounting import Rejects, reconcile, source_entries
from quickdraw_kit.shards.prepare.duplicates import (
    DuplicateIds,
    find_duplicates_in,
    join_duplicates,
    split_into_ranges,
)
from quickdraw_kit.shards.prepare.extract import ExtractResult
from quickdraw_kit.shards.prepare.merge import MergeJob, MergeResult, Shard, merge_shard
from quickdraw_kit.shards.prepare.plan import (
    CHUNK_BYTES,
    Plan,
    Progress,
    ProgressCallback,
    plan_prepare,
)
from quickdraw_kit.shards.prepare.scheduler import ExtractScheduler
from quickdraw_kit.shards.prepare.spill import (
    SpillPath,
    column,
    distinct_rank,
    open_spill_file,
    word_labels,
)
from quickdraw_kit.shards.prepare.upload import StoreOutput, open_output
from quickdraw_kit.shards.prepare.workdir import FolderOutput, WorkDir
from quickdraw_kit.shards.splits import SplitIds, read_split_ids
from quickdraw_kit.storage.hashing import FileEntry

_MIN_POOL_BYTES = 16 << 20  # smaller inputs are done before a worker process has started


def prepare(
    sources: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
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
    chunk_bytes: int = CHUNK_BYTES,
) -> Manifest:
    """Turn files of drawings into verified, split, shuffled shards.

    The bytes of the shards depend on the sources and the settings, and not on the number of
    workers, the order of the sources or how often the run was interrupted.

    Parameters
    ----------
    sources : str or path-like, or iterable of them
        Files, folders, glob patterns, URLs of these such as ``s3://bucket/simplified/*.ndjson``, or
        categories; see `resolve_sources`. Files at URLs are downloaded one after the other and not
        kept.
    out : str or path-like
        Folder of the data set: new, empty, or with an interrupted run of the same call, which is
        then finished. Or a URL such as ``s3://bucket/shards``: shards are then built in the data
        home, uploaded while others are built, and not kept.
    filters : Filters, optional
        Which drawings to keep. The default keeps all.
    options : PrepareOptions, optional
        Format, style and splits of the shards.
    data_home : Path, optional
        Folder of downloads. The default is that of `get_data_home`.
    variant : {"simplified", "raw", "binary", "numpy_bitmap", "sketchrnn"}
        Variant of the categories' files.
    download : DownloadOptions, optional
        How to download categories that are missing, while others are processed. By default a
        missing category is an error.
    split_ids : str or path-like, optional
        A list of key_ids with their splits, see `read_split_ids`. It replaces the split rule of
        `options`, of which only `unlisted` is used.
    max_reject_rate : float, default 0.01
        Fail when a larger share of the drawings is rejected.
    workers : int, optional
        Number of processes. The default is the number of CPUs.
    executor : concurrent.futures.Executor, optional
        Where tasks run, instead of processes of this machine; see `ray_executor`.
    overwrite : bool, default False
        Replace a data set or an unfinished run in `out`.
    progress : callable, optional
        Called with a `Progress` when work is finished.
    chunk_bytes : int, default 64 MiB
        Size of the chunks in which files are read. A worker needs memory for one chunk.

    Returns
    -------
    Manifest
        What was written.

    Raises
    ------
    UsageError
        If an option is out of range, or `out` holds something else.
    DataError
        If a source cannot be read or changes, too many drawings are rejected, or none is left.
    DownloadError
        If categories could not be downloaded. The others are processed by then, and the same call
        continues from there.
    QuickdrawError
        If the disk is too small, another run writes into `out`, or a worker dies.

    Examples
    --------
    >>> from quickdraw_kit import generate_drawings, prepare, write_ndjson
    >>> write_ndjson(generate_drawings(["line"], 20), "line.ndjson")
    >>> manifest = prepare(["line.ndjson"], "shards")
    >>> manifest.categories, manifest.counts.written, manifest.counts.reconciles
    (('line',), 20, True)
    """
    if not 0 <= max_reject_rate <= 1:
        raise UsageError(f"max_reject_rate is {max_reject_rate}, expected a share from 0 to 1")

    output = open_output(out, data_home)
    options, listed_splits = _resolve_options(options or PrepareOptions(), filters, split_ids)
    plan = plan_prepare(
        sources,
        out,
        filters=filters,
        options=options,
        data_home=data_home,
        variant=variant,
        download=download,
        chunk_bytes=chunk_bytes,
    )

    # first without the lock: a finished data set may be in a folder that cannot be written
    workdir, manifest = output.workdir, None
    if not workdir.path.exists():
        manifest = output.find_finished(plan, overwrite=overwrite)
    if manifest is None:
        with workdir.lock():
            # again under the lock: another run may have finished it in the meantime
            manifest = output.find_finished(plan, overwrite=overwrite)
            if manifest is None:
                workdir.resume_or_clear(plan, overwrite=overwrite)
                kept_bytes = plan.output_bytes if output.keeps_shards else 0
                workdir.check_space(plan, output_bytes=kept_bytes)
                output.start(overwrite=overwrite)
                if executor is None:
                    compile_kernels(source.format for source in plan.sources)
                with _open_executor(executor, workers, plan) as pool:
                    run = _Run(plan, output, pool, progress or (lambda _: None))
                    manifest = _write_data_set(run, listed_splits, max_reject_rate)
                output.publish(manifest)
            workdir.clear()
    output.remove_staging()
    return manifest


def compile_kernels(formats: Iterable[Format], *, also: Iterable[str] = ()) -> None:
    """Compile what `prepare` needs to read these formats, or every worker would do it."""
    formats = list(formats)
    modules = {name for each in formats for name in each.kernels}
    modules.add("quickdraw_kit.strokes.gather")
    if any(each.has_strokes for each in formats):
        modules.add("quickdraw_kit.raster.render")
    compile_missing(sorted(modules.union(also)))


@dataclass(frozen=True, slots=True)
class _Run:
    """What the steps of a run share."""

    plan: Plan
    output: FolderOutput | StoreOutput
    executor: Executor
    report: ProgressCallback

    @property
    def workdir(self) -> WorkDir:
        return self.output.workdir


def _write_data_set(run: _Run, listed_splits: SplitIds | None, max_reject_rate: float) -> Manifest:
    """Write the files of the data set, step by step, and return its manifest."""
    plan, workdir = run.plan, run.workdir
    # before the first chunk: workers map the list into memory
    if listed_splits is not None:
        listed_splits.save(workdir.extract)

    # after this, every source is hashed, and downloads that are not kept are removed
    scheduler = ExtractScheduler(plan, workdir, run.executor, run.report)
    checksums = scheduler.run()
    extracted = [ExtractResult.load(workdir.chunk_result(chunk)) for chunk in plan.chunks]

    # twice: most rejects are known before the merge, which takes longer, and duplicates after it
    rejects = Rejects(plan, workdir, scheduler, extracted)
    rejects.check_rate(max_reject_rate)

    # all sources must be read to know the labels, and duplicates before sampling, because an
    # excluded duplicate makes room for another drawing
    label_names = _choose_labels(plan, extracted)
    duplicates = _find_duplicates(run, extracted)
    sampling_limits = _sample(run, extracted, label_names, duplicates)
    merged = _merge_shards(run, extracted, label_names, sampling_limits, duplicates)

    # from the results of the stages: no shard is read again
    rejects.add_duplicates(merged)
    rejects.check_rate(max_reject_rate)
    counts = reconcile(extracted, merged, rejects)
    histogram = _write_histogram(run, label_names, merged)
    rejects_file = rejects.write()
    return Manifest(
        library_version=__version__,
        categories=label_names,
        options=plan.options,
        filters=plan.filters,
        sources=source_entries(plan, extracted, checksums),
        shards=tuple(result.entry for result in merged),
        files=(*histogram, rejects_file),
        counts=counts,
    )


def _resolve_options(
    options: PrepareOptions, filters: Filters | None, split_ids: str | os.PathLike[str] | None
) -> tuple[PrepareOptions, SplitIds | None]:
    """Complete the options with what the list of key_ids and the filters imply."""
    if filters is not None and filters.exclude_flags:
        options = replace(options, quality=True)
    if split_ids is None:
        if options.split_rule.by == "ids":
            raise UsageError("the split rule is 'ids', and split_ids (--split-ids) is not given")
        return options, None

    # the checksum makes another list another data set
    listed = read_split_ids(Path(split_ids))
    rule = SplitRule("ids", options.split_rule.unlisted, listed.sha256)
    return replace(options, split_rule=rule), listed


def _open_executor(
    executor: Executor | None, workers: int | None, plan: Plan
) -> AbstractContextManager[Executor]:
    if executor is not None:
        return nullcontext(executor)
    if workers is None:
        is_small = sum(source.size for source in plan.sources) < _MIN_POOL_BYTES
        workers = 1 if is_small else os.cpu_count() or 1
    # the module is imported once, and not by every worker
    return process_pool(workers, preload="quickdraw_kit.shards.prepare.merge")


def _choose_labels(plan: Plan, extracted: Sequence[ExtractResult]) -> tuple[str, ...]:
    """Return the label names: the categories that were asked for, or the words that were read."""
    if plan.options.split_rule.by == "sketch-rnn":
        _check_one_word_per_source(plan, extracted)
    return plan.filters.categories or label_order({w for each in extracted for w in each.words})


def _check_one_word_per_source(plan: Plan, extracted: Sequence[ExtractResult]) -> None:
    words: dict[int, set[str]] = {}
    for chunk, result in zip(plan.chunks, extracted, strict=True):
        if not plan.sources[chunk.source].format.has_splits:
            words.setdefault(chunk.source, set()).update(result.words)
    # their positions would be counted together, and no paper has split such a file
    mixed = next((source for source, several in words.items() if len(several) > 1), None)
    if mixed is not None:
        raise UsageError(
            f"{plan.sources[mixed].name} holds {len(words[mixed])} categories, and a split by "
            "position counts the drawings of one: use a file for each category, or split by hash"
        )


def _find_duplicates(run: _Run, extracted: Sequence[ExtractResult]) -> DuplicateIds | None:
    """Compare the fingerprints of all drawings, if quality flags are asked for."""
    if not run.plan.options.quality:
        return None

    workdir = run.workdir
    files = [workdir.extract / name for result in extracted for name in result.fingerprints]
    ranges = split_into_ranges(sum(result.read for result in extracted))
    find = functools.partial(find_duplicates_in, fingerprint_files=files, workdir=workdir)
    for _ in map_unordered(run.executor, find, ranges):
        pass  # the duplicates are in files
    return join_duplicates(ranges, workdir)


def _sample(
    run: _Run,
    extracted: Sequence[ExtractResult],
    label_names: tuple[str, ...],
    duplicates: DuplicateIds | None,
) -> npt.NDArray[np.uint64] | None:
    """Return, for each label, the highest sampling hash that `max_per_category` keeps."""
    filters = run.plan.filters
    if filters.max_per_category is None:
        return None

    by_name = {name: label for label, name in enumerate(label_names)}
    all_labels, all_hashes = [np.zeros(0, np.int64)], [np.zeros(0, np.uint64)]
    for spill_path in _spill_paths(run, extracted):
        with open_spill_file(spill_path.path) as spill_file:
            labels = word_labels(spill_file.table, by_name)
            key_id = column(spill_file.table, "key_id")
            if duplicates is not None and filters.excludes_duplicates:
                # excluded duplicates must not take the place of other drawings
                keep, _ = filters.keep_unflagged(duplicates.flags(key_id))
                labels, key_id = labels[keep], key_id[keep]
            all_labels.append(labels)
            all_hashes.append(sampling_hash(key_id, run.plan.options.salt))

    labels, hashes = np.concatenate(all_labels), np.concatenate(all_hashes)
    sampled = distinct_rank(labels, hashes) < filters.max_per_category

    # one number for each label is all that the workers of the merge stage need
    limits = np.zeros(len(label_names), np.uint64)
    np.maximum.at(limits, labels[sampled], hashes[sampled])
    return limits


def _merge_shards(
    run: _Run,
    extracted: Sequence[ExtractResult],
    label_names: tuple[str, ...],
    sampling_limits: npt.NDArray[np.uint64] | None,
    duplicates: DuplicateIds | None,
) -> list[MergeResult]:
    """Write all shards, and upload each when it is built if the output is a store."""
    plan, workdir = run.plan, run.workdir
    job = MergeJob(
        workdir=workdir,
        spill_files=_spill_paths(run, extracted),
        label_names=label_names,
        options=plan.options,
        filters=plan.filters,
        sampling_limits=sampling_limits,
        duplicates=duplicates,
    )

    # a shard is a range of a hash, so it has about the planned number of rows
    totals = np.sum([result.splits for result in extracted], axis=0).tolist()
    counts = [-(-rows // plan.options.target_rows_per_shard) for rows in totals]
    shards = [
        Shard(split, index, count) for split, count in enumerate(counts) for index in range(count)
    ]

    done, total = 0, sum(totals)
    run.report(Progress("merge", 0, total, 0))
    with run.output.uploader() as uploader:
        merge = functools.partial(merge_shard, job)
        for shard, rows in map_unordered(run.executor, merge, shards):
            if uploader is not None:
                uploader.add(shard.stem)
            done += rows
            run.report(Progress("merge", done, total, done))
    # in the order of the shards, whichever was finished first
    return [MergeResult.load(workdir.shard_result(shard.stem)) for shard in shards]


def _spill_paths(run: _Run, extracted: Sequence[ExtractResult]) -> list[SpillPath]:
    return [
        SpillPath(run.workdir.extract / name, chunk.source)
        for chunk, result in zip(run.plan.chunks, extracted, strict=True)
        for name in result.spill_files
    ]


def _write_histogram(
    run: _Run, label_names: tuple[str, ...], merged: Sequence[MergeResult]
) -> tuple[FileEntry, FileEntry]:
    cells = [(result.entry.split, *cell) for result in merged for cell in result.histogram]
    return write_histogram(run.workdir.out, label_names, cells)
