"""The two passes of `prepare`: sources are set down unit by unit, then built into shards.

Between them the counts are taken: whether too many drawings were refused, which labels there are,
what the limit leaves out, and which drawings are there twice.
"""

import functools
from collections import Counter
from collections.abc import Collection, Sequence
from concurrent.futures import Executor
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import numpy.typing as npt

from quickdraw_kit import __version__
from quickdraw_kit.acquire.sources import Source
from quickdraw_kit.categories import label_order
from quickdraw_kit.errors import DataError, UsageError
from quickdraw_kit.executors import map_unordered
from quickdraw_kit.shards.filters import Filters
from quickdraw_kit.shards.hashes import sampling_hash
from quickdraw_kit.shards.histogram import write_histogram
from quickdraw_kit.shards.manifest import Counts, Manifest, SourceEntry
from quickdraw_kit.shards.prepare.duplicates import DuplicateIds, Part, find_part, gather
from quickdraw_kit.shards.prepare.extract import Collected
from quickdraw_kit.shards.prepare.intake import Intake
from quickdraw_kit.shards.prepare.merge import Built, RunFile, Shard, build_shard
from quickdraw_kit.shards.prepare.plan import Plan, Progress, ProgressCallback
from quickdraw_kit.shards.prepare.spill import column, distinct_rank, open_run
from quickdraw_kit.shards.prepare.upload import sending
from quickdraw_kit.shards.rejects import RejectEntry, write_rejects
from quickdraw_kit.storage.hashing import FileEntry
from quickdraw_kit.storage.store import RetryingStore

__all__ = ["Passes"]


