"""Find the ink in a picture, whatever its colors, the light and the noise.

Pictures are black on white, white on black, colored, transparent, or photos of paper in uneven
light. Here they all become the same: a map that is 1 where there is ink, 0 where there is paper,
and between these at the soft edges of a line.

Most pictures come from a screen. Their paper has one color, and everything else is ink, however
thin or pale. Only where no color is the paper's, in photos, are light and noise estimated.
"""

import functools

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import DataError
from quickdraw_kit.trace.paper import drop_ruling, drop_surroundings, peel_flat_border

Map = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int32]

_SAME = 6  # levels of 255; two colors that differ by less are one, if compressed as JPEG
_VISIBLE = 8  # levels by which the faintest line on a flat background stands out
_PALEST = 0.25  # share of the contrast of the main ink that paler lines have
_COMMON = 0.05  # share of the ink that has a color of its own
_PEN = 0.04  # width of the thickest pen, in sides; what is thicker is an area
_MOSTLY_PAPER = 0.2  # share of the pixels that have the color of the paper, at least

_SMALL = 160  # longer side of the downscaled picture in which the light is estimated
_CLOSING = 31  # in its pixels: wider than any line, narrower than changes of the light
_DEGREE = 4  # of the polynomial that models the light
_SPARSE = 3  # every third pixel is enough for statistics
_DEEPEST = 0.55  # share of the light in the darkest shadow; what is darker is a filled area
_LAG = 4  # pixels; blur and JPEG correlate the noise of closer ones
_FEW = 128  # pixels of the shorter side; lines may be most of such a picture
_SPREAD = 8.0  # sigma for local averages of the light, in pixels of the downscaled picture
_FAINTEST = 0.06  # share of the light that the faintest ink absorbs


def find_ink(picture: Pixels) -> Map:
    """Return a map of the ink, from 0 to 1, of shape (h, w); surroundings are cut off."""
    color = peel_flat_border(flatten_alpha(picture))
    ink = _ink_on_flat_paper(color)
    if ink is None:
        ink = drop_surroundings(_ink_in_photo(color.astype(np.float32)), is_photo=True)
    else:
        ink = drop_surroundings(ink, is_photo=False)
    return drop_ruling(ink)


def flatten_alpha(picture: Pixels) -> Pixels:
    """Return (h, w, channels), 1 if it is gray or else 3; what is transparent becomes paper."""
    if picture.ndim == 2:
        return picture[:, :, None]
    color = picture[:, :, :3]
    if picture.shape[2] == 4 and picture[:, :, 3].min() < 255:
        color = _compose(color, picture[:, :, 3:])
    is_gray = (color[:, :, :1] == color[:, :, 1:]).all()
    return color[:, :, :1] if is_gray else color


def to_grayscale(picture: Pixels) -> Pixels:
    """Return (h, w): gray pictures as they are, others white where they differ from their paper."""
    color = flatten_alpha(picture)
    if color.shape[2] == 1:
        return color[:, :, 0]
    border = np.concatenate([color[0], color[-1], color[:, 0], color[:, -1]])
    contrast = _contrast(color, np.median(border, axis=0).astype(np.uint8))
    return (contrast * (255 / max(int(contrast.max()), 1))).astype(np.uint8)


def _contrast(color: Pixels, paper: Pixels) -> Pixels:
    """Return how much each pixel differs from the paper, in the channel where it is most."""
    contrast = np.maximum(color, paper) - np.minimum(color, paper)
    return functools.reduce(np.maximum, np.moveaxis(contrast, 2, 0))


def _compose(color: Pixels, alpha: Pixels) -> Pixels:
    """Put a picture on paper that its lines stand out from."""
    solid = color[alpha[:, :, 0] > 127]
    if not len(solid):
        raise DataError("the picture is empty: it is transparent all over")
    middle = np.median(solid, axis=0)
    is_flat = (np.abs(solid - middle).max(axis=1) <= _SAME).mean() > 0.98
    if len(solid) > alpha.size / 2 and not is_flat:  # a page with transparent surroundings
        paper = middle
    else:
        # white lines beside dark ones are those of an eraser
        paper = np.full(3, 255.0 if (solid.mean(axis=1) < 128).mean() > 0.02 else 0.0)
    share = alpha / np.float32(255)
    return np.asarray(np.rint(color * share + paper * (1 - share)), np.uint8)


