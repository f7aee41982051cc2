"""What people get wrong when they run, store and show: each try ends in the right result or in a sentence.

A sentence names the argument, its value and what to do.
"""

import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from kdbook import __main__ as command_line
from kdbook.data.files import home
from kdbook.lab import Results, Store, arms, load, output_folder, pick_device, run, runs, t_interval
from kdbook.lab.cards import card, check_use
from kdbook.lab.notebooks import execute
from kdbook.lab.status import status
from kdbook.lab.trial import Trial
from kdbook.lab.weights import load_teacher
from kdbook.show import answer, page_picker, picture_slider, show_figure
from kdbook.show.compare import compare_figures
from kdbook.show.figures import save
from kdbook.show.ledger import show_ledger
from kdbook.show.style import looks
from kdbook.teach.feedback import Answer

CHAPTER = Path(__file__).parents[2] / "notebooks" / "00_overview.py"
TRIAL = Trial("tuning", "hard", 0, {"lr": 0.1})
RESULTS = Results({"arm": ["hard"], "seed": [0]}, {"hard.0.loss": np.arange(2.0)})
QUESTION = Answer("How many?", 3.5, "So it is.", {"Half of it.": 1.75})
IMAGES, LOGITS, LABELS = np.zeros((2, 4, 4), np.uint8), np.array([[1.0, 2.0], [3.0, 0.0]]), np.array([1, 0])
NAN = float("nan")


def each(call, values, *words):
    """One try a value: the sentence must have all `words`, and the value as Python or a person writes it."""
    return [(lambda value=value: call(value), (*words, value)) for value in values]


def running(**given):
    return lambda: run(**{"name": "tuning", "device": "cpu", "quiet": True, **given})


def run_with(key, *words):
    return lambda values: each(lambda value: running(**{key: value})(), values, *words)


def stored(measured=None, **kept):
    return lambda: Store(home() / "own").write(TRIAL, measured or {"n": 1}, {"seconds": 0}, **kept)


def named(key):
    return lambda value: Trial(**{"experiment": "tuning", "arm": "hard", "seed": 0, "settings": {}, key: value}).id


PATHS = ["", ".", "..", "../../x", "/etc/x", "a/b", "a\\b", "a\nb", "a\0b", ".hidden", "x" * 300, None, 3]
NO_WHOLE = [-1, 1.5, 2.0, "2", True, [1], NAN, math.inf]

