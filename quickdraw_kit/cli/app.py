"""The application: its commands, of which only the one that is called is imported."""

import importlib
import inspect
from collections import UserDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command, get_group

# headings of --help, and under each: command, its module, and a summary for the list of commands
_COMMANDS = {
    "Drawings": [
        ("categories", "drawings", "List or search the 345 categories."),
        ("sample", "sample", "Generate drawings, without a network."),
        ("inspect", "drawings", "Summarize files of drawings."),
        ("convert", "drawings", "Convert drawings from one format to another."),
        ("download", "download", "Download official files, MNIST or Fashion-MNIST."),
    ],
    "Shards": [
        ("prepare", "prepare", "Turn stroke files into split, shuffled, checksummed shards."),
        ("histogram", "shards", "Show the number of drawings of each category."),
        ("verify", "shards", "Check every checksum and count again."),
    ],
    "Models and recipes": [
        ("train", "train", "Train a network."),
        ("evaluate", "evaluate", "Measure a model on the splits of a data set."),
        ("predict", "predict", "Predict the labels of drawings, pictures or photos."),
        ("export", "export", "Write a model as safetensors, ONNX or torch.export."),
        ("report", "report", "Write a page about a model, or draw a network."),
        ("serve", "serve", "Serve a local page to draw, browse and compare."),
        ("run", "recipes", "Run a recipe."),
        ("demo", "recipes", "Run everything once, offline, on generated drawings."),
        ("warm-up", "warm_up", "Compile the kernels before they are needed."),
    ],
    "Learn how it works": [
        ("primer", "primer", "Convolutional networks from scratch, in figures."),
    ],
}
_MODULES = {name: module for group in _COMMANDS.values() for name, module, _ in group}
_SETTINGS: dict[str, Any] = {
    "no_args_is_help": True,
    # errors reach `main`, which reports each in a line
    "pretty_exceptions_enable": False,
    "rich_markup_mode": "rich",
}


class _LazyCommands(UserDict[str, Any]):
    """The commands by name; each is imported when it is asked for."""

    def __getitem__(self, name: str) -> Any:
        if self.data[name] is None:
            self.data[name] = _load(name)
        return self.data[name]


class _LazyGroup(TyperGroup):
    """A group that lists its commands without importing them."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        # None: not imported yet
        self.commands = _LazyCommands(dict.fromkeys(_MODULES))
        self._is_listing = False

    def list_commands(self, ctx: Any) -> list[str]:
        return list(self.commands)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if not self._is_listing:
            return self.commands.get(cmd_name)
        # help and completion need names and summaries, but not the options of each command
        for panel, group in _COMMANDS.items():
            for name, _, summary in group:
                if name == cmd_name:
                    return TyperCommand(name, short_help=summary, rich_help_panel=panel)
        return None

    def format_help(self, ctx: Any, formatter: Any) -> None:
        with self._listing():
            super().format_help(ctx, formatter)

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        with self._listing():
            return super().shell_complete(ctx, incomplete)

    @contextmanager
    def _listing(self) -> Iterator[None]:
        self._is_listing = True
        try:
            yield
        finally:
            self._is_listing = False


def _load(name: str) -> Any:
    """Import a command, or a group of commands."""
    module = importlib.import_module(f"quickdraw_kit.cli.{_MODULES[name]}")
    target = getattr(module, name.replace("-", "_"))
    if isinstance(target, typer.Typer):
        return get_group(target)
    # completion is installed for the application, not for one command
    single = typer.Typer(add_completion=False, **_SETTINGS)
    single.command(name, help=_unwrapped_help(target), no_args_is_help=False)(target)
    return get_command(single)


def _unwrapped_help(function: Callable[..., Any]) -> str:
    """Return the help of a command with each paragraph on one line, for terminals of any width."""
    paragraphs = (inspect.getdoc(function) or "").split("\n\n")
    return "\n\n".join(
        text if text.startswith(" ") else text.replace("\n", " ") for text in paragraphs
    )


app = typer.Typer(
    name="quickdraw-kit",
    cls=_LazyGroup,
    help="Google's Quick, Draw! drawings: from stroke files to verified shards and a model.",
    epilog="Start with: quickdraw-kit demo",
    context_settings={"help_option_names": ["-h", "--help"]},
    **_SETTINGS,
)


def _version(show: bool) -> None:
    if show:
        from quickdraw_kit import __version__

        typer.echo(f"quickdraw-kit {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Google's Quick, Draw! drawings: from stroke files to verified shards and a model."""
