"""Ways into a run: an executor that acts before tasks, and progress callbacks that end the run."""

from quickdraw_kit.executors import SerialExecutor


class Killed(BaseException):
    """Ends a run as a kill does: no handler of exceptions continues."""


class HookedExecutor(SerialExecutor):
    """Calls a hook with each task before the task runs; what the hook raises, the task raises."""

    def __init__(self, before):
        self._before = before

    def submit(self, fn, /, task):
        def run(task):
            self._before(task)
            return fn(task)

        return super().submit(run, task)


def kill_at_merge(progress) -> None:
    """End a run when all chunks are extracted and no shard is written."""
    if progress.stage == "merge":
        raise Killed


def fail_at_second_task():
    """Return a hook for `HookedExecutor`: the disk fails when the first task is done."""
    tasks = []

    def hook(task) -> None:
        tasks.append(task)
        if len(tasks) == 2:
            raise OSError("the disk is gone")

    return hook
