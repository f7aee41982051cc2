"""What do specialists add to a generalist? Hinton et al. 2015, sections 5 and 6.1.

Published, for 61 specialists on Google's own JFT (100 million images, 15,000 classes): top-1 accuracy 25.0 -> 26.1 %,
conditional on the specialists' classes 43.1 -> 45.9 %, and more gain the more specialists know a class. JFT was never
released: definitions of 535 kinds of things stand in for it. The controls that the paper lacks: the generalist trained
for as many more texts, and an ensemble of generalists at the same cost.
"""

import math

import numpy as np
import torch
from torch import Tensor

from kdbook.book.specialist_clusters import SEEDS, SETTINGS, generalist, percent, subsets, training_texts
from kdbook.data.glosses import Texts, load_glosses
from kdbook.lab.steps import cached_teacher, network, predict, stored_network, train
from kdbook.lab.trial import Tools, Trial, check_profile, seeds_of
from kdbook.training import EnsembleTeacher, HardLabels, LiveTeacher
from kdbook.training.opinions import (
    HalfSpecial,
    Opinion,
    RegularisedSpecialist,
    active_specialists,
    combine,
    combine_by_descent,
    corrected,
)

VERSION = 1
COLUMNS = {
    "arm": "who answers; `specialist` and `regularised` are single ones, whose team the others are",
    "seed": "seed of the generalist, its clusters and specialists",
    "subset": "number of a single specialist's subset",
    "routing": "how specialists are chosen: class:n = by the generalist's n likeliest classes; entropy:s = by the "
    "likeliest, for the share s of texts on which the generalist is least sure",
    "correction": "of the dustbin: sampling (the paper's), none, or routed (for the texts that a specialist gets)",
    "coverage": "test texts counted: all, or by the number of specialists that know their class",
    "texts": "how many those are",
    "accuracy": "top-1 accuracy, %",
    "gain": "texts answered rightly, minus the same for the generalist",
    "relative_gain": "gain in % of the texts that the generalist answers rightly",
    "conditional": "top-1 accuracy of a specialist's own texts among its own classes, %, over all specialists",
    "generalist_accuracy": "top-1 accuracy of the generalist on these texts, %",
    "generalist_conditional": "`conditional` of the generalist",
    "calls": "specialists asked, mean of the texts",
    "nll": "mean negative log-likelihood of the right class, nats",
    "dustbin_said": "mean probability of the dustbin, mean of the specialists",
    "dustbin_is": "share of test texts that belong there",
    "dustbin_gap": "mean absolute difference of the two",
    "seen": "share of all training texts that a specialist saw at least once",
    "visits": "texts visited in training, in units of one generalist's",
    "multiply_adds": "multiply-adds of the same, in units of one generalist's",
    "descent_gap": "largest difference of a probability between gradient descent (eq. 5) and `combine`, 50 texts",
}

# Chosen on validation texts: rate (0.002, 0.005, 0.01, 0.02) and epochs (3, 6, 12) by the accuracy of all specialists
# together, corrected as in the paper. 8 epochs visit as many texts as two more generalists: hence ensembles of three.
# The longer generalist had dropouts of 0.2, 0.4 and 0.6 at a rate of 0.01, and a rate of 0.003, to choose from.
SPECIALIST = {"optimizer": "adam", "lr": 0.02, "batch_size": 256, "epochs": 8}
QUICK = {**SPECIALIST, "epochs": 4}
LONGER = {"lr": 0.003}
ENSEMBLE = {"full": 3, "quick": 2}
VARIANTS = ("specialist", "regularised")
TEAMS = {"specialist": "specialists", "regularised": "specialists_regularised"}
ROUTES = ("class:1", "class:2", "class:5", "entropy:0.1", "entropy:0.25", "entropy:0.5", "entropy:0.75")
PUBLISHED = {"accuracy": (25.0, 26.1), "conditional": (43.1, 45.9)}  # Table 3: generalist, with 61 specialists
# Table 4: specialists that know the class -> more right answers, and how much in % of the generalist's
PUBLISHED_CHANGE = {
    0: (0, 0.0), 1: (1421, 3.4), 2: (1572, 7.4), 3: (1124, 8.8), 4: (835, 10.5), 5: (561, 11.1), 6: (362, 11.3),
    7: (232, 12.8), 8: (182, 13.6), 9: (208, 16.6), 10: (324, 14.1),
}  # fmt: skip
_MANY = [change for known, change in PUBLISHED_CHANGE.items() if known >= 4]
PUBLISHED_GAIN = {known: share for known, (_, share) in PUBLISHED_CHANGE.items() if known < 4}
PUBLISHED_GAIN["4+"] = sum(more for more, _ in _MANY) / sum(more / share for more, share in _MANY)


