"""A toolkit for Google's Quick, Draw! dataset: strokes in, verified shards and models out."""

from typing import Any

import lazy_loader

from quickdraw_kit.errors import optional_packages

__version__ = "0.1.0"

# Names are resolved on first use: `import quickdraw_kit` loads neither numba nor pyarrow nor torch.
# They are declared in `__init__.pyi`, and only there.
_resolve, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> Any:
    with optional_packages():
        return _resolve(name)
