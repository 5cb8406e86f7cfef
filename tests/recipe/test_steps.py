"""The options of steps have the defaults of the functions that they call."""

import inspect

from quickdraw_kit.acquire.download import DownloadOptions
from quickdraw_kit.recipe.steps import PrepareStep, SampleStep
from quickdraw_kit.shards.filters import Filters
from quickdraw_kit.shards.options import PrepareOptions
from quickdraw_kit.shards.prepare.pipeline import prepare
from quickdraw_kit.synthetic.generator import write_sample


def defaults_of(function) -> dict[str, object]:
    parameters = inspect.signature(function).parameters.values()
    return {each.name: each.default for each in parameters if each.default is not each.empty}


def test_prepare():
    step, defaults = PrepareStep(), defaults_of(prepare)
    for name in ("variant", "split_ids", "max_reject_rate", "workers"):
        assert getattr(step, name) == defaults[name], name
    assert (step.filters, step.prepare_options) == (Filters(), PrepareOptions())
    assert DownloadOptions(step.mirror, step.keep_source) == DownloadOptions()


def test_sample():
    step, defaults = SampleStep(), defaults_of(write_sample)
    for name in ("categories", "seed", "raw"):
        assert getattr(step, name) == defaults[name], name


def test_the_split_is_a_table_of_fractions_or_a_rule():
    assert PrepareStep(split={"train": 1.0}).prepare_options.fractions["train"] == 1.0
    options = PrepareStep(split="sketch-rnn").prepare_options
    assert options.split_rule.by == "sketch-rnn"
    assert options.fractions == PrepareOptions().fractions


def test_filtering_by_flags_computes_them():
    step = PrepareStep(filters=Filters(exclude_flags=("dot",)))
    assert step.prepare_options.quality
