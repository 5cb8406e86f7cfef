"""Failures outside the browser: malformed requests, damaged models, empty folders."""

import socket
from urllib.parse import urlsplit

import numpy as np
import pytest

from quickdraw_kit.cli import main
from quickdraw_kit.errors import DataError
from quickdraw_kit.learn.models.model import Model, load_model, save_model
from quickdraw_kit.serve.inference import Guesser
from quickdraw_kit.serve.requests import MAX_BODY_BYTES
from quickdraw_kit.strokes.simplify import simplify
from quickdraw_kit.synthetic.generator import generate_drawings
from tests.serve.test_app import LINE, call

pytestmark = pytest.mark.xdist_group("serve")  # one server

POST = b"POST /api/guess HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"


def send(url: str, content: bytes) -> bytes:
    """Send some bytes, and return the response until the server closes the connection."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), timeout=20) as connection:
        connection.sendall(content)
        connection.shutdown(socket.SHUT_WR)
        response = b""
        try:
            while chunk := connection.recv(65536):
                response += chunk
        except ConnectionResetError:
            pass
        return response


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"HTTP/1.1 400"),  # TLS
        (b"\x00" * 4096, b"HTTP/1.1 400"),
        (POST + b"content-length: x\r\n\r\n{}", b"HTTP/1.1 400"),
        (POST + b"content-length: 500\r\n\r\n{", b""),  # the body is incomplete
        (POST + b"transfer-encoding: chunked\r\n\r\nzz\r\n", b"HTTP/1.1 400"),
        (POST + b"content-length: 2\r\n\r\n{}", b"HTTP/1.1 422"),
        (POST + b"content-length: 3\r\n\r\n\xff\xfe\x00", b"HTTP/1.1 422"),
        (
            POST + b"transfer-encoding: chunked\r\n\r\n"
            + (b"10000\r\n" + b" " * 0x10000 + b"\r\n") * (MAX_BODY_BYTES // 0x10000 + 1)
            + b"0\r\n\r\n",
            b"HTTP/1.1 422",
        ),
    ],
)  # fmt: skip
def test_malformed_requests_are_rejected_and_the_server_goes_on(server, content, expected):
    assert send(server.url, content).startswith(expected)
    assert call(server.url, "/api/guess", LINE)[0] == 200


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda content: content[: len(content) // 2], "not a safetensors file"),
        (lambda content: b"", "not a safetensors file"),
        (
            lambda content: content.replace(b"tiny-cnn", b"tiny-xxx"),
            "there is no network 'tiny-xxx'",
        ),
    ],
)
def test_damaged_model(served, tmp_path, damage, message):
    content = (served / "runs" / "first" / "model.safetensors").read_bytes()
    path = tmp_path / "model.safetensors"
    path.write_bytes(damage(content))
    assert path.read_bytes() != content
    with pytest.raises(DataError, match=message):
        load_model(path)


def test_the_command_reports_invalid_arguments(served, tmp_path, monkeypatch, capfd):
    (tmp_path / "model.safetensors").write_bytes(b"not a model")
    (tmp_path / "empty").mkdir()
    (tmp_path / "nan").mkdir()
    model = load_model(served / "runs" / "first" / "model.safetensors")
    for weights in model.network.parameters():
        weights.data.fill_(float("nan"))
    save_model(model, tmp_path / "nan" / "model.safetensors")
    monkeypatch.setattr("torch.set_num_threads", lambda threads: None)
    for arguments, message in (
        (["--model", tmp_path], "safetensors"),
        (["--model", tmp_path / "nan"], "returns NaN"),
        ([tmp_path / "empty"], "empty"),
        ([tmp_path / "nothing"], "nothing"),
    ):
        command = ["quickdraw-kit", "serve", "--port", "0", *arguments]
        monkeypatch.setattr("sys.argv", list(map(str, command)))
        with pytest.raises(SystemExit) as exit_:
            main()
        assert exit_.value.code in (1, 2)
        assert message in capfd.readouterr().err


def test_invalid_raster_style():
    for style in ({"side": 27}, {"sides": 28}, {"side": "x"}):
        model = Model.new("tiny-cnn", ("cat", "dog"), metadata={"raster_style": style})
        with pytest.raises(DataError, match="style"):
            Guesser(model)


def test_stroke_model_gives_the_guesses_of_single_drawings():
    model = Model.new("stroke-cnn", ("cat", "dog", "sun"))
    drawings = generate_drawings(["star", "clock"], 3, raw=True)
    guesses = Guesser(model).guess_batch([drawings[i : i + 1] for i in range(len(drawings))])
    expected = model.probabilities(simplify(drawings))
    for guess, probabilities in zip(guesses, expected, strict=True):
        np.testing.assert_allclose(guess.probabilities, probabilities, atol=1e-5)
