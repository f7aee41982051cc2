"""What the page *Play* computes, against the nets and the losses of the package; its modules run in Node.js."""

import json

import numpy as np
import pytest
import torch

from kdbook.data.images import load_images
from kdbook.lab.weights import WEIGHTS
from kdbook.losses import entropy_bits, kd_loss, soft_targets
from kdbook.training import predict

from ..scripts import ROOT, load_script

pack = load_script("site/pack.py")
HERE = ROOT / "tests" / "site" / "play"
MODULES = sorted((ROOT / "site" / "play").glob("*.*js"))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """The file of nets and digits that the page loads."""
    path = tmp_path_factory.mktemp("play") / "data.js"
    pack.write_data(path)
    return path


def told(text):
    return json.loads(text.removeprefix("globalThis.kdbookPlay = ").removesuffix(";\n"))


@pytest.mark.slow
def test_the_modules_of_the_page_pass_their_own_tests(data, node):
    node("--test", *sorted(HERE.glob("*.test.mjs")), KDBOOK_PLAY_DATA=str(data))


def test_the_nets_of_the_page_answer_as_those_of_the_book_and_its_losses_are_those_of_the_package(data, node):
    digits = load_images(part="test").rows(slice(0, 200))
    rng = np.random.default_rng(0)
    pairs = [
        {"student": s.tolist(), "teacher": t.tolist(), "label": 3, "temperature": temperature, "alpha": 0.7}
        for temperature in (1.0, 4.0, 20.0)
        for s, t in [3 * rng.standard_normal((2, 10))]
    ]
    given = json.dumps({"digits": digits.x.flatten(1).tolist(), "pairs": pairs})
    found = json.loads(node(HERE / "told.mjs", data, given=given))
    for name, trial in pack.trials().items():
        logits = predict(pack.trained(trial), digits).logits
        for at, temperature in enumerate((1, 20)):
            p = soft_targets(logits, temperature)
            answers = [answer[at] for answer in found["nets"][name]]
            assert [answer["p"] for answer in answers] == pytest.approx(p.numpy(), abs=1e-4)
            assert [answer["entropy"] for answer in answers] == pytest.approx(entropy_bits(p).numpy(), abs=1e-3)
            assert [answer["top"] for answer in answers] == p.argmax(-1).tolist()
    for pair, loss in zip(pairs, found["losses"], strict=True):
        student = torch.tensor([pair["student"]], dtype=torch.float64, requires_grad=True)
        teacher = torch.tensor([pair["teacher"]], dtype=torch.float64)
        soft = {"temperature": pair["temperature"]}
        kd_loss(student, teacher, torch.tensor([3]), **soft, alpha=pair["alpha"]).backward()
        assert loss["gradient"] == pytest.approx(student.grad[0].numpy(), abs=1e-9)
        assert loss["loss"] == pytest.approx(float(kd_loss(student.detach(), teacher, **soft)), abs=1e-9)


def test_the_page_names_trials_that_travel_and_carries_at_most_three_megabytes_of_them(data):
    nets = told(data.read_text())["nets"]
    assert all((WEIGHTS / net["name"] / "manifest.json").exists() for net in nets.values())
    assert sum(len(net["weights"]) for net in nets.values()) * 3 / 4 <= 3e6
    assert data.stat().st_size <= 3.5e6


def test_the_digits_to_pick_have_threes_that_the_student_without_threes_misses_and_some_of_each_class(data):
    digits = told(data.read_text())["digits"]
    assert set(digits["y"]) == set(range(10)) and len(set(digits["index"])) == len(digits["index"])
    test = load_images(part="test")
    assert digits["y"] == test.y[digits["index"]].tolist()
    missed = pack.missed_threes(test, predict(pack.trained(pack.trials()["no3"]), test).logits)
    assert set(missed[:4].tolist()) <= set(digits["index"])


def test_the_pool_is_the_first_training_digits_halved_and_no_held_out_digit_is_in_it(data):
    found = told(data.read_text())
    pool = load_images(part="train").rows(slice(4_000))
    levels = np.frombuffer(pack.base64.b64decode(found["pool"]["x"]), np.uint8).reshape(4_000, 98)
    first = pool.x[0].float().view(14, 2, 14, 2).mean((1, 3)).flatten() / 255
    shown = np.stack([levels[0] >> 4, levels[0] & 15], 1).flatten() / 15
    assert shown == pytest.approx(first.numpy(), abs=0.51 / 15)
    assert found["pool"]["x"] != found["heldOut"]["x"]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_no_module_of_the_page_is_long_or_asks_another_server(path):
    text = path.read_text()
    assert len(text.splitlines()) <= 400
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
