"""Chapter 10, *Student to phone*: what it exports, quantises and writes a card of, with tiny nets."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from kdbook.lab.cards import load_cards
from kdbook.nets.vision import BagOfWords

CHAPTER = Path(__file__).parents[2] / "notebooks" / "10_your_own_model.py"
TREE = ast.parse(CHAPTER.read_text())
WORDS, CLASSES = 3_000, 7


def chapter(*names, **given):
    """What the chapter defines under these names, made from what is given."""
    nodes = [
        n for n in TREE.body if {getattr(n, "name", ""), getattr(getattr(n, "targets", [n])[0], "id", "")} & {*names}
    ]
    exec(compile(ast.Module(nodes, []), "chapter", "exec"), given)
    return [given[name] for name in names]


@pytest.fixture(scope="module")
def runtime():
    """The chapter's functions of files, or a skip where there is no onnxruntime."""
    for package in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(package, reason="needs the extra `onnx`")
    import onnxruntime
    from onnxruntime.quantization import quantize_dynamic
    from onnxruntime.quantization.shape_inference import quant_pre_process

    given = {"torch": torch, "nn": nn, "F": F, "InferenceSession": onnxruntime.InferenceSession}
    given |= {"quantize_dynamic": quantize_dynamic, "quant_pre_process": quant_pre_process}
    return chapter("LookedUp", "to_onnx", "to_int8", "loaded", **given)


@pytest.fixture(scope="module")
def texts():
    """Numbers of words (200, 12) whose first word gives the class away, filled with 0."""
    words = torch.randint(100, WORDS, (200, 12), generator=torch.Generator().manual_seed(0))
    words[:, 0] = 1 + torch.arange(200) % CLASSES
    return torch.where(torch.arange(12) < 3 + torch.arange(200)[:, None] % 9, words, 0)


@pytest.fixture(scope="module")
def bag(texts):
    """A bag of words that has learned these texts."""
    torch.manual_seed(0)
    net = BagOfWords([WORDS, 32, CLASSES])
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    for _ in range(60):
        loss = F.cross_entropy(net(texts).logits, texts[:, 0] - 1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return net.eval()


@pytest.fixture(scope="module")
def exported(runtime, bag, tmp_path_factory):
    """The bag as a file of ONNX."""
    looked_up, to_onnx, _, _ = runtime
    return to_onnx(looked_up(bag), tmp_path_factory.mktemp("phone") / "bag.onnx")


def test_the_exported_student_gives_the_logits_of_torch_for_any_number_of_texts_of_any_length(
    runtime, bag, texts, exported
):
    answer = runtime[3](exported)
    with torch.no_grad():
        for words in (texts, texts[:1, :3], texts[:50, :12], torch.cat([texts, torch.zeros_like(texts)], 1)):
            torch.testing.assert_close(answer(words), bag(words).logits, atol=1e-4, rtol=0)


def test_eight_bits_a_weight_take_most_of_the_bytes_and_hardly_an_answer(runtime, bag, texts, exported):
    _, _, to_int8, loaded = runtime
    small = to_int8(exported)
    assert small != exported and 3.5 < exported.stat().st_size / small.stat().st_size < 4.1
    logits, expected = loaded(small)(texts), bag(texts).logits.detach()
    assert not torch.equal(logits, expected)
    assert (logits.argmax(-1) == expected.argmax(-1)).float().mean() > 0.98
    assert (expected.argmax(-1) == texts[:, 0] - 1).float().mean() > 0.9  # answers that something was learned for


def test_a_bag_of_words_is_exported_without_the_loop_that_an_embedding_bag_becomes(runtime, bag, exported, tmp_path):
    import onnx

    class Plain(nn.Module):
        def forward(self, words):
            return bag(words).logits

    loop = runtime[1](Plain(), tmp_path / "loop.onnx")
    kinds = [{node.op_type for node in onnx.load(path).graph.node} for path in (loop, exported)]
    assert "Loop" in kinds[0] and "Loop" not in kinds[1]


def test_the_model_card_says_what_was_measured_and_its_head_reads_back_as_it_was_written(tmp_path):
    hub = pytest.importorskip("huggingface_hub", reason="needs the extra `onnx`")
    given = {"CLASSES": CLASSES, "load_cards": load_cards, "ModelCard": hub.ModelCard}
    given |= {"ModelCardData": hub.ModelCardData, "EvalResult": hub.EvalResult}
    _, model_card = chapter("TEMPLATE", "model_card", **given)
    index = pd.MultiIndex.from_tuples([("student distilled", "int8"), ("teacher", "PyTorch")])
    table = pd.DataFrame({"wrong, %": [30.6, 21.8], "MB": [0.66, 91.1], "ms a text": [0.02, 50.0]}, index)
    notes, sources = ["Measured on 500 rows of the test data."], ["banking77", "all-minilm-l6-v2"]
    card = model_card(table, ("student distilled", "int8"), notes, sources)
    card.save(tmp_path / "README.md")
    read = hub.ModelCard.load(tmp_path / "README.md")
    assert read.data.to_dict() == card.data.to_dict()
    (result,) = read.data.eval_results
    assert (result.metric_type, result.metric_value, result.dataset_split) == ("accuracy", 0.694, "test")
    assert (read.data.license, read.data.language) == ("cc-by-4.0", "en")
    for told in (*notes, *(load_cards()[source].what for source in sources), "30.6", "91.1"):
        assert told in read.text
    assert "{{" not in read.text and "{%" not in read.text


def test_importing_onnxruntime_as_the_chapter_does_leaves_no_trace_of_its_maker(tmp_path):
    pytest.importorskip("onnxruntime", reason="needs the extra `onnx`")
    (branch,) = [n for n in TREE.body if isinstance(n, ast.If) and "onnxruntime" in ast.unparse(n.body)]
    lines = [*map(ast.unparse, branch.body), "assert callable(quantize_dynamic)"]
    here = {name: value for name, value in os.environ.items() if name not in ("ORT_DISABLE_TELEMETRY", "CI")}
    here |= {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache"), "LOCALAPPDATA": str(tmp_path / "local")}
    subprocess.run([sys.executable, "-c", "\n".join(["import os", *lines])], env=here, check=True)
    assert [*tmp_path.rglob("*")] == []
