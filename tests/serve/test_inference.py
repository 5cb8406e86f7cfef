"""Guesses of a batch are those of single drawings."""

import asyncio

import numpy as np
import pytest
import torch

from quickdraw_kit.learn.models.model import Model
from quickdraw_kit.raster.render import rasterize
from quickdraw_kit.serve.inference import BusyError, Guesser
from quickdraw_kit.strokes.simplify import simplify
from quickdraw_kit.synthetic.generator import generate_drawings


@pytest.fixture(scope="module")
def drawings():
    return generate_drawings(["star", "clock"], 5, raw=True)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(1)
    return Model.new("tiny-cnn", ("clock", "star", "sun"))


def test_batch_gives_the_guesses_of_single_drawings(model, drawings):
    async def guess_all():
        guesser = Guesser(model)
        async with guesser.running():
            return await asyncio.gather(
                *(guesser.guess(drawings[i : i + 1]) for i in range(len(drawings)))
            )

    images = rasterize(simplify(drawings))
    expected = model.probabilities(images)
    for guess, image, probabilities in zip(asyncio.run(guess_all()), images, expected, strict=True):
        assert np.array_equal(guess.image, image)
        np.testing.assert_allclose(guess.probabilities, probabilities, atol=1e-5)


def test_best_labels_come_first(model, drawings):
    guess = Guesser(model).guess_batch([drawings[:1]])[0]
    best = guess.best(3)
    assert [p for _, p in best] == sorted((p for _, p in best), reverse=True)
    assert best[0][0] == guess.probabilities.argmax()


def test_failure_reaches_every_request_of_the_batch(model, drawings, monkeypatch):
    async def guess_all():
        guesser = Guesser(model)
        guess_batch = guesser.guess_batch
        monkeypatch.setattr(guesser, "guess_batch", lambda drawings: 1 / 0)
        async with guesser.running():
            failed = await asyncio.gather(
                *(guesser.guess(drawings[:1]) for _ in range(3)), return_exceptions=True
            )
            monkeypatch.setattr(guesser, "guess_batch", guess_batch)
            return failed, await guesser.guess(drawings[:1])

    failed, guess = asyncio.run(guess_all())
    assert all(isinstance(error, ZeroDivisionError) for error in failed)
    assert len(guess.probabilities) == 3


def test_full_queue_rejects_requests(model, drawings):
    async def guess_all():
        guesser = Guesser(model, max_waiting=2)
        async with guesser.running():
            return await asyncio.gather(
                *(guesser.guess(drawings[:1]) for _ in range(20)), return_exceptions=True
            )

    results = asyncio.run(guess_all())
    assert any(isinstance(result, BusyError) for result in results)
    assert not all(isinstance(result, BusyError) for result in results)
