"""What became of every drawing: written, filtered or rejected, and nothing lost.

``read = written + filtered + rejected`` holds for every finished run. Rejected lines are kept in
``rejects.ndjson`` with the reason.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from quickdraw_kit.errors import DataError
from quickdraw_kit.shards.manifest import Counts, SourceEntry
from quickdraw_kit.shards.prepare.extract import UNKNOWN_WORD, ExtractResult
from quickdraw_kit.shards.prepare.merge import MergeResult
from quickdraw_kit.shards.prepare.plan import Plan
from quickdraw_kit.shards.prepare.scheduler import ExtractScheduler
from quickdraw_kit.shards.prepare.workdir import WorkDir
from quickdraw_kit.shards.rejects import RejectEntry, write_rejects
from quickdraw_kit.storage.hashing import FileEntry


class Rejects:
    """The rejected lines and rows of a run, by the number of their source."""

    def __init__(
        self,
        plan: Plan,
        workdir: WorkDir,
        scheduler: ExtractScheduler,
        extracted: Sequence[ExtractResult],
    ) -> None:
        self._plan, self._workdir, self._scheduler = plan, workdir, scheduler
        self._read = sum(result.read for result in extracted)
        self._by_source: dict[int, list[RejectEntry]] = {}
        self._with_duplicates: set[int] = set()  # sources
        for chunk, result in zip(plan.chunks, extracted, strict=True):
            self._by_source.setdefault(chunk.source, []).extend(result.rejects)

    @property
    def counts(self) -> Counter[str]:
        """Number of rejects of each kind."""
        return Counter(entry.kind for entries in self._by_source.values() for entry in entries)

    def add_duplicates(self, merged: Sequence[MergeResult]) -> None:
        """Add the drawings whose key_id an earlier drawing has."""
        sources = self._plan.sources
        for duplicate in (each for result in merged for each in result.duplicates):
            first = sources[duplicate.first_source]
            # in these words since the first version: rejects.ndjson must keep its bytes
            counted = "byte" if first.format.position == "line" else "row"
            position = f"{counted} {duplicate.first_offset}"
            reason = f"key_id {duplicate.key_id} was there before: {first.name}, {position}"
            entry = RejectEntry(duplicate.offset, "duplicate", reason)
            self._by_source[duplicate.source].append(entry)
            self._with_duplicates.add(duplicate.source)

    def check_rate(self, max_reject_rate: float) -> None:
        """Raise DataError when more than `max_reject_rate` of the drawings are rejected."""
        if self._read == 0:
            names = ", ".join(source.name for source in self._plan.sources[:5])
            more = len(self._plan.sources) - 5
            raise DataError(
                f"the sources hold no drawings: {names}" + (f" and {more} more" if more > 0 else "")
            )

        rejected = self.counts.total()
        if rejected <= max_reject_rate * self._read:
            return
        # written although the run fails, so that the reasons can be read
        path = self._workdir.out / self.write().name
        what = f"{rejected} of {self._read} drawings were rejected ({rejected / self._read:.2%})"
        more_than = f"more than max_reject_rate (--max-reject-rate) allows ({max_reject_rate:.2%})"
        next_step = (
            "If they can be left out, run again with a larger max_reject_rate; finished work is "
            "kept."
        )
        kinds = self.counts
        if kinds[UNKNOWN_WORD]:
            what += f", {kinds[UNKNOWN_WORD]} for words outside the 345 categories"
            next_step = (
                "To keep words as labels of their own, pass allow_unknown_labels=True "
                "(--allow-unknown-labels)."
            )
        # the first of the most frequent kind: it is what the next step is about
        kind = UNKNOWN_WORD if kinds[UNKNOWN_WORD] else kinds.most_common(1)[0][0]
        source, first = next(
            (self._plan.sources[number], entry)
            for number, entries in sorted(self._by_source.items())
            for entry in entries
            if entry.kind == kind
        )
        raise DataError(
            f"{what}, {more_than}. "
            f"The first: {source.name}, {source.format.describe_position(first.offset)}: "
            f"{first.reason}. All are in {path}. {next_step}"
        )

    def write(self) -> FileEntry:
        """Write ``rejects.ndjson``, with the lines themselves, which are read again."""
        sources = list(self._scheduler.sources)
        saved: dict[int, Path] = {}
        for number, entries in self._by_source.items():
            source = sources[number]
            if not entries or source.remote is None or source.path.exists():
                continue
            # Removed after it was extracted. Its rejected lines were saved, but duplicates were
            # not known then, and the lines must be in the order of the file.
            path = self._workdir.source_rejects(number)
            if path.exists() and number not in self._with_duplicates:
                saved[number] = path
            else:
                sources[number] = self._scheduler.download_again(number)
        return write_rejects(self._workdir.out, sources, self._by_source, saved)


def reconcile(
    extracted: Sequence[ExtractResult], merged: Sequence[MergeResult], rejects: Rejects
) -> Counts:
    """Count the drawings, and check that none is lost and some are left."""
    filtered, flags, dropped = Counter[str](), Counter[str](), Counter[str]()
    for result in extracted:
        filtered.update(result.filtered)
        dropped.update(result.dropped)
    # a part of it was counted in the extract stage
    filtered["limit"] += sum(result.beyond_limit for result in merged)
    for shard in merged:
        filtered.update(shard.excluded)
        flags.update(shard.flags)

    counts = Counts(
        read=sum(result.read for result in extracted),
        written=sum(result.entry.rows for result in merged),
        filtered=dict(sorted((+filtered).items())),  # + drops zero counts
        rejected=dict(sorted(rejects.counts.items())),
        flags=dict(flags),
        dropped=dict(sorted(dropped.items())),
    )
    if counts.written == 0:
        reasons = (+filtered + rejects.counts).most_common()
        raise DataError(
            f"no drawing is left of {counts.read}: "
            + ", ".join(f"{number:,} {reason}" for reason, number in reasons)
            + (". Loosen the filters." if counts.filtered else "")
        )
    if not counts.reconciles:
        raise AssertionError(f"drawings were lost: {counts}")
    return counts


def source_entries(
    plan: Plan, extracted: Sequence[ExtractResult], checksums: Sequence[str]
) -> tuple[SourceEntry, ...]:
    """Return what the manifest says about each source."""
    read = Counter[int]()  # a source may have several chunks
    for chunk, result in zip(plan.chunks, extracted, strict=True):
        read[chunk.source] += result.read
    return tuple(
        SourceEntry(source.name, source.format.name, source.size, checksums[number], read[number])
        for number, source in enumerate(plan.sources)
    )
