"""The sums over all files, step by step."""

import random

import pytest

from quickdraw_kit.acquire.progress import Sums
from quickdraw_kit.acquire.results import DownloadedFile


@pytest.mark.parametrize("seed", range(5))
def test_the_sums_are_those_of_the_files_that_are_fetched(tmp_path, seed):
    rng, steps = random.Random(seed), []
    sizes = {f"{number}.bin": rng.choice([None, 0, 50]) for number in range(9)}
    files = [
        DownloadedFile(name, tmp_path / name, "planned", "", size) for name, size in sizes.items()
    ]
    sums = Sums(steps.append)
    sums.begin([*files, DownloadedFile("here", tmp_path, "present", "", 70)])
    done, size = dict.fromkeys(sizes, 0), {name: size or 0 for name, size in sizes.items()}
    for _ in range(200):
        file = rng.choice(files)
        if rng.random() < 0.9:
            done[file.name], told = rng.randrange(100), rng.choice([None, 100])
            size[file.name] = told or size.get(file.name, 0)
            sums.teller(file.name)(done[file.name], told, "")
        elif rng.random() < 0.5:
            done[file.name] = size[file.name] = 30
            sums.finish(DownloadedFile(file.name, tmp_path, "fetched", "", 30))
        else:
            done.pop(file.name, None), size.pop(file.name, None)
            sums.finish(DownloadedFile(file.name, tmp_path, "failed", "", 30))
        assert (steps[-1].all_done, steps[-1].all_size) == (sum(done.values()), sum(size.values()))