def specialist(profile: str, seed: int, subset: int, arm: str = "specialist") -> Trial:
    """One specialist; it starts from the generalist's weights."""
    base, cut = SETTINGS[profile]["generalist"], SETTINGS[profile]["subsets"]
    words, hidden, classes = base["sizes"]
    sizes = [words, hidden, cut["size"] + 1 if arm == "specialist" else classes]
    settings = {**base, **(SPECIALIST if profile == "full" else QUICK), "sizes": sizes, "subset": subset}
    return _trial(arm, seed, settings, (generalist(profile, seed), subsets(profile, seed)))


def together(profile: str, seed: int, arm: str = "specialist") -> Trial:
    """All specialists of a seed and their generalist, asked as one."""
    count = SETTINGS[profile]["subsets"]["clusters"]
    team = tuple(specialist(profile, seed, subset, arm) for subset in range(count))
    return _trial(TEAMS[arm], seed, {}, (generalist(profile, seed), subsets(profile, seed), *team))


def ensemble(profile: str, seed: int) -> Trial:
    """Generalists whose cost is that of a generalist and its specialists; the seeds of one ensemble are its own."""
    others = tuple(generalist(profile, 1000 + 10 * seed + k) for k in range(1, ENSEMBLE[profile]))
    return _trial("ensemble", seed, {}, (generalist(profile, seed), *others))


def longer(profile: str, seed: int) -> Trial:
    """The generalist with all the training that its specialists got besides."""
    base = SETTINGS[profile]["generalist"]
    rate = LONGER if profile == "full" else {}
    settings = {**base, **rate, "epochs": ENSEMBLE[profile] * base["epochs"]}
    return _trial("longer", seed, settings, (generalist(profile, seed),))


def _trial(arm: str, seed: int, settings: dict, needs: tuple) -> Trial:
    return Trial("specialists", arm, seed, settings, needs=needs, data="wordnet", version=VERSION)


def trials(profile: str = "quick", seeds: int | None = None) -> list[Trial]:
    """Every specialist of a seed with either softmax, then both teams and the two controls."""
    check_profile(profile)
    count = SETTINGS[profile]["subsets"]["clusters"]
    found = []
    for seed in seeds_of(seeds, SEEDS[profile]):
        found += [specialist(profile, seed, subset, arm) for arm in VARIANTS for subset in range(count)]
        found += [together(profile, seed, arm) for arm in VARIANTS]
        found += [longer(profile, seed), ensemble(profile, seed)]
    return found


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """Train a specialist, or ask several networks together."""
    (trial,) = trials
    if trial.arm in VARIANTS:
        return [train_specialist(trial, tools)]
    test = load_glosses("test", tools.device)
    if trial.arm == "specialists":
        return [{"rows": rows_of_team(trial, test, tools)}]
    if trial.arm == "specialists_regularised":
        return [{"rows": rows_of_regularised(trial, test, tools)}]
    if trial.arm == "longer":
        model, _ = train(trial, training_texts(trial, tools), HardLabels(), tools)
        log_p = predict(model, test).logits.log_softmax(-1)
        visits = trial.settings["epochs"] / trial.needs[0].settings["epochs"]
    else:
        log_p, visits = ensemble_log_p(trial, test, tools), len(trial.needs)
    row = score(log_p, test, generalist_log_p(trial, test, tools))
    return [{"rows": [row | {"visits": visits}]}]


class Seen:
    """An objective that notes which samples it was given."""

    def __init__(self, objective):
        self.objective, self.index = objective, set()

    def __call__(self, model, batch):
        self.index.update(batch.index.tolist())
        return self.objective(model, batch)