SENTENCES = [
    *run_with("name", "question must be one of ablations", "got ")(["", "nonsense", "../x", "Tuning", "a.py", 3, None]),
    *run_with("profile", "profile must be one of quick, full, gpu")(["", "Quick", "fast", 1, None]),
    *run_with("profile", "profile of tuning must be one of full, quick", "gpu is one of", "got 'gpu'")(["gpu"]),
    *run_with("seeds", "seeds must be a whole number")(NO_WHOLE),
    *run_with("device", "device must be one that is here", "'cpu'], got ")(["", "gpu", "CPU", "cuda:99", "cpu:x", 0]),
    *run_with("engine", "engine must be one of local, ray")(["", "Local", "slurm", "dask", None, 1]),
    *run_with("use", "use must be one of research")(["", "Research", "teaching", None]),
    *run_with("rerun", "rerun must be True or False")(["false", "no", 1, 0, None]),
    *run_with("address", "address", "engine")(["10.0.0.1:6379", "auto", "ray://head:10001"]),
    *run_with("out", "cannot write into", "KDBOOK_OUT")(["/dev/null/x", __file__]),
    *each(load, ["", "nonsense", "../../x", "hinton-mnist", None, 7], "question must be one of ablations", "got "),
    *each(lambda folder: load("tuning", folder), ["/nowhere", "nowhere"], "no results at", "kdbook run tuning"),
    *each(load_teacher, ["hinton_mnist", "", 3, None], "name must be a question and an arm"),
    *each(lambda name: load_teacher(f"{name}/teacher"), ["nonsense", "hinton-mnist"], "question must be one of"),
    *each(lambda arm: load_teacher(f"tuning/{arm}"), ["nope", "../x"], "arm of tuning must be one of"),
    *each(lambda seed: load_teacher("hinton_mnist/teacher", seed), NO_WHOLE, "seed must be a whole number"),
    *each(lambda p: load_teacher("hinton_mnist/teacher", profile=p), ["", "GPU", None], "profile must be one of"),
    *each(lambda p: load("tuning", profile=p), ["", "GPU", None], "profile must be one of"),
    *each(lambda name: status([name]), ["", "nonsense", "../x", None], "question must be one of ablations", "got "),
    *each(named("arm"), PATHS, "arm must be a name"),
    *each(named("experiment"), PATHS, "experiment must be a name"),
    *each(named("seed"), [*NO_WHOLE, None], "seed must be a whole number"),
    *each(lambda v: named("settings")({"lr": v}), [{1, 2}, Path("x"), 1j], "settings", "numbers, texts or lists"),
    *each(lambda arm: arms.trial("tuning", "quick", arm, 0), ["", "nope", "../../x", None], "arm of tuning", "got"),
    *each(lambda seed: arms.trial("tuning", "quick", "teacher", seed), NO_WHOLE, "seed must be a whole number"),
    *each(lambda name: arms.trials(name), ["", "nonsense", "../x", None], "question must be one of ablations", "got "),
    *each(lambda profile: arms.trials("tuning", profile), ["", "FULL", None], "profile must be one of"),
    *each(Store, ["", 3, True, b"x", []], "root must be a folder", "KDBOOK_HOME"),
    *each(lambda root: Store(root).lock(TRIAL), ["/dev/null/x", "/proc/version"], "cannot write into", "KDBOOK_HOME"),
    (stored(pictures={"a": np.array([None, 1])}), ("picture 'a'", "objects")),
    (stored(pictures={"a": [{"x": 1}]}), ("picture 'a'", "objects")),
    (stored({"n": {1, 2}}), ("measurements", "{1, 2}")),
    (stored({"n": object}), ("measurements", "class 'object'")),
    (stored({"rows": [{"n": Path("x")}]}), ("measurements", "Path")),
    (lambda: Store(home() / "own").tensors(TRIAL), (TRIAL.name, "python -m kdbook run tuning")),
    (lambda: Store(home() / "own").files(TRIAL), (TRIAL.name, "python -m kdbook run tuning")),
    *each(t_interval, [[], [NAN, 1], [math.inf], "12", ["a"], [[1, 2], [3, 4]], 5, None, {"a": 1}], "values must be"),
    *each(lambda c: t_interval([1, 2], c), [0, 1, 95, -0.5, NAN], "confidence must be between 0 and 1"),
    *each(pick_device, ["", "gpu", "cuda:99", "tpu", None, 1], "device must be one that is here", "'cpu'], got "),
    *each(lambda key: RESULTS.array(key, "loss"), ["soft", "", "../x"], "no array", "hard.0.loss"),
    (lambda: RESULTS.array("hard", "loss", 7), ("no array hard.7.loss", "hard.0.loss")),
    (lambda: RESULTS.stack("hard", "gain"), ("no array hard.0.gain", "hard.0.loss")),
    (lambda: Results(RESULTS).stack("hard", "loss"), ("no array hard.0.loss", "there are none")),
    *each(card, ["", "nonsense", "MNIST"], "learned from must be one that has a card", "cards.yaml"),
    *each(lambda use: check_use(["mnist"], use), ["", "fun", None], "use must be one of"),
    *each(lambda profile: runs.describe_run(profile), ["", "GPU", None], "profile must be one of quick, full"),
    *each(lambda device: runs.describe_run("quick", device), ["", "gpu"], "device must be one", "'cpu'], got "),
    *each(lambda p: runs.prepare(p, "cpu", quiet=True), ["", "Full"], "profile must be one of"),
    *each(lambda name: show_figure(name, RESULTS), ["", "nonsense", "../x", None], "unknown figure", "there are"),
    *each(lambda alt: save(None, "f", alt=alt), ["", "  "], "figure f needs alt text"),
    *each(lambda start: picture_slider("T", [1, 2], None, alt=str, start=start), [-1, 2, 0.5, None], "start"),
    *each(lambda values: picture_slider("T", values, None, alt=str), [[], [1]], "values must be two or more"),
    (lambda: page_picker("x", {}), ("two or more pages", "got 0: []")),
    (lambda: page_picker("x", {"a": "b"}), ("two or more pages", "got 1: ['a']")),
    *each(lambda c: show_ledger(c), ["", "1", "99", 1], "chapter", "two digits"),
    *each(lambda r: compare_figures(".", ".", rtol=r), [-1, NAN, math.inf], "rtol must be finite"),
    *each(lambda z: answer(z, 1.0), [[], [1], [[1, 2]], 5, "12", ["a", "b"], None], "logits must be"),
    (lambda: answer([1, NAN], 1.0), ("logits must be finite", "nan at [1]")),
    (lambda: answer([math.inf, 0], 1.0), ("logits must be finite", "inf at [0]")),
    (lambda: answer([None, 1], 1.0), ("logits must be finite", "nan at [0]")),
    *each(lambda t: answer([1.0, 2.0], t), [0, -1.0, NAN, math.inf], "temperature must be positive and finite"),
    *each(lambda only: looks(arms.question("tuning").arms("quick"), [only]), ["nope", ""], "unknown arm", "there are"),
    *each(lambda o: execute(CHAPTER, Path(o)), [str(CHAPTER), "/tmp", "x.html", "x"], "output must be an .ipynb"),
    (lambda: execute(CHAPTER, Path("/dev/null/x.ipynb")), ("cannot write into", "/dev/null is no folder")),
    (lambda: execute(CHAPTER, Path("x.ipynb"), out=Path("/dev/null/out")), ("/dev/null/out", "cannot write into")),
]  # fmt: skip

