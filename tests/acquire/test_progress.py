"""The totals over all files, after every report."""

import random

import pytest

from quickdraw_kit.acquire.progress import ProgressReporter
from quickdraw_kit.acquire.results import DownloadedFile


@pytest.mark.parametrize("seed", range(5))
def test_totals_are_those_of_the_files_that_are_downloaded(tmp_path, seed):
    rng, steps = random.Random(seed), []
    sizes = {f"{number}.bin": rng.choice([None, 0, 50]) for number in range(9)}
    files = [
        DownloadedFile(name, tmp_path / name, "planned", "", size) for name, size in sizes.items()
    ]
    reporter = ProgressReporter(steps.append)
    reporter.start([*files, DownloadedFile("here", tmp_path, "present", "", 70)])
    done, size = dict.fromkeys(sizes, 0), {name: size or 0 for name, size in sizes.items()}
    for _ in range(200):
        file = rng.choice(files)
        if rng.random() < 0.9:
            done[file.name], announced = rng.randrange(100), rng.choice([None, 100])
            size[file.name] = announced or size.get(file.name, 0)
            reporter.callback(file.name)(done[file.name], announced, "")
        elif rng.random() < 0.5:
            done[file.name] = size[file.name] = 30
            reporter.finish(DownloadedFile(file.name, tmp_path, "fetched", "", 30))
        else:
            done.pop(file.name, None), size.pop(file.name, None)
            reporter.finish(DownloadedFile(file.name, tmp_path, "failed", "", 30))
        assert (steps[-1].all_done, steps[-1].all_size) == (sum(done.values()), sum(size.values()))
