"""Persistence: what is tried again, how long, and when it ends."""

import threading

import pytest

from quickdraw_kit.storage.retry import (
    PermanentError,
    RetryPolicy,
    Session,
    TemporaryError,
    persist,
)

PATIENCE = RetryPolicy(attempts=4, first_wait=0.001, max_wait=0.004)


@pytest.fixture
def session():
    return Session(None, PATIENCE)


def failing(*errors):
    """A function that raises these, one a call, and then returns 'done'."""
    queue = list(errors)

    def attempt():
        if queue:
            raise queue.pop(0)
        return "done"

    return attempt


def test_temporary_failures_are_tried_again(session):
    notes = []
    attempt = failing(*[TemporaryError("busy")] * 3)
    assert persist(session, attempt, on_wait=notes.append) == "done"
    assert notes == ["busy; again in 0 s"] * 3


def test_patience_ends(session):
    with pytest.raises(TemporaryError, match="busy"):
        persist(session, failing(*[TemporaryError("busy")] * 4))


def test_permanent_failures_are_not_tried_again(session):
    attempt = failing(PermanentError("gone"), AssertionError("tried again"))
    with pytest.raises(PermanentError, match="gone"):
        persist(session, attempt)


def test_progress_renews_patience_and_falling_back_does_not(session):
    lengths = [0, 10, 20, 5, 15, 21, 21, 20, 21]
    seen = iter(lengths)
    failures = []

    def attempt():
        failures.append(None)
        raise TemporaryError("cut")

    with pytest.raises(TemporaryError):
        persist(session, attempt, reached=lambda: next(seen))
    assert len(failures) == len(lengths) - 1, "three failures after 20, and after 21 the fourth"


def test_waits_grow_to_their_limit(session, monkeypatch):
    session.retry_policy = RetryPolicy(attempts=6, first_wait=1, max_wait=4)
    waits = []
    monkeypatch.setattr(session.stop, "wait", lambda timeout: waits.append(timeout))
    persist(session, failing(*[TemporaryError("busy")] * 5))
    least = [1, 2, 4, 4, 4]
    assert all(low <= wait <= low + 1 for low, wait in zip(least, waits, strict=True))
    assert len(set(waits)) == 5, "no two waits are alike"


def test_a_wish_of_the_server_is_a_lower_limit(session, monkeypatch):
    waits = []
    monkeypatch.setattr(session.stop, "wait", lambda timeout: waits.append(timeout))
    persist(session, failing(TemporaryError("busy", retry_after=300)))
    assert waits[0] >= 300
    with pytest.raises(TemporaryError):
        persist(session, failing(TemporaryError("busy", retry_after=601)))
    assert len(waits) == 1


def test_stopping_ends_a_wait(session):
    session.retry_policy = RetryPolicy(first_wait=600)
    waiting = threading.Event()
    caught = []

    def run():
        try:
            persist(
                session, failing(*[TemporaryError("busy")] * 9), on_wait=lambda _: waiting.set()
            )
        except TemporaryError as error:
            caught.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    waiting.wait(10)
    session.stop.set()
    thread.join(10)
    assert len(caught) == 1


def test_a_name_that_leads_nowhere_is_given_up_earlier_where_nothing_is_under_way(session):
    for look_ups, attempts in ((3, 3), (None, session.retry_policy.attempts)):
        notes = []
        errors = [TemporaryError("no such name", unresolved=True)] * 9
        with pytest.raises(TemporaryError):
            persist(session, failing(*errors), on_wait=notes.append, look_ups=look_ups)
        assert len(notes) == attempts - 1
    notes = []
    with pytest.raises(TemporaryError):
        persist(session, failing(*[TemporaryError("busy")] * 9), on_wait=notes.append, look_ups=2)
    assert len(notes) == session.retry_policy.attempts - 1


def test_a_host_that_never_answers_is_remembered(session):
    errors = [TemporaryError("no connection", unreachable="x.org")] * 4
    with pytest.raises(TemporaryError):
        persist(session, failing(*errors))
    assert session.unreachable == {"x.org"}
