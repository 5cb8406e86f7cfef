"""Find the ink in a picture, whatever the polarity, the light and the noise.

Pictures are black on white, white on black, colored, transparent, or photos of paper in uneven
light. Here they all become the same: a map that is 1 where there is ink, 0 where there is paper,
and between these at the soft edges of a line.
"""

import functools

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import DataError

Map = npt.NDArray[np.float32]

_SMALL = 160  # longer side of the downscaled picture in which the light is estimated
_CLOSING = 31  # in its pixels: wider than any line, narrower than changes of the light
_DEGREE = 4  # of the polynomial that models the light
_SPARSE = 3  # every third pixel is enough for statistics
_DEEPEST = 0.55  # share of the light in the darkest shadow; what is darker is a filled area
_LAG = 4  # pixels; blur and JPEG correlate the noise of closer ones
_SPREAD = 8.0  # sigma for local averages of the light, in pixels of the downscaled picture
_FAINTEST = 0.06  # share of the light that the faintest ink absorbs


def find_ink(picture: npt.NDArray[np.uint8]) -> Map:
    """Return a map of the ink, from 0 to 1, of shape (h, w)."""
    from scipy import ndimage

    # darkness relative to the paper, flattened only if the picture is noisy
    light = _as_dark_on_light(_flatten_alpha(picture))
    paper = _paper_brightness(light)
    dark = _channel_max(np.asarray(1 - light / np.maximum(paper, 1.0), np.float32))
    if _noise_level(dark) > 0.004:
        dark = ndimage.gaussian_filter(dark, 0.8)
    noise = _noise_level(dark)

    # full ink is the median of the darker half of what is certainly ink
    dark -= np.quantile(dark[::_SPARSE, ::_SPARSE], 0.4)  # the ink may cover nearly half
    least = max(_FAINTEST, 5 * noise)
    inked = dark[dark > least]
    if inked.size == 0:
        raise DataError("the picture is empty: no line stands out from its background")
    full = float(np.median(inked[inked >= inked.mean()]))
    ink = np.clip(dark / full, 0, 1)
    if full < 7 * noise:
        raise DataError("the picture is empty: no line stands out from its noise")

    # hysteresis: keep areas of weak ink that contain strong ink and do not run along the border
    weak = max(0.35, 3 * noise / full)
    areas, count = ndimage.label(ink > weak, np.ones((3, 3)))
    keep = np.zeros(count + 1, np.bool_)
    keep[areas[ink > max(0.6, least / full)]] = True
    keep[0] = False
    keep &= ~_is_border(areas, count)
    if not keep.any():
        raise DataError("the picture is empty: no line stands out from its background")
    ink[~keep[areas]] = 0
    return np.asarray(ink, np.float32)


def _is_border(areas: npt.NDArray[np.int32], count: int) -> npt.NDArray[np.bool_]:
    """Return which areas run along the border: what surrounds the paper."""
    border = np.concatenate([areas[0], areas[-1], areas[1:-1, 0], areas[1:-1, -1]])
    along = np.bincount(border, minlength=count + 1)
    return np.asarray(along > 0.2 * len(border))


def _flatten_alpha(picture: npt.NDArray[np.uint8]) -> Map:
    """Return (h, w, channels) without alpha; what is transparent becomes paper."""
    values = picture.astype(np.float32)
    if values.ndim == 2:
        return values[:, :, None]
    if values.shape[2] == 3:
        return values
    color, opacity = values[:, :, :3], values[:, :, 3:] / 255
    solid = opacity[:, :, 0] > 0.5
    if not solid.any():
        raise DataError("the picture is empty: it is transparent all over")
    if solid.mean() > 0.5:  # a page with transparent surroundings
        paper = np.median(color[solid], axis=0)
    else:  # lines on a transparent background
        paper = np.full(3, 255.0 if color[solid].mean() < 128 else 0.0)
    return np.asarray(color * opacity + paper * (1 - opacity), np.float32)