class Passes:
    """Both passes of one run: what they share is the plan and what lies in the work folder."""

    def __init__(
        self,
        plan: Plan,
        work: Path,
        pool: Executor,
        report: ProgressCallback,
        store: RetryingStore | None,
    ) -> None:
        self.plan = plan
        self.store = store
        self.units = work / "units"
        self.shards = work / "shards"
        self.shards.mkdir(exist_ok=True)
        self.intake = Intake(plan, work, pool, report)
        self.pool = pool
        self.report = report

    def finish(self, max_reject_rate: float) -> Manifest:
        """Do what is left to do, and count."""
        plan = self.plan
        digests = self.intake.run()
        collected = [Collected.load(self.units / f"{u.number:05d}.json") for u in plan.units]
        bad = self._bad_lines(collected)
        read = sum(unit.read for unit in collected)
        if read == 0:
            raise DataError(f"the sources hold no drawings: {_names(plan.sources)}")
        self._check_rejects(bad, read, max_reject_rate)
        words = {word for unit in collected for word in unit.words}
        if plan.options.split_rule.by == "sketch-rnn":
            self._check_words(collected)
        categories = plan.filters.categories or label_order(words)
        duplicates = self._find_duplicates(collected) if plan.options.quality else None
        built = self._write(collected, categories, duplicates)
        self._add_duplicates(bad, built)
        twins = {twin.source for shard in built for twin in shard.duplicates}
        self._check_rejects(bad, read, max_reject_rate, twins)
        rejected = Counter(line.kind for lines in bad.values() for line in lines)
        filtered: Counter[str] = Counter()
        for outcome in collected:
            filtered.update(outcome.filtered)
        filtered["limit"] += sum(shard.beyond_limit for shard in built)
        flags: Counter[str] = Counter()
        for shard in built:
            filtered.update(shard.excluded)
            flags.update(shard.flags)
        written = sum(shard.entry.rows for shard in built)
        if written == 0:
            raise DataError(
                f"no drawing is left of {read}: {_told(+filtered + rejected)}"
                + (". Loosen the filters." if +filtered else "")
            )
        reads = Counter[int]()
        for unit, outcome in zip(plan.units, collected, strict=True):
            reads[unit.source] += outcome.read
        counts = Counts(
            read,
            written,
            dict(sorted((+filtered).items())),
            dict(sorted(rejected.items())),
            dict(flags),
        )
        if not counts.reconciles:
            raise AssertionError(f"drawings got lost: {counts}")
        histogram = write_histogram(
            plan.out,
            categories,
            [(shard.entry.split, *cell) for shard in built for cell in shard.histogram],
        )
        rejects = self._write_rejects(bad, twins)
        return Manifest(
            library_version=__version__,
            categories=categories,
            options=plan.options,
            filters=plan.filters,
            sources=tuple(
                SourceEntry(source.name, source.format, source.size, digests[index], reads[index])
                for index, source in enumerate(plan.sources)
            ),
            shards=tuple(shard.entry for shard in built),
            files=(*histogram, rejects),
            counts=counts,
        )

    def _find_duplicates(self, collected: list[Collected]) -> DuplicateIds:
        """Compare the fingerprints of all drawings, between the passes."""
        prints = [self.units / name for outcome in collected for name in outcome.prints]
        parts = Part.of_all(sum(outcome.read for outcome in collected))
        find = functools.partial(find_part, prints=prints, folder=self.units)
        for _ in map_unordered(self.pool, find, parts):
            pass
        return gather(parts, self.units)

    def _write(
        self,
        collected: list[Collected],
        categories: tuple[str, ...],
        duplicates: DuplicateIds | None,
    ) -> list[Built]:
        """Second pass."""
        plan = self.plan
        runs = [
            RunFile(self.units / name, unit.source)
            for unit, outcome in zip(plan.units, collected, strict=True)
            for name in outcome.runs
        ]
        limits = None
        totals = np.sum([outcome.splits for outcome in collected], axis=0)
        if plan.filters.max_per_category is not None:
            leave_out = duplicates if plan.filters.excludes_duplicates else None
            limits = _limits(runs, categories, plan.filters, plan.options.salt, leave_out)
        shards = [
            Shard(split, index, of)
            for split, rows in enumerate(totals.tolist())
            for of in [-(-rows // plan.options.target_rows_per_shard)]
            for index in range(of)
        ]
        build = functools.partial(
            build_shard,
            runs=runs,
            categories=categories,
            options=plan.options,
            limits=limits,
            folder=self.shards,
            out=plan.out,
            filters=plan.filters,
            duplicates=duplicates,
        )
        done, total = 0, int(totals.sum())
        self.report(Progress("write", 0, total, 0))
        where = sending(self.store, plan.out, self.shards) if self.store else nullcontext()
        with where as sent:
            for shard, rows in map_unordered(self.pool, build, shards):
                if sent is not None:
                    sent.take(shard.stem)
                done += rows
                self.report(Progress("write", done, total, done))
        return [Built.load(self.shards / f"{shard.stem}.json") for shard in shards]

    def _check_words(self, collected: list[Collected]) -> None:
        of: dict[int, set[str]] = {}
        for unit, outcome in zip(self.plan.units, collected, strict=True):
            of.setdefault(unit.source, set()).update(outcome.words)
        mixed = next((index for index, words in of.items() if len(words) > 1), None)
        if mixed is not None:
            raise UsageError(
                f"{self.plan.sources[mixed].name} holds {len(of[mixed])} categories, and positions "
                "are those in the file of one: give a file for each, or split by a hash"
            )

    def _bad_lines(self, collected: list[Collected]) -> dict[int, list[RejectEntry]]:
        bad: dict[int, list[RejectEntry]] = {}
        for unit, outcome in zip(self.plan.units, collected, strict=True):
            bad.setdefault(unit.source, []).extend(outcome.bad)
        return bad

    def _add_duplicates(self, bad: dict[int, list[RejectEntry]], built: list[Built]) -> None:
        for shard in built:
            for twin in shard.duplicates:
                first = self.plan.sources[twin.first_source]
                place = "byte" if first.format in ("ndjson", "csv") else "row"
                reason = (
                    f"key_id {twin.key_id} was there before: "
                    f"{first.name}, {place} {twin.first_offset}"
                )
                bad[twin.source].append(RejectEntry(twin.offset, "duplicate", reason))

    def _write_rejects(
        self, bad: dict[int, list[RejectEntry]], with_duplicates: Collection[int] = ()
    ) -> FileEntry:
        """Write the file of rejects, also of sources that were let go."""
        sources = list(self.intake.sources)
        written: dict[int, Path] = {}
        for index, lines in bad.items():
            if lines and sources[index].remote is not None and not sources[index].path.exists():
                kept = None if index in with_duplicates else self.intake.refused_of(index)
                if kept is not None:
                    written[index] = kept
                else:
                    sources[index] = self.intake.bring_back(index)
        return write_rejects(self.plan.out, sources, bad, written)

    def _check_rejects(
        self,
        bad: dict[int, list[RejectEntry]],
        read: int,
        max_reject_rate: float,
        with_duplicates: Collection[int] = (),
    ) -> None:
        number = sum(map(len, bad.values()))
        if number <= max_reject_rate * read:
            return
        entry = self._write_rejects(bad, with_duplicates)
        source, first = next(
            (self.plan.sources[index], lines[0]) for index, lines in sorted(bad.items()) if lines
        )
        raise DataError(
            f"{number} of {read} drawings were refused ({number / read:.2%}), more than "
            f"max_reject_rate (--max-reject-rate) allows ({max_reject_rate:.2%}). The first: {source.name}, "
            f"byte {first.offset}: {first.reason}. All are in {self.plan.out / entry.name}. "
            "If they may go, run again with a larger share; what is done is kept."
        )


def _limits(
    runs: Sequence[RunFile],
    categories: tuple[str, ...],
    filters: Filters,
    salt: str,
    duplicates: DuplicateIds | None,
) -> npt.NDArray[np.uint64]:
    """Return the highest lot of each category that is among the `limit` smallest."""
    label_of = {name: label for label, name in enumerate(categories)}
    labels, lots = [np.zeros(0, np.int64)], [np.zeros(0, np.uint64)]
    for run in runs:
        with open_run(run.path) as opened:
            codes = opened.table.column("word").chunk(0)
            lookup = np.array([label_of.get(w, -1) for w in codes.dictionary.to_pylist()], np.int64)
            label = lookup[codes.indices.to_numpy()]
            key_id = column(opened.table, "key_id")
            if duplicates is not None:  # those that go are not counted
                keep, _ = filters.keep_unflagged(duplicates.flags(key_id))
                label, key_id = label[keep], key_id[keep]
            labels.append(label)
            lots.append(sampling_hash(key_id, salt))
    label, lot = np.concatenate(labels), np.concatenate(lots)
    within = distinct_rank(label, lot) < (filters.max_per_category or 0)
    limits = np.zeros(len(categories), np.uint64)
    np.maximum.at(limits, label[within], lot[within])
    return limits


def _told(reasons: Counter[str]) -> str:
    return ", ".join(f"{number:,} {reason}" for reason, number in reasons.most_common())


def _names(sources: Sequence[Source]) -> str:
    names = ", ".join(source.name for source in sources[:5])
    return names + (f" and {len(sources) - 5} more" if len(sources) > 5 else "")
