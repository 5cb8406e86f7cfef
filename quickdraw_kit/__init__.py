"""A toolkit for Google's Quick, Draw! dataset: strokes in, verified shards and models out."""

import lazy_loader

__version__ = "0.1.0"

# Names are resolved on first use: `import quickdraw_kit` loads neither numba nor pyarrow nor torch.
# They are declared in `__init__.pyi`, and only there.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
