"""What the transfers of one run share: connections, patience, and the sign to stop."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar, cast

from quickdraw_kit.storage.remote import PermanentError, TemporaryError

if TYPE_CHECKING:
    import httpx2
    from tenacity import RetryCallState

__all__ = ["RetryPolicy", "Session", "connected", "persist"]

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long to bear with a server.

    Parameters
    ----------
    attempts : int
        Failures in a row, without a new byte between them, after which to give up.
    first_wait, longest_wait : float
        Seconds before the second attempt, doubled before each further one, and their limit; up to
        `first_wait` more is added at random, so that many clients do not come back together.
    longest_retry_after : float
        Seconds that a server may ask for with ``Retry-After``; whoever asks for more is given up.
    connect, stall : float
        Seconds to wait for a connection, and for the next byte.

    Examples
    --------
    >>> RetryPolicy(attempts=2).stall
    30.0
    """

    attempts: int = 6
    first_wait: float = 1.0
    longest_wait: float = 60.0
    longest_retry_after: float = 600.0
    connect: float = 15.0
    stall: float = 30.0


@dataclass(slots=True)
class Session:
    """What the transfers of one run share."""

    client: "httpx2.Client | None"
    retry_policy: RetryPolicy
    stop: threading.Event = field(default_factory=threading.Event)
    unreachable: set[str] = field(default_factory=set)

    def check(self) -> None:
        """Raise PermanentError when the run is to end."""
        if self.stop.is_set():
            raise PermanentError("stopped")


@contextmanager
def connected(retry_policy: RetryPolicy | None = None) -> Iterator[Session]:
    """Open the connections of a run; when the block ends, so does all that uses them."""
    from quickdraw_kit.storage.http import new_client

    retry_policy = retry_policy or RetryPolicy()
    with new_client(connect=retry_policy.connect, stall=retry_policy.stall) as client:
        session = Session(client, retry_policy)
        try:
            yield session
        finally:
            session.stop.set()


def persist(
    session: Session,
    attempt: Callable[[], _Result],
    *,
    reached: Callable[[], int] = lambda: 0,
    on_wait: Callable[[str], None] = lambda note: None,
    look_ups: int | None = None,
) -> _Result:
    """Call until it succeeds, as long as the failures are temporary and patience lasts.

    Failures are counted anew whenever more is received than ever before: a line that is cut every
    minute brings any file in the end, and a server that always starts from the beginning does not
    hold us for ever.
    """
    import tenacity

    retry_policy = session.retry_policy
    backoff = tenacity.wait_exponential(retry_policy.first_wait, max=retry_policy.longest_wait)
    jitter = tenacity.wait_random(0, retry_policy.first_wait)
    farthest = reached()

    def failure(state: "RetryCallState") -> TemporaryError:
        return cast("TemporaryError", state.outcome and state.outcome.exception())

    def most(state: "RetryCallState") -> int:
        if look_ups is not None and failure(state).unresolved:
            return min(look_ups, retry_policy.attempts)
        return retry_policy.attempts

    def forgive(state: "RetryCallState") -> None:
        nonlocal farthest
        if (now := reached()) > farthest:
            farthest, state.attempt_number = now, 1

    def announce(state: "RetryCallState") -> None:
        on_wait(f"{failure(state)}; again in {state.upcoming_sleep:.0f} s")

    attempts = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(TemporaryError),
        after=forgive,
        wait=lambda state: max(backoff(state), failure(state).retry_after) + jitter(state),
        stop=lambda state: (
            state.attempt_number >= most(state)
            or session.stop.is_set()
            or failure(state).retry_after > retry_policy.longest_retry_after
        ),
        before_sleep=announce,
        sleep=tenacity.sleep_using_event(session.stop),
        reraise=True,
    )
    try:
        return attempts(attempt)
    except TemporaryError as error:
        if error.unreachable:
            session.unreachable.add(error.unreachable)
        raise
