"""`serve` where it fails before it serves; tests/serve has the rest."""

import json
import socket

import pytest


@pytest.mark.parametrize("content", [b"", b"not a model", json.dumps({}).encode()])
def test_a_bad_model_is_reported_before_the_server_starts(cli, tmp_path, content):
    (tmp_path / "model.safetensors").write_bytes(content)
    ran = cli("serve", "--model", tmp_path / "model.safetensors")
    assert ran.code == 1
    assert "model.safetensors" in ran.err


def test_missing_folders(cli, tmp_path):
    assert cli("serve", tmp_path / "nowhere").code == 2
    assert "no such folder" in cli("serve", "--runs", tmp_path / "nowhere").err


def test_a_port_in_use(cli):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        ran = cli("serve", "--port", other.getsockname()[1])
    assert ran.code == 2
    assert "choose another --host or --port" in ran.err
