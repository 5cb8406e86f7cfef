"""Suggestions for names that are not known: "did you mean cat?"."""

from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the end of an error message: the nearest known name, or all of them."""
    known = list(known)
    near = nearest(name, known)
    return f"did you mean {near[0]}?" if near else f"expected {', '.join(known)}"


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """Return the known names that differ from a name by a few typing errors, nearest first."""
    distances = {other: edit_distance(name.casefold(), other.casefold()) for other in known}
    near = [other for other, distance in distances.items() if distance <= max_edits(name)]
    return sorted(near, key=distances.__getitem__)


def max_edits(name: str) -> int:
    """Return how many typing errors a name may have: a third of its letters, at least one."""
    return max(len(name) // 3, 1)


def edit_distance(typed: str, meant: str) -> int:
    """Count the letters that are missing, added or replaced, and neighbors that are swapped."""
    before: list[int] = []
    row = list(range(len(meant) + 1))
    for i, letter in enumerate(typed):
        last, before, row = before, row, [i + 1]
        for j, other in enumerate(meant):
            cost = min(before[j] + (letter != other), before[j + 1] + 1, row[j] + 1)
            if i and j and letter == meant[j - 1] and typed[i - 1] == other:
                cost = min(cost, last[j - 1] + 1)
            row.append(cost)
    return row[-1]
