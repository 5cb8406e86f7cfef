"""What is retried, how long, and when it ends."""

import threading

import pytest

from quickdraw_kit.errors import UsageError
from quickdraw_kit.storage.retry import PermanentError, RetryPolicy, TemporaryError, retry

POLICY = RetryPolicy(attempts=4, first_wait=0.001, max_wait=0.004)


class Waits(threading.Event):
    """A stop flag that notes the seconds of each wait, and does not wait."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def wait(self, timeout=None):
        self.seconds.append(timeout)
        return False


def failing(*errors):
    """Return a function that raises these, one per call, and then returns 'done'."""
    queue = list(errors)

    def attempt():
        if queue:
            raise queue.pop(0)
        return "done"

    return attempt


def test_temporary_failures_are_retried():
    notes = []
    attempt = failing(*[TemporaryError("busy")] * 3)
    assert retry(attempt, POLICY, on_wait=notes.append) == "done"
    assert notes == ["busy; again in 0 s"] * 3


def test_attempts_are_limited():
    with pytest.raises(TemporaryError, match="busy"):
        retry(failing(*[TemporaryError("busy")] * 4), POLICY)


def test_permanent_failures_are_not_retried():
    attempt = failing(PermanentError("gone"), AssertionError("retried"))
    with pytest.raises(PermanentError, match="gone"):
        retry(attempt, POLICY)


def test_failures_are_counted_from_one_after_progress_and_not_after_falling_back():
    lengths = [0, 10, 20, 5, 15, 21, 21, 20, 21]
    received = iter(lengths)
    failures = []

    def attempt():
        failures.append(None)
        raise TemporaryError("cut")

    with pytest.raises(TemporaryError):
        retry(attempt, POLICY, progress=lambda: next(received))
    assert len(failures) == len(lengths) - 1, "three failures after 20, and after 21 the fourth"


def test_waits_double_up_to_their_limit():
    policy, waits = RetryPolicy(attempts=6, first_wait=1, max_wait=4), Waits()
    retry(failing(*[TemporaryError("busy")] * 5), policy, stop=waits)
    least = [1, 2, 4, 4, 4]
    assert all(low <= wait <= low + 1 for low, wait in zip(least, waits.seconds, strict=True))
    assert len(set(waits.seconds)) == 5, "no two waits are equal"


def test_retry_after_is_a_lower_limit():
    waits = Waits()
    retry(failing(TemporaryError("busy", retry_after=300)), POLICY, stop=waits)
    assert waits.seconds[0] >= 300
    with pytest.raises(TemporaryError):
        retry(failing(TemporaryError("busy", retry_after=601)), POLICY, stop=waits)
    assert len(waits.seconds) == 1


def test_the_stop_flag_ends_a_wait():
    policy, stop = RetryPolicy(first_wait=600), threading.Event()
    waiting = threading.Event()
    errors = []

    def run():
        attempt = failing(*[TemporaryError("busy")] * 9)
        try:
            retry(attempt, policy, stop=stop, on_wait=lambda _: waiting.set())
        except TemporaryError as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    waiting.wait(10)
    stop.set()
    thread.join(10)
    assert len(errors) == 1


@pytest.mark.parametrize(("max_lookups", "attempts"), [(3, 3), (None, POLICY.attempts)])
def test_an_unknown_host_is_given_up_earlier(max_lookups, attempts):
    notes = []
    attempt = failing(*[TemporaryError("no such name", unresolved=True)] * 9)
    with pytest.raises(TemporaryError):
        retry(attempt, POLICY, on_wait=notes.append, max_lookups=max_lookups)
    assert len(notes) == attempts - 1


def test_only_lookups_are_limited_by_max_lookups():
    notes = []
    attempt = failing(*[TemporaryError("busy")] * 9)
    with pytest.raises(TemporaryError):
        retry(attempt, POLICY, on_wait=notes.append, max_lookups=2)
    assert len(notes) == POLICY.attempts - 1


@pytest.mark.parametrize("wrong", [{"attempts": 0}, {"first_wait": -1}, {"read_timeout": 0}])
def test_a_policy_out_of_range(wrong):
    with pytest.raises(UsageError, match=f"{next(iter(wrong))} is .*, expected"):
        RetryPolicy(**wrong)
