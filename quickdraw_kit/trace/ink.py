"""Where the ink is in a picture: polarity, light and noise are taken out.

Pictures come black on white, white on black, coloured, transparent, or as photographs of paper on
which the light falls unevenly. Here they all become one thing: a map that is 1 where there is ink,
0 where there is paper, and between them at the soft edges of a line.
"""

import functools

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import DataError

__all__ = ["find_ink"]

Map = npt.NDArray[np.float32]

_SMALL = 160  # longer side of the picture in which the light is estimated
_CLOSING = 31  # pixels of it: wider than any line, narrower than the light changes
_DEGREE = 4  # of the polynomial through the light
_SPARSE = 3  # pixels from one to the next where a part stands for the whole
_DEEPEST = 0.55  # of the light falls in a shadow; what is darker is a filled area
_LAG = 4  # pixels between which blur and JPEG do not tie the noise together
_SPREAD = 8.0  # pixels of it, over which the light is averaged
_FAINTEST = 0.06  # share of the light that the faintest ink takes away


def find_ink(picture: npt.NDArray[np.uint8]) -> Map:
    """Find the ink in a picture."""
    from scipy import ndimage

    light = _bright_paper(_opaque(picture))
    paper = _paper(light)
    dark = _darkest(np.asarray(1 - light / np.maximum(paper, 1.0), np.float32))
    if _grain(dark) > 0.004:
        dark = ndimage.gaussian_filter(dark, 0.8)
    noise = _grain(dark)
    dark -= np.quantile(dark[::_SPARSE, ::_SPARSE], 0.4)  # the ink may cover nearly half
    least = max(_FAINTEST, 5 * noise)
    found = dark[dark > least]
    if found.size == 0:
        raise DataError("the picture is empty: no line stands out from its background")
    full = float(np.median(found[found >= found.mean()]))
    ink = np.clip(dark / full, 0, 1)
    if full < 7 * noise:
        raise DataError("the picture is empty: no line stands out from its noise")
    weak = max(0.35, 3 * noise / full)
    areas, count = ndimage.label(ink > weak, np.ones((3, 3)))
    keep = np.zeros(count + 1, np.bool_)
    keep[areas[ink > max(0.6, least / full)]] = True
    keep[0] = False
    keep &= ~_frames(areas, count)
    if not keep.any():
        raise DataError("the picture is empty: no line stands out from its background")
    ink[~keep[areas]] = 0
    return np.asarray(ink, np.float32)


def _frames(areas: npt.NDArray[np.int32], count: int) -> npt.NDArray[np.bool_]:
    """Tell which areas run along the picture's border: what lies round the paper."""
    border = np.concatenate([areas[0], areas[-1], areas[1:-1, 0], areas[1:-1, -1]])
    along = np.bincount(border, minlength=count + 1)
    return np.asarray(along > 0.2 * len(border))


def _opaque(picture: npt.NDArray[np.uint8]) -> Map:
    """Return (h, w, channels); what is transparent becomes paper."""
    values = picture.astype(np.float32)
    if values.ndim == 2:
        return values[:, :, None]
    if values.shape[2] == 3:
        return values
    colour, opacity = values[:, :, :3], values[:, :, 3:] / 255
    solid = opacity[:, :, 0] > 0.5
    if not solid.any():
        raise DataError("the picture is empty: it is transparent all over")
    if solid.mean() > 0.5:  # a page with see-through surroundings
        paper = np.median(colour[solid], axis=0)
    else:  # lines on nothing
        paper = np.full(3, 255.0 if colour[solid].mean() < 128 else 0.0)
    return np.asarray(colour * opacity + paper * (1 - opacity), np.float32)


