"""Read picture files from untrusted sources: nothing is decoded before its size is known."""

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import DataError

if TYPE_CHECKING:
    from PIL import Image

MAX_BYTES = 1 << 26
"""Largest picture file, in bytes."""
MAX_PIXELS = 1 << 26
"""Largest picture, in pixels: 8192 x 8192."""

_FORMATS = (
    "PNG",
    "JPEG",
    "WEBP",
    "BMP",
    "GIF",
    "TIFF",
)  # other decoders of Pillow stay closed to untrusted files
_MAGIC = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"BM", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*")
_ANIMATED = ("GIF", "WEBP", "PNG")
_LONGEST = 2048  # longer side of the returned picture, in pixels; enough for any line


def is_picture(head: bytes) -> bool:
    r"""Whether a file with these first 16 bytes is a picture that `read_picture` reads."""
    return head.startswith(_MAGIC) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")


def read_picture(source: str | os.PathLike[str] | bytes) -> npt.NDArray[np.uint8]:
    """Read a PNG, JPEG, WebP, BMP, GIF or TIFF picture; of an animation the last frame."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    if isinstance(source, bytes):
        where, data = "the picture", source
    else:
        where, path = str(source), Path(source)
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)  # never more, whatever the size of the file

    if len(data) > MAX_BYTES:
        raise DataError(f"{where} has more than {MAX_BYTES} bytes: make it smaller")

    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise DataError(
                    f"{where} is {width} x {height} pixels, expected at most {MAX_PIXELS}: "
                    "make it smaller"
                )
            _seek_complete(image)
            image.draft("RGB", (_LONGEST, _LONGEST))  # decodes a JPEG at a fraction of its size
            upright = ImageOps.exif_transpose(image)
            return _to_uint8(upright)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DataError(f"{where} is too large to decode ({error}): make it smaller") from error
    except UnidentifiedImageError as error:
        raise DataError(f"{where} is not a picture: expected {', '.join(_FORMATS)}") from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"{where} cannot be read as a picture ({error}): expected {', '.join(_FORMATS)}"
        ) from error


def _seek_complete(image: "Image.Image") -> None:
    """Go to the last frame of an animation: before, a drawing is not complete."""
    frames = getattr(image, "n_frames", 1) if getattr(image, "is_animated", False) else 1
    width, height = image.size
    is_bounded = frames * width * height <= MAX_PIXELS
    if image.format in _ANIMATED and is_bounded and frames > 1:
        image.seek(frames - 1)


def _to_uint8(image: "Image.Image") -> npt.NDArray[np.uint8]:
    """Return the pixels as uint8: grayscale, RGB or RGBA."""
    from PIL import Image

    if image.mode.startswith(("I", "F")):  # 16 bits per pixel or more
        image = Image.fromarray(_scale_deep(np.asarray(image, np.float64)))
    if image.mode == "1":
        image = image.convert("L")
    elif image.mode != "L":
        has_alpha = "A" in image.getbands() or "transparency" in image.info
        image = image.convert("RGBA" if has_alpha else "RGB")
    if max(image.size) > _LONGEST:
        image.thumbnail((_LONGEST, _LONGEST), Image.Resampling.BOX)
    return np.asarray(image)


def _scale_deep(values: npt.NDArray[np.float64]) -> npt.NDArray[np.uint8]:
    """Return values of more than 8 bits in 8 bits, by the range that the largest one tells."""
    values = np.nan_to_num(values, posinf=0, neginf=0)
    largest = float(values.max())
    top = next((limit for limit in (1, 255, 65535) if largest <= limit), largest)
    return np.clip(np.rint(values * (255 / top)), 0, 255).astype(np.uint8)
