"""When each point of a drawing was drawn, for animations."""

import numpy as np
import numpy.typing as npt

from quickdraw_kit.strokes.batch import Drawing

_MAX_MS = 30_000  # the game ends after 20,000; drawings that took longer are played faster
_SPEED = 0.5  # units of the 256 x 256 frame per millisecond, if times are not known


def stroke_times(drawing: Drawing) -> list[npt.NDArray[np.float64]]:
    """Return the time at each point of each stroke, in milliseconds from 0."""
    counts = [len(stroke) for stroke in drawing.strokes]
    if not sum(counts):
        return [np.zeros(0) for _ in counts]
    points = np.concatenate(drawing.strokes).astype(np.float64)
    if points.shape[1] == 3:
        times = np.maximum.accumulate(points[:, 2])
        times -= times[0]
    else:
        distances = np.hypot(*np.diff(points, axis=0, prepend=points[:1]).T)
        times = np.cumsum(distances) / _SPEED
    times *= min(1.0, _MAX_MS / max(times[-1], 1.0))
    return np.split(times, np.cumsum(counts)[:-1])
