"""A network as a graph: every layer and connection, with Graphviz and without."""

import re
import shutil

import matplotlib as mpl
import pytest
from PIL import Image

from quickdraw_kit.errors import UsageError
from quickdraw_kit.learn.models.graph import Graph, Node, network_graph
from quickdraw_kit.show.network import draw_network, network_dot

needs_dot = pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")


@pytest.fixture(scope="module")
def resnet():
    return network_graph("quickdraw-resnet", 345)


@pytest.mark.parametrize("graphviz", [False, pytest.param(True, marks=needs_dot)])
def test_every_layer_is_named_with_its_parameters(tmp_path, monkeypatch, resnet, graphviz):
    monkeypatch.setitem(mpl.rcParams, "svg.fonttype", "none")
    draw_network(resnet, tmp_path / "network.svg", graphviz=graphviz)
    written = "\n".join(
        re.findall(r">([^<]+)</text>", (tmp_path / "network.svg").read_text("utf-8"))
    )
    written = written.replace("&gt;", ">").replace("&#45;", "-")
    assert f"quickdraw-resnet: {resnet.parameters:,} parameters" in written
    for node in resnet.nodes:
        assert node.kind.replace("->", "→") in written
        if node.parameters:
            assert f"{node.parameters:,}" in written


def test_dot_has_every_connection(resnet):
    text = network_dot(resnet)
    edges = re.findall(r"^n(\d+) -> n(\d+);$", text, re.MULTILINE)
    expected = [
        (str(source), str(target))
        for target, node in enumerate(resnet.nodes)
        for source in node.inputs
    ]
    assert edges == expected


def test_names_are_escaped_in_dot():
    node = Node('a "quoted" \\ kind', (), 0, ())
    assert 'label="a \\"quoted\\" \\\\ kind"' in network_dot(Graph("x", (node,)))


@pytest.mark.parametrize("graphviz", [False, pytest.param(True, marks=needs_dot)])
def test_png(tmp_path, resnet, graphviz):
    draw_network(resnet, tmp_path / "network.png", graphviz=graphviz)
    with Image.open(tmp_path / "network.png") as image:
        assert image.height > image.width > 150


def test_without_graphviz_the_built_in_layout_is_drawn(tmp_path, monkeypatch, resnet):
    monkeypatch.setenv("PATH", str(tmp_path))
    draw_network(resnet, tmp_path / "a.svg")
    draw_network(resnet, tmp_path / "b.svg", graphviz=False)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    with pytest.raises(UsageError, match="Graphviz is not installed"):
        draw_network(resnet, tmp_path / "c.svg", graphviz=True)


def test_lines_that_skip_the_same_steps_have_lanes_of_their_own(tmp_path):
    from quickdraw_kit.show.network import _lanes

    nodes = (
        Node("a", (1,), 0, ()),
        Node("b", (1,), 0, (0,)),
        Node("c", (1,), 0, (1, 0)),
        Node("d", (1,), 0, (2, 1, 0)),
        Node("e", (1,), 0, (3,)),
        Node("f", (1,), 0, (4, 3)),
    )
    lanes = _lanes(Graph("crossed", nodes))
    assert len({lanes[0, 2], lanes[1, 3], lanes[0, 3]}) == 3
    assert lanes[3, 5] == 0


def test_other_suffixes(tmp_path, resnet):
    draw_network(resnet, tmp_path / "network.dot")
    assert (tmp_path / "network.dot").read_text("utf-8") == network_dot(resnet)
    with pytest.raises(UsageError, match=r"ends in \.svg, \.png or \.dot"):
        draw_network(resnet, tmp_path / "network.pdf")
