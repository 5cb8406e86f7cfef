"""Claim: every picture that people drew on a canvas or a tablet is answered.

Result: all 610 pictures are answered. With tiny-cnn for 22 and for 341 labels, trained for 4 epochs
on official bitmaps: canvas 95.0 % and 42.0 %, tablet 81.6 % and 27.7 %, finger 80.6 % and 40.0 %,
mouse 72.2 % (of 18) and 48.3 % (2026-11; two shared x86-64 cores; scikit-image 0.26, pillow 13.0).

The folder has pictures and `labels.csv` with columns file, label and kind. All pictures are given
to each model as files are given to `predict`; accuracy is over the pictures whose label the model
knows, and a picture that is refused counts as wrong. They are for measuring only: nothing is
fitted to them.

    python benchmarks/doodles.py MODEL... [--folder FOLDER]
"""

import argparse
import csv
import os
import sys
from collections import Counter, defaultdict
from pathlib import Path

from quickdraw_kit.errors import DataError
from quickdraw_kit.learn.export import open_model
from quickdraw_kit.learn.infer.predict import predict

SOURCES = (
    "tablet",
    "finger",
    "mouse",
    "canvas",
)  # words of the column kind; the first that is in it


def kind_of(text: str) -> str:
    """Return the kind of a picture from its description."""
    return next((kind for kind in SOURCES if kind in text), "other")


def main() -> None:
    """Print accuracy by kind for each model; exit with 1 if a picture was refused."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", type=Path, help="folders or files of models")
    parser.add_argument("--folder", type=Path, help="by default doodles in QUICKDRAW_KIT_REAL_DATA")
    arguments = parser.parse_args()
    real_data = os.environ.get("QUICKDRAW_KIT_REAL_DATA")
    if arguments.folder is None and real_data is None:
        sys.exit("give --folder, or set QUICKDRAW_KIT_REAL_DATA to the folder of real data")
    folder = arguments.folder or Path(str(real_data)) / "doodles"
    with (folder / "labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))

    refused: dict[str, str] = {}
    for path in arguments.models:
        model = open_model(path)
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        for row in rows:
            count = counts[kind_of(row["kind"])]
            known = row["label"] in model.label_names
            count["pictures"] += known
            try:
                prediction = predict(model, folder / row["file"])[0]
            except DataError as error:
                refused[row["file"]] = str(error)
                count["refused"] += 1
                continue
            count["right"] += known and prediction.labels[0] == row["label"]
            count["in three"] += known and row["label"] in prediction.labels

        print(f"{path}: {model.architecture}, {len(model.label_names)} labels")
        print(f"{'kind':<8}{'pictures':>10}{'top 1':>9}{'top 3':>9}{'refused':>9}", flush=True)
        for kind in (*SOURCES, "other"):
            count = counts[kind]
            shares = [
                f"{100 * count[c] / max(count['pictures'], 1):.1f}%" for c in ("right", "in three")
            ]
            print(
                f"{kind:<8}{count['pictures']:>10}{shares[0]:>9}{shares[1]:>9}{count['refused']:>9}"
            )

    for file, error in refused.items():
        print(f"{file}: {error}")
    if refused:
        sys.exit(f"the claim does not hold: {len(refused)} of {len(rows)} pictures are refused")


if __name__ == "__main__":
    main()