def _as_dark_on_light(light: Map) -> Map:
    """Invert the picture if the ink is brighter than the paper.

    Ink is the rarer of the two, so brightness is skewed toward it.
    """
    from scipy import ndimage

    gray = _downscale(light).mean(axis=2)
    deviation = gray - np.median(gray)
    deviation -= ndimage.uniform_filter(deviation, max(gray.shape) // 2)
    ring = np.concatenate([gray[0], gray[-1], gray[:, 0], gray[:, -1]])
    skew = float((deviation**3).sum()) / max(float((np.abs(deviation) ** 3).sum()), 1e-9)
    if abs(skew) < 0.05:  # about as much ink as paper: the border is paper
        skew = float(gray.mean() - np.median(ring))
    return 255 - light if skew > 0 else light


def _paper_brightness(light: Map) -> Map:
    """Estimate the brightness of the paper everywhere, as if there were no ink.

    A smooth surface through the paper models the light up to the corners; what it leaves, such as
    shadows, is averaged over nearby paper.
    """
    from PIL import Image
    from scipy import ndimage

    # what is left of the light after the smooth surface, without dark lines
    small = _downscale(light)
    surface = np.maximum(_fit_surface(small), 1.0)
    flattened = small / surface
    rough = np.maximum(ndimage.grey_closing(flattened, (_CLOSING, _CLOSING, 1)), _DEEPEST)
    dark = _channel_max(1 - flattened / rough)
    bare = ~ndimage.binary_dilation(dark > max(_FAINTEST, 4 * _noise_level(dark)), np.ones((3, 3)))

    # average it over bare paper only (normalized convolution)
    spread = (_SPREAD, _SPREAD, 0)
    weight = ndimage.gaussian_filter(bare.astype(np.float32), _SPREAD)[:, :, None] + 1e-3
    paper = ndimage.gaussian_filter(flattened * bare[:, :, None], spread) + 1e-3 * rough
    paper *= surface / weight
    height, width = light.shape[:2]
    planes = [
        Image.fromarray(plane).resize((width, height), Image.Resampling.BICUBIC)
        for plane in np.moveaxis(paper, 2, 0).astype(np.float32)
    ]
    return np.stack([np.asarray(plane) for plane in planes], axis=2)


def _fit_surface(small: Map) -> Map:
    """Fit a polynomial in x and y to the paper by iteratively reweighted least squares.

    Ink is far below the surface, so its weight goes to zero.
    """
    height, width, _ = small.shape
    y = np.linspace(-1, 1, height)[:, None] ** np.arange(_DEGREE + 1)
    x = np.linspace(-1, 1, width)[:, None] ** np.arange(_DEGREE + 1)
    powers = [(i, j) for i in range(_DEGREE + 1) for j in range(_DEGREE + 1 - i)]
    terms = np.stack([y[:, j, None] * x[None, :, i] for i, j in powers], axis=-1)
    sample = terms[::_SPARSE, ::_SPARSE].reshape(-1, len(powers))
    values = small[::_SPARSE, ::_SPARSE].reshape(len(sample), -1).astype(np.float64)
    gray = values.mean(axis=1)
    weight = (gray >= np.median(gray) - 3 * _robust_std(gray)).astype(np.float64)
    for _ in range(6):
        weighted = (sample * weight[:, None]).T
        factors = np.linalg.lstsq(weighted @ sample, weighted @ values, rcond=None)[0]
        below = (sample @ factors).mean(axis=1) - gray
        scale = max(_robust_std(below), 1.0)
        weight = 1 / (1 + (np.where(below > 0, below, 0.3 * below) / (2 * scale)) ** 4)
    return np.asarray(terms @ factors, np.float32)


def _channel_max(planes: Map) -> Map:
    """Return the maximum over the channels: yellow ink is dark only in the blue one."""
    return functools.reduce(np.maximum, np.moveaxis(planes, 2, 0))


def _noise_level(dark: Map) -> float:
    """Return the standard deviation of the noise, from differences of nearby pixels."""
    sample = dark[::_SPARSE]
    return (
        _robust_std(sample[:, _LAG:] - sample[:, :-_LAG]) / 2**0.5 if dark.shape[1] > _LAG else 0.0
    )


def _robust_std(values: Map | npt.NDArray[np.float64]) -> float:
    """Return the standard deviation of the bulk of the values; outliers do not matter (MAD)."""
    return 1.4826 * float(np.median(np.abs(values - np.median(values))))


def _downscale(light: Map) -> Map:
    from PIL import Image

    height, width = light.shape[:2]
    scale = min(_SMALL / max(height, width), 1.0)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    planes = [
        Image.fromarray(np.ascontiguousarray(plane)).resize(size, Image.Resampling.BOX)
        for plane in np.moveaxis(light, 2, 0)
    ]
    return np.stack([np.asarray(plane) for plane in planes], axis=2)
