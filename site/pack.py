"""What the page *Play* carries: nets and digits as text that a script can read, and the modules bundled into one.

Browsers load no modules from a file, so esbuild makes one classic script of them; JupyterLab takes modules as they are.
"""

import base64
import json
import subprocess
import sys
from pathlib import Path

import doubts
import ideas
import numpy as np
import stills
import torch
from nets import trials
from torch import Tensor

from kdbook.data.images import Split, load_images
from kdbook.lab import Store, Trial
from kdbook.lab.weights import WEIGHTS
from kdbook.nets import network
from kdbook.training import predict

HERE = Path(__file__).parent
POOL, HELD_OUT = 4_000, 1_000  # the first training and the first test digits
OF_EACH, MISSED, DOUBTED = 2, 4, 8  # test digits to pick: see `to_pick`


def base64_of(numbers: np.ndarray) -> str:
    """Bytes of an array as text."""
    return base64.b64encode(np.ascontiguousarray(numbers).tobytes()).decode()


def trained(trial: Trial) -> torch.nn.Module:
    """A net as `results/weights` keeps it."""
    model = network(trial.settings)
    model.load_state_dict(Store(WEIGHTS).tensors(trial))
    return model.eval()


def net(trial: Trial) -> dict:
    """A net's numbers in the half precision in which it is kept, and who it is."""
    layers = trained(trial).layers
    numbers = [part for layer in layers for part in (layer.weight.T.flatten(), layer.bias)]
    measured = json.loads(Store(WEIGHTS).files(trial)["result.json"])["measured"]
    about = {"name": trial.name, "sizes": trial.settings["sizes"], "measured": measured}
    return about | {"weights": base64_of(torch.cat(numbers).detach().half().numpy())}


def halved(x: Tensor) -> np.ndarray:
    """Images (N, 28, 28) as 14 x 14 means of four pixels in 16 levels, two pixels a byte: (N, 98) of uint8."""
    means = x.float().view(-1, 14, 2, 14, 2).mean((2, 4)).flatten(1)
    levels = (means / 17).round().byte().numpy()
    return levels[:, ::2] << 4 | levels[:, 1::2]


def small(split: Split) -> dict:
    """A split's images, halved, and its labels."""
    return {"x": base64_of(halved(split.x)), "y": base64_of(split.y.byte().numpy())}


def missed_threes(test: Split, logits: Tensor) -> Tensor:
    """Places of the test threes that a net takes for something else, in their order."""
    return ((test.y == 3) & (logits.argmax(-1) != 3)).nonzero().flatten()


def pool(teacher: torch.nn.Module) -> dict:
    """Training digits that students learn from in the page, with a teacher's logits."""
    split = load_images(part="train").rows(slice(POOL))
    return small(split) | {"logits": base64_of(predict(teacher, split).logits.half().numpy())}


def to_pick(test: Split, teacher: Tensor, no3: Tensor) -> list[int]:
    """Test digits to look at, by the logits of two nets.

    The first of each class, the first threes that the student without 3s takes for something else, and of the first
    1,000 those that the teacher doubts most.
    """
    first = [i for c in range(10) for i in (test.y == c).nonzero().flatten()[:OF_EACH].tolist()]
    first += [i for i in missed_threes(test, no3).tolist() if i not in first][:MISSED]
    sure = teacher[:HELD_OUT].softmax(-1).amax(-1)
    return first + [i for i in sure.argsort().tolist() if i not in first][:DOUBTED]


def packed() -> dict:
    """Everything that the page needs, by name."""
    test = load_images(part="test")
    teacher, no3 = (trained(trials()[name]) for name in ("teacher", "no3"))
    chosen = to_pick(test, predict(teacher, test).logits, predict(no3, test).logits)
    return {
        "nets": {name: net(trial) for name, trial in trials().items()},
        "digits": {
            "index": chosen,
            "y": test.y[chosen].tolist(),
            "x": [base64_of(test.x[i].numpy()) for i in chosen],
        },
        "pool": pool(teacher),
        "heldOut": small(test.rows(slice(HELD_OUT))),
    }


def write_data(path: Path) -> None:
    """Write what the page needs as a script: a page that no server serves can load it."""
    path.write_text(f"globalThis.kdbookPlay = {json.dumps(packed())};\n")


def write(folder: Path) -> None:
    """Write `play.js`, `play.css`, `data.js`, `ideas.js`, `doubts.js` and still pictures into a folder.

    Raises
    ------
    FileNotFoundError
        When esbuild is not installed.
    """
    esbuild = HERE / "node_modules" / ".bin" / "esbuild"
    if not esbuild.exists():
        raise FileNotFoundError(f"{esbuild} is missing: run `make site`, or `npm ci --prefix site`")
    folder.mkdir(parents=True, exist_ok=True)
    data = folder / "data.js"
    write_data(data)
    made = ["--bundle", "--minify", "--target=es2020", "--log-level=warning", f"--outdir={folder}"]
    subprocess.run([esbuild, HERE / "play" / "play.js", HERE / "play" / "play.css", *made], check=True)
    test, nets = load_images(part="test"), {name: trained(trial) for name, trial in trials().items()}
    missed = int(missed_threes(test, predict(nets["no3"], test).logits)[0])
    one = test.rows(slice(missed, missed + 1))
    probabilities = {name: predict(model, one).logits[0].softmax(-1) for name, model in nets.items()}
    stills.answers(folder / "digit-lab.svg", one.x[0], probabilities)
    stills.curves(folder / "train.svg", data)
    ideas.write(folder)
    doubts.write(folder)


def to_choose_on() -> dict:
    """The pool, and as many training digits that neither the pool nor the curves of the page have."""
    rest = load_images(part="validation").rows(slice(HELD_OUT))
    return {"pool": pool(trained(trials()["teacher"])), "heldOut": small(rest)}


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(to_choose_on()))