RIGHT = [
    (lambda: QUESTION(3.5).passed, True),
    (lambda: QUESTION("3.5").passed, True),
    (lambda: QUESTION("3,5").passed, True),
    (lambda: QUESTION(np.float32(3.5)).passed, True),
    (lambda: QUESTION(torch.tensor(3.5)).passed, True),
    (lambda: QUESTION("1,75").message, "Half of it."),
    (lambda: QUESTION(True).message[:22], "A finite number is nee"),
    (lambda: QUESTION(NAN).message[:22], "A finite number is nee"),
    (lambda: QUESTION(math.inf).message[:22], "A finite number is nee"),
    (lambda: QUESTION("three").message, "A number is needed, this is a str: 'three'."),
    (lambda: QUESTION([3.5]).message, "A number is needed, this is a list: [3.5]."),
    (lambda: QUESTION(torch.ones(2)).passed, False),
    (lambda: QUESTION(...).passed, False),
    (lambda: Trial("t", "a", np.int64(3), {}).name, Trial("t", "a", 3, {}).name),
    (lambda: Trial("t", "a", 3, {"n": np.int64(5)}).id, Trial("t", "a", 3, {"n": 5}).id),
    (lambda: Trial("t", "a", 3, {"n": torch.tensor([1, 2])}).id, Trial("t", "a", 3, {"n": [1, 2]}).id),
    (lambda: t_interval(np.float32([2.0])), (2, 2, 2)),
    (lambda: t_interval(["1", "1"]), (1, 1, 1)),
    (lambda: Store("~/kd").root, Path.home() / "kd"),
    (lambda: len(arms.trials("tuning", "quick", np.int64(1))) > 0, True),
]