def _bright_paper(light: Map) -> Map:
    """Turn the picture into its negative if the ink is brighter than the paper."""
    from scipy import ndimage

    grey = _shrunk(light).mean(axis=2)
    away = grey - np.median(grey)
    away -= ndimage.uniform_filter(away, max(grey.shape) // 2)
    ring = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    lean = float((away**3).sum()) / max(float((np.abs(away) ** 3).sum()), 1e-9)
    if abs(lean) < 0.05:  # about as much ink as paper: the border is paper
        lean = float(grey.mean() - np.median(ring))
    return 255 - light if lean > 0 else light


def _paper(light: Map) -> Map:
    """Estimate how bright the paper would be everywhere, were there no ink.

    First a smooth surface through the paper, which takes the fall of the light away to the very
    corners; then what is left, such as shadows, averaged over the paper close by.
    """
    from PIL import Image
    from scipy import ndimage

    small = _shrunk(light)
    surface = np.maximum(_surface(small), 1.0)
    even = small / surface
    rough = np.maximum(ndimage.grey_closing(even, (_CLOSING, _CLOSING, 1)), _DEEPEST)
    dark = _darkest(1 - even / rough)
    bare = ~ndimage.binary_dilation(dark > max(_FAINTEST, 4 * _grain(dark)), np.ones((3, 3)))
    spread = (_SPREAD, _SPREAD, 0)
    weight = ndimage.gaussian_filter(bare.astype(np.float32), _SPREAD)[:, :, None] + 1e-3
    paper = ndimage.gaussian_filter(even * bare[:, :, None], spread) + 1e-3 * rough
    paper *= surface / weight
    high, wide = light.shape[:2]
    planes = [
        Image.fromarray(plane).resize((wide, high), Image.Resampling.BICUBIC)
        for plane in np.moveaxis(paper, 2, 0).astype(np.float32)
    ]
    return np.stack([np.asarray(plane) for plane in planes], axis=2)


def _surface(small: Map) -> Map:
    """Fit a polynomial in x and y to the paper; ink, far below it, loses its weight."""
    high, wide, _ = small.shape
    y = np.linspace(-1, 1, high)[:, None] ** np.arange(_DEGREE + 1)
    x = np.linspace(-1, 1, wide)[:, None] ** np.arange(_DEGREE + 1)
    powers = [(i, j) for i in range(_DEGREE + 1) for j in range(_DEGREE + 1 - i)]
    terms = np.stack([y[:, j, None] * x[None, :, i] for i, j in powers], axis=-1)
    few = terms[::_SPARSE, ::_SPARSE].reshape(-1, len(powers))
    values = small[::_SPARSE, ::_SPARSE].reshape(len(few), -1).astype(np.float64)
    grey = values.mean(axis=1)
    weight = (grey >= np.median(grey) - 3 * _noise(grey)).astype(np.float64)
    for _ in range(6):
        weighted = (few * weight[:, None]).T
        factors = np.linalg.lstsq(weighted @ few, weighted @ values, rcond=None)[0]
        below = (few @ factors).mean(axis=1) - grey
        scale = max(_noise(below), 1.0)
        weight = 1 / (1 + (np.where(below > 0, below, 0.3 * below) / (2 * scale)) ** 4)
    return np.asarray(terms @ factors, np.float32)


def _darkest(planes: Map) -> Map:
    """Return the largest of the channels: yellow ink is dark in blue light only."""
    return functools.reduce(np.maximum, np.moveaxis(planes, 2, 0))


def _grain(dark: Map) -> float:
    """Return the standard deviation of the noise, from differences that mostly are nothing else."""
    few = dark[::_SPARSE]
    return _noise(few[:, _LAG:] - few[:, :-_LAG]) / 2**0.5 if dark.shape[1] > _LAG else 0.0


def _noise(values: Map | npt.NDArray[np.float64]) -> float:
    """Return the standard deviation of what most values are, whatever the others may be."""
    return 1.4826 * float(np.median(np.abs(values - np.median(values))))


def _shrunk(light: Map) -> Map:
    from PIL import Image

    high, wide = light.shape[:2]
    part = min(_SMALL / max(high, wide), 1.0)
    size = (max(round(wide * part), 1), max(round(high * part), 1))
    planes = [
        Image.fromarray(np.ascontiguousarray(plane)).resize(size, Image.Resampling.BOX)
        for plane in np.moveaxis(light, 2, 0)
    ]
    return np.stack([np.asarray(plane) for plane in planes], axis=2)
