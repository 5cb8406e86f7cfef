"""From segments to the polygon around a stroke, on the fixed-point grid.

The polygon follows the left and the right side of the segments. On the outer side of a turn, and at
both ends, it follows the vertices of the pen (a fan); on the inner side it passes through the point
itself. It may cross itself: the stroke is where its winding number is not zero.
"""

from quickdraw_kit.kernels import kernel
from quickdraw_kit.raster.pen import Grid, Pen
from quickdraw_kit.raster.workspace import Workspace


@kernel
def outline(a: int, b: int, grid: Grid, pen: Pen, workspace: Workspace) -> tuple[int, int, int]:
    """Build the polygon of the stroke with points a to b (excluded).

    Returns the number of vertices (the first one is repeated after them), the index where the left
    side and the end cap are complete, and the index where the right side is, which is added in
    reverse.
    """
    x, y, vx, vy, rx, ry = (
        workspace.x,
        workspace.y,
        workspace.vx,
        workspace.vy,
        workspace.rx,
        workspace.ry,
    )
    opposite = grid.sectors // 2

    # one point: a dot, two half turns around the pen
    if b - a == 1:
        n = _cap(a, grid.east + opposite, grid.east, 0, grid, pen, workspace)
        vx[n], vy[n] = x[a], y[a] + grid.reach
        n = _cap(a, grid.east, grid.east + opposite, n + 1, grid, pen, workspace)
        vx[n], vy[n] = x[a], y[a] - grid.reach
        n += 1
        vx[n], vy[n] = vx[0], vy[0]
        return n, n, n

    # left and right side grow together, because a turn adds to both
    to_x, to_y = int(x[a]), int(y[a])
    side_x, side_y = int(workspace.side_x[a]), int(workspace.side_y[a])
    vx[0], vy[0] = to_x + side_x, to_y + side_y
    rx[0], ry[0] = to_x - side_x, to_y - side_y
    n = m = 1
    dx = dy = 0
    for i in range(a, b - 1):
        at_x, at_y, to_x, to_y = to_x, to_y, int(x[i + 1]), int(y[i + 1])
        last_dx, last_dy, dx, dy = dx, dy, to_x - at_x, to_y - at_y
        if i > a:
            last_x, last_y = side_x, side_y
            side_x, side_y = int(workspace.side_x[i]), int(workspace.side_y[i])

            # a U-turn counts as a right turn in one half of the directions and as a left turn in
            # the other, as in cairo
            turn = last_dy * dx - dy * last_dx
            right = turn < 0 or (turn == 0 and (last_dx > 0 or (last_dx == 0 and last_dy > 0)))
            fan = (side_x != last_x or side_y != last_y) and _in_reach(at_x, at_y, grid)

            if right:
                if fan:
                    v = int(pen.start[workspace.sector[i - 1]])
                    stop = int(pen.stop[v * grid.sectors + workspace.sector[i]])
                    while v != stop:
                        rx[m], ry[m] = at_x + pen.x[v], at_y + pen.y[v]
                        m += 1
                        v = 0 if v + 1 == grid.vertices else v + 1
                vx[n], vy[n] = at_x, at_y
                n += 1
            else:
                if fan:
                    n = _fan(
                        at_x,
                        at_y,
                        int(workspace.sector[i - 1]),
                        int(workspace.sector[i]),
                        n,
                        grid,
                        pen,
                        workspace,
                    )
                rx[m], ry[m] = at_x, at_y
                m += 1
            vx[n], vy[n] = at_x + side_x, at_y + side_y
            rx[m], ry[m] = at_x - side_x, at_y - side_y
            n += 1
            m += 1
        vx[n], vy[n] = to_x + side_x, to_y + side_y
        rx[m], ry[m] = to_x - side_x, to_y - side_y
        n += 1
        m += 1

    # the end cap continues the left side; then back along the right side, and the start cap
    sector = int(workspace.sector[b - 2])
    n = _cap(b - 1, sector, (sector + opposite) % grid.sectors, n, grid, pen, workspace)
    left_done = n
    for k in range(m):
        vx[n + k], vy[n + k] = rx[m - 1 - k], ry[m - 1 - k]
    n += m
    right_done = n - 1
    sector = int(workspace.sector[a])
    n = _cap(a, (sector + opposite) % grid.sectors, sector, n, grid, pen, workspace)
    vx[n], vy[n] = vx[0], vy[0]
    return n, left_done, right_done


@kernel
def _in_reach(x: int, y: int, grid: Grid) -> bool:
    """Whether the pen at a point can touch the bitmap."""
    return grid.low <= x <= grid.high and grid.low <= y <= grid.high


@kernel
def _cap(
    i: int, from_sector: int, to_sector: int, n: int, grid: Grid, pen: Pen, workspace: Workspace
) -> int:
    """Add the cap at one end of a stroke; return the number of vertices."""
    x, y = int(workspace.x[i]), int(workspace.y[i])
    return (
        _fan(x, y, from_sector, to_sector, n, grid, pen, workspace) if _in_reach(x, y, grid) else n
    )


@kernel
def _fan(
    x: int,
    y: int,
    from_sector: int,
    to_sector: int,
    n: int,
    grid: Grid,
    pen: Pen,
    workspace: Workspace,
) -> int:
    """Add a fan to the left, from one sector to another; return the number of vertices."""
    v = int(pen.start[grid.sectors + from_sector])
    stop = int(pen.stop[(grid.vertices + v) * grid.sectors + to_sector])
    while v != stop:
        workspace.vx[n], workspace.vy[n] = x + pen.x[v], y + pen.y[v]
        n += 1
        v = (grid.vertices if v == 0 else v) - 1
    return n