COMMANDS = [
    ((), "Usage"), (("nonsense",), "No such command 'nonsense'"), (("run",), "Missing argument"),
    (("run", "nonsense"), "'nonsense' is not one of"), (("run", "../../x"), "'../../x' is not one of"),
    (("run", "tuning", "--profile", "fast"), "'fast' is not one of 'quick', 'full', 'gpu'"),
    (("run", "tuning", "--seeds", "two"), "'two' is not a valid integer"),
    (("run", "tuning", "--seeds", "-3"), "seeds must be a whole number, 0 or more, got -3"),
    (("run", "tuning", "--device", "gpu"), "got 'gpu'"),
    (("run", "tuning", "--engine", "slurm"), "engine must be one of local, ray, got 'slurm'"),
    (("run", "tuning", "--address", "10.0.0.1:6379"), "engine must be 'ray', as address is '10.0.0.1:6379'"),
    (("run", "tuning", "--use", "fun"), "use must be one of research"),
    (("run", "tuning", "--rerun", "yes"), "unexpected extra argument (yes)"),
    (("run", "tuning", "--sedes", "2"), "No such option"),
    (("prepare", "--profile", "x"), "'x' is not one of"), (("prepare", "--device", "x"), "got 'x'"),
    (("execute", "nowhere.py", "--output", "x.ipynb"), "'nowhere.py' does not exist"),
    (("execute", str(CHAPTER)), "Missing option '--output'"),
    (("execute", str(CHAPTER), "--output", str(CHAPTER)), "output must be an .ipynb file"),
    (("execute", str(CHAPTER), "--output", "/tmp"), "output must be an .ipynb file"),
    (("execute", str(CHAPTER), "--output", "/dev/null/x.ipynb"), "cannot write into"),
    (("execute", str(CHAPTER.parent), "--output", "x.ipynb"), "is a directory"),
    (("claims", "--profile", "x"), "'x' is not one of"), (("figures", "x"), "unexpected extra argument"),
    (("doctor", "--fix"), "No such option"),
]  # fmt: skip


def as_written(value) -> tuple[str, ...]:
    return repr(value)[:60], str(value)[:60], str(value).strip()


@pytest.mark.parametrize(("call", "words"), SENTENCES, ids=range(len(SENTENCES)))
def test_a_bad_value_ends_in_a_sentence_that_names_it(call, words, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(runs, "local", lambda *_: pytest.fail("trained"))
    monkeypatch.setitem(runs.ENGINES, "local", runs.local)
    with pytest.raises(Exception) as raised:
        call()
    message, value = str(raised.value), words[-1]
    assert isinstance(raised.value, ValueError | KeyError | OSError | RuntimeError), raised.value
    for word in words[:-1]:
        assert word in message, message
    assert any(text in message for text in as_written(value)), (value, message)
    assert not isinstance(raised.value, json.JSONDecodeError)


@pytest.mark.parametrize(("call", "expected"), RIGHT, ids=range(len(RIGHT)))
def test_what_is_unambiguous_is_taken_as_it_is_meant(call, expected):
    assert call() == expected


@pytest.mark.parametrize(("arguments", "message"), COMMANDS, ids=lambda value: " ".join(value)[:40])
def test_a_wrong_command_is_one_sentence_and_exits_with_an_error(arguments, message, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["kdbook", *arguments])
    with pytest.raises(SystemExit) as stopped:
        command_line.main()
    told = capsys.readouterr()
    assert stopped.value.code and message in told.err + told.out and "Traceback" not in told.err


@pytest.mark.parametrize(("variable", "ask"), [("KDBOOK_HOME", home), ("KDBOOK_OUT", output_folder)])
@pytest.mark.parametrize("told", ["kd", "./kd", "../kd", "~", "~/kd"])
def test_a_folder_of_the_environment_is_absolute_or_the_users(variable, ask, told, monkeypatch):
    monkeypatch.setenv(variable, told)
    if told.startswith("~"):
        assert ask() == Path(told).expanduser()
    else:
        with pytest.raises(ValueError, match=rf"{variable} must be an absolute path, got '{told}': set it to"):
            ask()