def train_specialist(trial: Trial, tools: Tools) -> dict:
    """Half of its own texts, half of all others; how much of the data it sees, and what its dustbin says."""
    source, cut = trial.needs
    classes = tools.tensors(cut)["members"][trial.settings["subset"]].nonzero()[:, 0]
    whole = training_texts(source, tools)
    split = HalfSpecial.of(whole, classes)
    objective = HardLabels()
    if trial.arm == "regularised":
        objective = RegularisedSpecialist(cached_teacher(source, whole, tools), classes)
    watched = Seen(objective)
    model, _ = train(trial, split, watched, tools, model=started(trial, tools.tensors(source), classes))
    seen = len(watched.index) / len(whole)
    tools.keep(trial, tensors={**model.state_dict(), "seen": torch.tensor(seen)})
    visits = trial.settings["epochs"] * split.visits / (source.settings["epochs"] * len(whole))
    return {"seen": seen, "visits": visits}


def trained(trial: Trial, tools: Tools) -> tuple[torch.nn.Module, float]:
    """A stored specialist, and the share of the training texts that it saw."""
    model, weights = network(trial.settings), tools.tensors(trial)
    seen = float(weights.pop("seen"))
    model.load_state_dict(weights)
    return model.to(tools.device).eval(), seen


def started(trial: Trial, weights: dict, classes: Tensor) -> torch.nn.Module:
    """A specialist before training: the generalist's weights; its dustbin starts as the mean of the merged classes."""
    model = network(trial.settings)
    if trial.arm == "specialist":
        weight, bias = weights["out.weight"], weights["out.bias"]
        rest = torch.ones(len(bias), dtype=torch.bool, device=bias.device)
        rest[classes] = False
        merged = weight[rest].mean(0, keepdim=True), bias[rest].mean() + math.log(int(rest.sum()))
        weights = weights | {
            "out.weight": torch.cat([weight[classes], merged[0]]),
            "out.bias": torch.cat([bias[classes], merged[1][None]]),
        }
    model.load_state_dict(weights)
    return model


def generalist_log_p(trial: Trial, split: Texts, tools: Tools) -> Tensor:
    """Log-probabilities of the generalist that a trial needs first."""
    source = trial.needs[0]
    key = ("log_p", source.id, len(split))
    return tools.remember(key, lambda: predict(stored_network(source, tools), split).logits.log_softmax(-1))


def ensemble_log_p(trial: Trial, split: Texts, tools: Tools) -> Tensor:
    """Log of the mean of the generalists' answers."""
    teacher = EnsembleTeacher([LiveTeacher(stored_network(need, tools)) for need in trial.needs])
    rows = torch.arange(len(split), device=split.x.device)
    return torch.cat([teacher.soft_targets(x, rows[at]).logits for x, at in split.batches(rows, None, 2000)])


def opinions_of(team: Trial, split: Texts, tools: Tools, correction: str = "sampling") -> list[Opinion]:
    """What each specialist of a team says, with its dustbin corrected.

    Parameters
    ----------
    team, split, tools : Trial, Texts, Tools
        Whose specialists; about which texts; where their weights are.
    correction : {"sampling", "none", "routed"}
        As in the paper, by how much more often special texts were seen than they occur; not at all; or for how often
        they occur among the texts that this specialist is asked about (by the generalist's own estimate, no labels).
    """
    members = tools.tensors(team.needs[1])["members"]
    log_p = generalist_log_p(team, split, tools)
    active, fit = active_specialists(log_p, members), training_texts(team.needs[0], tools)
    found = []
    for need, mine, asked in zip(team.needs[2:], members, active.t(), strict=True):
        classes = mine.nonzero()[:, 0]
        logits = predict(trained(need, tools)[0], split).logits
        if team.arm == "specialists_regularised":
            found.append(Opinion(torch.arange(len(mine)), with_empty_dustbin(logits)))
            continue
        raise_by = {"sampling": HalfSpecial.of(fit, classes).log_oversampling, "none": 0.0}.get(correction)
        if raise_by is None:
            share = log_p[asked][:, classes].exp().sum(1).mean().clamp(0.01, 0.99) if asked.any() else torch.tensor(0.5)
            raise_by = float(torch.log((1 - share) / share))
        found.append(Opinion(classes, corrected(logits, raise_by).log_softmax(-1)))
    return found


def with_empty_dustbin(logits: Tensor) -> Tensor:
    """Log-probabilities over all classes and a dustbin that no text falls into."""
    return torch.cat([logits.log_softmax(-1), torch.full_like(logits[:, :1], -1e4)], dim=1)


