"""Which failures may pass, and how often and how long an operation is tried again."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, TypeVar, cast

from quickdraw_kit.errors import QuickdrawError
from quickdraw_kit.options import check, option

if TYPE_CHECKING:
    from tenacity import RetryCallState

_Result = TypeVar("_Result")


class TemporaryError(QuickdrawError):
    """A failure that may pass, such as a connection that was cut."""

    def __init__(
        self,
        message: str,
        *,
        retry_after: float = 0.0,
        unreachable: str | None = None,
        unresolved: bool = False,
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after  # seconds that the server asks to wait
        self.unreachable = unreachable  # host without a connection
        self.unresolved = unresolved  # whether the name of that host was not found


class ChangedError(TemporaryError):
    """The file has another version now: what was received so far is useless."""

    def __init__(self, message: str = "the file changed while it was received") -> None:
        super().__init__(message)


class PermanentError(QuickdrawError):
    """A failure that another attempt would meet as well."""


class NotFoundError(PermanentError):
    """The file does not exist."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often to retry a failed request, and how long to wait.

    The wait doubles after each attempt, up to `max_wait`. Up to `first_wait` seconds are added at
    random, so that many clients do not come back at the same time.

    Parameters
    ----------
    attempts : int
        Consecutive failures, without a new byte between them, after which to give up.
    first_wait, max_wait : float
        Seconds to wait before the second attempt, and at most.
    max_retry_after : float
        Longest ``Retry-After`` of a server, in seconds, that is waited for.
    connect_timeout, read_timeout : float
        Seconds to wait for a connection, and for the next byte.

    Examples
    --------
    >>> from quickdraw_kit import RetryPolicy
    >>> RetryPolicy(attempts=2).read_timeout
    30.0
    """

    attempts: Annotated[int, option("Consecutive failures before giving up.", ge=1)] = 6
    first_wait: Annotated[float, option("Seconds before the second attempt.", ge=0)] = 1.0
    max_wait: Annotated[float, option("Most seconds between two attempts.", ge=0)] = 60.0
    max_retry_after: Annotated[float, option("Longest Retry-After to wait for.", ge=0)] = 600.0
    connect_timeout: Annotated[float, option("Seconds to wait for a connection.", gt=0)] = 15.0
    read_timeout: Annotated[float, option("Seconds to wait for the next byte.", gt=0)] = 30.0

    def __post_init__(self) -> None:
        check(self)


DEFAULT_RETRY_POLICY = RetryPolicy()


def retry(
    attempt: Callable[[], _Result],
    policy: RetryPolicy,
    *,
    stop: threading.Event | None = None,
    progress: Callable[[], int] = lambda: 0,
    on_wait: Callable[[str], None] = lambda note: None,
    max_lookups: int | None = None,
) -> _Result:
    """Call `attempt` until it succeeds, fails permanently, or the policy is exhausted.

    `progress` returns the bytes received so far. Whenever that is more than ever before, failures
    are counted from one again: a connection that is cut every minute still completes any file,
    and a server that restarts from the beginning each time does not hold us forever.

    `max_lookups` limits the attempts for a host whose name is not found. Setting `stop` ends waits.
    """
    import tenacity

    stop = stop or threading.Event()
    backoff = tenacity.wait_exponential(policy.first_wait, max=policy.max_wait)
    jitter = tenacity.wait_random(0, policy.first_wait)
    # bytes that an earlier run received are no progress of this one
    most_received = progress()

    def failure(state: "RetryCallState") -> TemporaryError:
        return cast("TemporaryError", state.outcome and state.outcome.exception())

    def max_attempts(state: "RetryCallState") -> int:
        # a name that is not found mostly stays so; other failures to connect may pass
        if max_lookups is not None and failure(state).unresolved:
            return min(max_lookups, policy.attempts)
        return policy.attempts

    def count_from_one_after_progress(state: "RetryCallState") -> None:
        nonlocal most_received
        if (received := progress()) > most_received:
            most_received, state.attempt_number = received, 1

    # Tenacity calls `after` before `wait` and `stop`, so both use the number that it sets: after
    # progress, waits are short again.
    attempts = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(TemporaryError),
        after=count_from_one_after_progress,
        # the jitter comes on top, or clients that got the same wait would all return together
        wait=lambda state: max(backoff(state), failure(state).retry_after) + jitter(state),
        stop=lambda state: (
            state.attempt_number >= max_attempts(state)
            or stop.is_set()
            or failure(state).retry_after > policy.max_retry_after
        ),
        before_sleep=lambda state: on_wait(
            f"{failure(state)}; again in {state.upcoming_sleep:.0f} s"
        ),
        sleep=tenacity.sleep_using_event(stop),
        # callers expect a TemporaryError, not tenacity's RetryError
        reraise=True,
    )
    return attempts(attempt)