def _ink_on_flat_paper(color: Pixels) -> Map | None:
    """Return the ink if the paper has one color; None for a photo."""
    from scipy import ndimage

    codes = _color_codes(color)
    paper = _flat_paper(color, codes)
    if paper is None:
        return None
    contrast = _contrast(color, paper)
    counts = np.bincount(contrast.ravel(), minlength=256)
    if counts[_VISIBLE:].sum() == 0:
        raise DataError("the picture is empty: no line stands out from its background")

    # full ink is the median of the darker half
    levels = np.arange(256)
    visible = np.where(levels >= _VISIBLE, counts, 0)
    middle = min((levels * visible).sum() / visible.sum(), int(contrast.max()))
    darker = np.where(levels >= middle, visible, 0).cumsum()
    full = int(np.searchsorted(darker, darker[-1] / 2))

    # shades between paper and ink are the edges of lines; in a photo they are everywhere
    palest = max(round(_PALEST * full), _VISIBLE)
    between = counts[_SAME + 1 : palest].sum()
    if between > max(counts[palest:].sum(), 0.02 * contrast.size):
        return None

    # relative to the darkest pixel nearby: pale lines are ink like dark ones, and have their width
    near = ndimage.maximum_filter(contrast, 5)
    ink = np.where(near >= palest, contrast / np.maximum(near, np.float32(1)), np.float32(0))
    ink[_outlined_fills(codes, contrast >= palest)] = 0
    return ink


def _outlined_fills(codes: Codes, ink: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return where areas are filled with color that lines of another color enclose."""
    from scipy import ndimage

    fills = np.zeros(ink.shape, np.bool_)
    counts = np.bincount(codes[ink])
    common = np.flatnonzero(counts > _COMMON * counts.sum())
    if len(common) < 2:
        return fills
    width = max(round(_PEN * max(ink.shape)), 3)
    lines = np.zeros(ink.shape, np.bool_)
    areas = []
    for code in common:
        of_color = ink & (codes == code)
        opened = ndimage.maximum_filter(ndimage.minimum_filter(of_color, width), width)
        if opened.sum() > 0.5 * of_color.sum():
            areas.append(ndimage.binary_closing(of_color, np.ones((3, 3))) & (codes == code))
        else:
            lines |= of_color
    for area in areas:
        # three pixels: lines have soft edges
        around = ndimage.maximum_filter(area, 7) & ~ndimage.maximum_filter(area, 5)
        near_line = ndimage.maximum_filter(lines, 3)
        if around.any() and near_line[around].mean() > 0.5:
            fills |= area
    return fills


def _color_codes(color: Pixels) -> Codes:
    """Return a number for each pixel that similar colors share."""
    planes = np.moveaxis(color >> 3, 2, 0).astype(np.int32)
    return functools.reduce(lambda code, plane: code * 32 + plane, planes)


def _flat_paper(color: Pixels, codes: Codes) -> Pixels | None:
    """Return the color of the paper if much of the picture has it, else None."""
    counts = np.bincount(codes.ravel())
    border = np.concatenate([codes[0], codes[-1], codes[:, 0], codes[:, -1]])
    on_border = np.bincount(border, minlength=len(counts)) / len(border)

    # around a filled area, or between thick lines, the border is mostly paper
    code = int(np.argmax(counts / codes.size + 0.8 * on_border * (counts > 0.2 * codes.size)))
    paper = np.median(color[codes == code], axis=0).astype(np.uint8)
    share = (_contrast(color, paper) <= _SAME).mean()
    return paper if share >= _MOSTLY_PAPER else None


def _ink_in_photo(light: Map) -> Map:
    """Return the ink relative to the paper in uneven light."""
    from scipy import ndimage

    # darkness relative to the paper, flattened only if the picture is noisy
    light = _as_dark_on_light(light)
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
    # of equal values, the mean is rounded and may be above all of them
    full = float(np.median(inked[inked >= min(inked.mean(), inked.max())]))
    ink = np.clip(dark / full, 0, 1)
    if full < 7 * noise:
        raise DataError("the picture is empty: no line stands out from its noise")

    # hysteresis: keep areas of weak ink that contain strong ink
    weak = max(0.35, 3 * noise / full)
    areas, count = ndimage.label(ink > weak, np.ones((3, 3)))
    keep = np.zeros(count + 1, np.bool_)
    keep[areas[ink > max(0.6, least / full)]] = True
    keep[0] = False
    if not keep.any():
        raise DataError("the picture is empty: no line stands out from its background")
    ink[~keep[areas]] = 0
    return np.asarray(ink, np.float32)


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
    if dark.shape[1] <= _LAG:
        return 0.0
    differences = sample[:, _LAG:] - sample[:, :-_LAG]
    if min(dark.shape) >= _FEW:
        return _robust_std(differences) / 2**0.5
    # a quarter of the pairs is paper even where most are on lines; 0.3186 is its normal quantile
    return float(np.quantile(np.abs(differences), 0.25)) / 0.3186 / 2**0.5


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
