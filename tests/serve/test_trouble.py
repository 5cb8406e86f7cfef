"""What goes wrong beside the browser: malformed requests, bad models, empty folders."""

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

POST = b"POST /api/guess HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"


def sent(url: str, content: bytes) -> bytes:
    """What comes back for some bytes, until the server closes or says no more."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), timeout=20) as connection:
        connection.sendall(content)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        try:
            while piece := connection.recv(65536):
                answer += piece
        except ConnectionResetError:
            pass
        return answer


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"HTTP/1.1 400"),  # TLS
        (b"\x00" * 4096, b"HTTP/1.1 400"),
        (POST + b"content-length: x\r\n\r\n{}", b"HTTP/1.1 400"),
        (POST + b"content-length: 500\r\n\r\n{", b""),  # and no more
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
def test_malformed_requests_are_refused_and_the_next_is_answered(server, content, expected):
    assert sent(server.url, content).startswith(expected)
    assert call(server.url, "/api/guess", LINE)[0] == 200


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda content: content[: len(content) // 2], "not a safetensors file"),
        (lambda content: b"", "not a safetensors file"),
        (lambda content: content.replace(b"tiny-cnn", b"tiny-xxx"), "does not fit together"),
    ],
)
def test_a_damaged_model_is_said_at_the_start(places, tmp_path, damage, said):
    content = (places / "runs" / "first" / "model.safetensors").read_bytes()
    path = tmp_path / "model.safetensors"
    path.write_bytes(damage(content))
    assert path.read_bytes() != content
    with pytest.raises(DataError, match=said):
        load_model(path)


def test_the_command_says_what_it_cannot_serve(places, tmp_path, monkeypatch, capfd):
    (tmp_path / "model.safetensors").write_bytes(b"no model")
    (tmp_path / "empty").mkdir()
    (tmp_path / "nan").mkdir()
    model = load_model(places / "runs" / "first" / "model.safetensors")
    for weights in model.network.parameters():
        weights.data.fill_(float("nan"))
    save_model(model, tmp_path / "nan" / "model.safetensors")
    monkeypatch.setattr("torch.set_num_threads", lambda threads: None)
    for arguments, said in (
        (["--model", tmp_path], "safetensors"),
        (["--model", tmp_path / "nan"], "no number"),
        ([tmp_path / "empty"], "empty"),
        ([tmp_path / "nothing"], "nothing"),
    ):
        command = ["quickdraw-kit", "serve", "--port", "0", *arguments]
        monkeypatch.setattr("sys.argv", list(map(str, command)))
        with pytest.raises(SystemExit) as exit_:
            main()
        assert exit_.value.code in (1, 2)
        assert said in capfd.readouterr().err


def test_a_style_that_is_none_is_said():
    for style in ({"side": 27}, {"sides": 28}, {"side": "x"}):
        model = Model.new("tiny-cnn", ("cat", "dog"), metadata={"raster_style": style})
        with pytest.raises(DataError, match="style"):
            Guesser(model)


def test_a_model_of_strokes_guesses_as_it_does_alone():
    model = Model.new("stroke-cnn", ("cat", "dog", "sun"))
    drawings = generate_drawings(["star", "clock"], 3, raw=True)
    guesses = Guesser(model).guess_now([drawings[i : i + 1] for i in range(len(drawings))])
    expected = model.probabilities(simplify(drawings))
    for guess, probabilities in zip(guesses, expected, strict=True):
        np.testing.assert_allclose(guess.probabilities, probabilities, atol=1e-5)