def team_log_p(team: Trial, split: Texts, tools: Tools) -> Tensor:
    """Log of the answer of generalist and specialists together, each asked by the generalist's likeliest class."""
    log_p = generalist_log_p(team, split, tools)
    active = active_specialists(log_p, tools.tensors(team.needs[1])["members"])
    return combine(log_p, opinions_of(team, split, tools), active).clamp_min(1e-12).log()


def routed(log_p: Tensor, members: Tensor, route: str) -> Tensor:
    """Which specialists are asked (N, M) under a routing of `ROUTES`."""
    kind, value = route.split(":")
    if kind == "class":
        return active_specialists(log_p, members, int(value))
    entropy = -(log_p.exp() * log_p).sum(-1)
    unsure = entropy >= entropy.quantile(1 - float(value))
    return active_specialists(log_p, members) & unsure[:, None]


def rows_of_team(trial: Trial, test: Texts, tools: Tools) -> list[dict]:
    """The team under every correction and routing, and its gain by coverage."""
    members, log_p = tools.tensors(trial.needs[1])["members"], generalist_log_p(trial, test, tools)
    rows, plain = [], active_specialists(log_p, members)
    for correction in ("sampling", "none", "routed"):
        opinions = opinions_of(trial, test, tools, correction)
        more = {"routing": "class:1", "correction": correction}
        q = combine(log_p, opinions, plain)
        rows.append(score(q, test, log_p) | more | dustbin(opinions, test, members))
        rows += [row | more for row in by_coverage(q, test, log_p, members)]
        if correction == "sampling":
            rows[0] |= own_classes(log_p, [o.log_p[:, :-1] for o in opinions], test.y, members)
            rows[0] |= {
                **costs(trial, tools),
                "calls": calls(plain),
                "descent_gap": descent_gap(log_p, opinions, plain),
            }
            tools.keep(trial, pictures=examples(log_p, q, opinions, members, test))
            for route in ROUTES[1:]:
                asked = routed(log_p, members, route)
                answer = score(combine(log_p, opinions, asked), test, log_p)
                rows.append(answer | more | {"routing": route, "calls": calls(asked)})
    return rows


def rows_of_regularised(trial: Trial, test: Texts, tools: Tools) -> list[dict]:
    """Specialists with the full softmax, section 6.1."""
    members, log_p = tools.tensors(trial.needs[1])["members"], generalist_log_p(trial, test, tools)
    opinions, active = opinions_of(trial, test, tools), active_specialists(log_p, members)
    own = [o.log_p[:, mine.nonzero()[:, 0]] for o, mine in zip(opinions, members, strict=True)]
    q = combine(log_p, opinions, active, steps=1)
    row = score(q, test, log_p) | own_classes(log_p, own, test.y, members) | costs(trial, tools)
    return [r | {"routing": "class:1"} for r in (row, *by_coverage(q, test, log_p, members))]


def by_coverage(q: Tensor, test: Texts, log_p: Tensor, members: Tensor) -> list[dict]:
    """The score by the number of specialists that know the right class, 4+ together."""
    covered = members.sum(0)[test.y].clamp_max(4)
    parts = [("0", "1", "2", "3", "4+")[count] for count in covered.unique().tolist()]
    found = [score(q, test, log_p, covered == count) for count in covered.unique()]
    return [row | {"coverage": part} for row, part in zip(found, parts, strict=True)]


def score(answers: Tensor, test: Texts, log_p: Tensor, at=slice(None)) -> dict:
    """Accuracy and gain over the generalist `log_p` of answers (N, C), probabilities or their logarithms."""
    y = test.y[at]
    ours, theirs = answers[at].argmax(-1) == y, log_p[at].argmax(-1) == y
    gain = int(ours.sum()) - int(theirs.sum())
    p = answers[at] if bool((answers >= 0).all()) else answers[at].exp()
    return {
        "coverage": "all", "texts": len(y), "accuracy": percent(answers[at], y),
        "gain": gain, "relative_gain": 100 * gain / max(1, int(theirs.sum())),
        "generalist_accuracy": percent(log_p[at], y),
        "nll": float(-p[torch.arange(len(y)), y].clamp_min(1e-12).log().mean()),
    }  # fmt: skip


def own_classes(log_p: Tensor, own: list[Tensor], y: Tensor, members: Tensor) -> dict:
    """Conditional accuracy of the specialists, each by itself, and of the generalist."""
    return {"conditional": conditional(own, y, members), "generalist_conditional": conditional(log_p, y, members)}


