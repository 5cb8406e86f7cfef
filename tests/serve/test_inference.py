"""Guesses for many at once are those for one."""

import asyncio

import numpy as np
import pytest
import torch

from quickdraw_kit.learn.models.model import Model
from quickdraw_kit.raster.render import rasterize
from quickdraw_kit.serve import inference as guesses
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


def test_all_at_once_are_what_each_is_alone(model, drawings):
    async def ask():
        guesser = Guesser(model)
        async with guesser.running():
            return await asyncio.gather(
                *(guesser.guess(drawings[i : i + 1]) for i in range(len(drawings)))
            )

    images = rasterize(simplify(drawings))
    expected = model.probabilities(images)
    for guess, image, probabilities in zip(asyncio.run(ask()), images, expected, strict=True):
        assert np.array_equal(guess.image, image)
        np.testing.assert_allclose(guess.probabilities, probabilities, atol=1e-5)


def test_the_best_come_first(model, drawings):
    guess = Guesser(model).guess_now([drawings[:1]])[0]
    best = guess.best(3)
    assert [p for _, p in best] == sorted((p for _, p in best), reverse=True)
    assert best[0][0] == guess.probabilities.argmax()


def test_a_failure_reaches_all_who_asked_and_the_next_is_answered(model, drawings, monkeypatch):
    async def ask():
        guesser = Guesser(model)
        guess_now = guesser.guess_now
        monkeypatch.setattr(guesser, "look", lambda requests: 1 / 0)
        async with guesser.running():
            failed = await asyncio.gather(
                *(guesser.guess(drawings[:1]) for _ in range(3)), return_exceptions=True
            )
            guesser.guess_now = guess_now
            return failed, await guesser.guess(drawings[:1])

    failed, guess = asyncio.run(ask())
    assert all(isinstance(error, ZeroDivisionError) for error in failed)
    assert len(guess.probabilities) == 3


def test_more_than_can_wait_are_turned_away(model, drawings, monkeypatch):
    monkeypatch.setattr(guesses, "_MOST_WAITING", 2)

    async def ask():
        guesser = Guesser(model)
        async with guesser.running():
            return await asyncio.gather(
                *(guesser.guess(drawings[:1]) for _ in range(20)), return_exceptions=True
            )

    answers = asyncio.run(ask())
    assert any(isinstance(answer, BusyError) for answer in answers)
    assert not all(isinstance(answer, BusyError) for answer in answers)