def conditional(answers: Tensor | list[Tensor], y: Tensor, members: Tensor) -> float:
    """Accuracy in % of each specialist's own texts among its own classes, over all pairs of text and specialist.

    `answers` is a generalist's (N, C), or a list with each specialist's own (N, K).
    """
    right = total = 0
    for number, mine in enumerate(members):
        classes, at = mine.nonzero()[:, 0], mine[y]
        own = answers[number][at] if isinstance(answers, list) else answers[at][:, classes]
        right, total = right + int((classes[own.argmax(-1)] == y[at]).sum()), total + int(at.sum())
    return 100 * right / max(1, total)


def calls(active: Tensor) -> float:
    """Specialists asked, mean of the texts."""
    return float(active.sum(1).float().mean())


def dustbin(opinions: list[Opinion], test: Texts, members: Tensor) -> dict:
    """Whether the dustbin's probability is how often texts belong there."""
    said = torch.stack([o.log_p[:, -1].exp().mean() for o in opinions])
    found = 1 - members[:, test.y].float().mean(1)
    gap = (said - found).abs().mean()
    return {"dustbin_said": float(said.mean()), "dustbin_is": float(found.mean()), "dustbin_gap": float(gap)}


def costs(team: Trial, tools: Tools) -> dict:
    """What a generalist and its team saw and cost; the cost in units of the generalist's own."""
    source, cut, *parts = team.needs
    fit, members = training_texts(source, tools), tools.tensors(cut)["members"]
    words = float((fit.x > 0).sum(1).float().mean())

    def multiply_adds(trial: Trial) -> float:
        _, hidden, classes = trial.settings["sizes"]
        return hidden * (words + classes)

    special = sum(HalfSpecial.of(fit, mine.nonzero()[:, 0]).visits for mine in members)
    visits = parts[0].settings["epochs"] * special / (source.settings["epochs"] * len(fit))
    per_visit = multiply_adds(parts[0]) / multiply_adds(source)
    seen = np.mean([trained(part, tools)[1] for part in parts])
    return {"seen": float(seen), "visits": 1 + visits, "multiply_adds": 1 + visits * per_visit}


def descent_gap(log_p: Tensor, opinions: list[Opinion], active: Tensor, texts: int = 50) -> float:
    """Largest difference between the two ways to solve eq. 5, on the first texts with several specialists."""
    rows = (active.sum(1) > 1).nonzero()[:texts, 0]
    asked = active[rows].any(0).nonzero()[:, 0]
    some = [Opinion(opinions[m].classes, opinions[m].log_p[rows]) for m in asked]
    inputs = log_p[rows], some, active[rows][:, asked]
    return float((combine(*inputs, steps=200) - combine_by_descent(*inputs)).abs().max()) if len(rows) else 0.0


def examples(log_p: Tensor, q: Tensor, opinions: list[Opinion], members: Tensor, test: Texts) -> dict:
    """Test definitions that one specialist set right (eight) or got wrong (four), for the chapter's pictures.

    Each with the four likeliest classes and their probabilities: generalist, specialist (-1 = dustbin), both.
    """
    y, active = test.y, active_specialists(log_p, members)
    p = log_p.exp()
    own = torch.arange(len(y))
    change = (q[own, y] - p[own, y]) * (active.sum(1) == 1)
    ours, theirs = q.argmax(-1) == y, p.argmax(-1) == y
    better, worse = torch.where(ours & ~theirs, change, 0), torch.where(theirs & ~ours, -change, 0)
    rows = torch.cat([better.topk(8).indices, worse.topk(4).indices])
    asked = active[rows].int().argmax(1)
    said = torch.zeros(len(rows), members.shape[1] + 1)  # the dustbin last
    for at, (row, number) in enumerate(zip(rows, asked, strict=True)):
        said[at, torch.cat([opinions[number].classes, torch.tensor([members.shape[1]])])] = (
            opinions[number].log_p[row].exp()
        )
    found = {"example_index": test.index[rows], "example_specialist": asked}
    for name, answer in (("generalist", p[rows]), ("specialist", said), ("both", q[rows])):
        top = answer.topk(4)
        found[f"example_{name}_p"] = top.values
        found[f"example_{name}_class"] = top.indices.where(top.indices < members.shape[1], torch.tensor(-1))
    return {name: values.cpu().numpy() for name, values in found.items()}
