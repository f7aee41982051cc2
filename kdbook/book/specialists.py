"""What do specialists add to a generalist? Hinton et al. 2015, sections 5 and 6.1.

Published, for 61 specialists on Google's own JFT (100 million images, 15,000 classes): top-1 accuracy 25.0 -> 26.1 %,
conditional on the specialists' classes 43.1 -> 45.9 %, and more gain the more specialists know a class. JFT was never
released: definitions of 535 kinds of things stand in for it. The controls that the paper lacks: the generalist trained
for as many more texts, and an ensemble of generalists at the same cost.
"""

import math
import textwrap

import numpy as np
import torch
from torch import Tensor, nn

from kdbook.book import specialist_clusters
from kdbook.book.shared.team import ensemble_log_p, generalist_log_p, members_of, opinions_of, training_texts
from kdbook.data.glosses import Texts, load_glosses, read_glosses
from kdbook.lab import Arm, Tools, Trial, t_interval
from kdbook.lab.steps import cached_teacher, network, percent_right, predict, train
from kdbook.show import HARD, SOFT, TEACHER, YOURS, Look, by_arm, figure, level, line, looks, published
from kdbook.training.objectives import HardLabels, RegularisedSpecialist, Seen
from kdbook.training.opinions import HalfSpecial, Opinion, active_specialists, combine, combine_by_descent

VERSION = 1
DATA, SEEDS = specialist_clusters.DATA, specialist_clusters.SEEDS
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
ROUTES = {"class:1": {}, "class:2": {"top": 2}, "class:5": {"top": 5}}
ROUTES |= {f"entropy:{share}": {"unsure": share} for share in (0.1, 0.25, 0.5, 0.75)}
COVERAGE = ("0", "1", "2", "3", "4+")
# Table 3: accuracy with 61 specialists beside the generalist's, of all and of a specialist's own classes
PUBLISHED = {"relative_gain": 100 * (26.1 / 25.0 - 1), "conditional_gain": 100 * (45.9 / 43.1 - 1)}
# Table 4: more right answers, and how much in % of the generalist's, where four to ten specialists know the class
_MORE = np.array([835, 561, 362, 232, 182, 208, 324])
_SHARE = np.array([10.5, 11.1, 11.3, 12.8, 13.6, 16.6, 14.1])
PUBLISHED_GAIN = [0.0, 3.4, 7.4, 8.8, _MORE.sum() / (_MORE / _SHARE).sum()]  # in %, for the parts of `COVERAGE`


def arms(profile: str) -> dict[str, Arm]:
    """Every specialist with either softmax, which starts from the generalist's weights; both teams; two controls."""
    quick = profile == "quick"
    source, cut = (specialist_clusters.arms(profile)[arm].settings for arm in ("generalist", "covariance"))
    words, hidden, classes = source["sizes"]
    first = ("specialist_clusters/generalist", "specialist_clusters/covariance")
    # Chosen on validation texts: rate (0.002, 0.005, 0.01, 0.02) and epochs (3, 6, 12) by the accuracy of all
    # specialists together, corrected as in the paper. 8 epochs visit as many texts as two more generalists: hence
    # ensembles of three. The longer generalist had dropouts of 0.2, 0.4 and 0.6 at a rate of 0.01, and a rate of 0.003,
    # to choose from.
    settings = {**source, "optimizer": "adam", "lr": 0.02, "batch_size": 256, "epochs": 4 if quick else 8}
    others = ("specialist_clusters/generalist_1", "specialist_clusters/generalist_2")[: 1 if quick else 2]
    longer = {**source, "epochs": (1 + len(others)) * source["epochs"]} | ({} if quick else {"lr": 0.003})
    singles, team = {}, {}
    for kind, outputs in (("specialist", cut["size"] + 1), ("regularised", classes)):
        settings |= {"sizes": [words, hidden, outputs]}
        for k in range(cut["clusters"]):
            singles[f"{kind}:{k}"] = Arm(kind, settings={**settings, "subset": k}, needs=first, named=kind)
        team[kind] = (*first, *(f"{kind}:{k}" for k in range(cut["clusters"])))
    return singles | {
        "specialists": Arm("specialists,\nas published", "soft", needs=team["specialist"]),
        "specialists_regularised": Arm("full softmax,\nsoft targets", "control", needs=team["regularised"]),
        "longer": Arm("generalist,\nlonger", "hard", longer, needs=first[:1]),
        "ensemble": Arm("ensemble of\ngeneralists", "teacher", needs=(first[0], *others)),
    }


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """Train a specialist, or ask several networks together."""
    (trial,) = trials
    if trial.arm in ("specialist", "regularised"):
        return [train_specialist(trial, tools)]
    test = load_glosses("test", tools.device)
    if trial.arm in ("specialists", "specialists_regularised"):
        return [{"rows": rows_of_team(trial, test, tools)}]
    if trial.arm == "longer":
        model, _ = train(trial, training_texts(trial, tools), HardLabels(), tools)
        log_p = predict(model, test).logits.log_softmax(-1)
        visits = trial.settings["epochs"] / trial.needs[0].settings["epochs"]
    else:
        log_p, visits = ensemble_log_p(trial, test, tools), len(trial.needs)
    row = score(log_p.exp(), test.y, generalist_log_p(trial, test, tools))
    return [{"rows": [row | {"visits": visits}]}]


def train_specialist(trial: Trial, tools: Tools) -> dict:
    """Half of its own texts, half of all others; how much of the data it sees, and what it costs."""
    source, cut = trial.needs
    mine = tools.tensors(cut)["members"][trial.settings["subset"]]
    whole, classes = training_texts(source, tools), mine.nonzero()[:, 0]
    split, objective = HalfSpecial.of(whole, classes), HardLabels()
    if trial.arm == "regularised":
        objective = RegularisedSpecialist(cached_teacher(source, whole, tools), classes)
    watched = Seen(objective)
    model, _ = train(trial, split, watched, tools, model=started(trial, tools.tensors(source), mine))
    share = len(watched.index) / len(whole)
    tools.keep(trial, tensors={**model.state_dict(), "seen": torch.tensor(share)})
    visits = trial.settings["epochs"] * split.visits / (source.settings["epochs"] * len(whole))
    return {"seen": share, "visits": visits}


def started(trial: Trial, weights: dict, mine: Tensor) -> nn.Module:
    """A specialist before training: the generalist's weights; its dustbin starts as the mean of the merged classes."""
    model = network(trial.settings)
    if trial.arm == "specialist":
        last = {name: weights[name] for name in ("out.weight", "out.bias")}
        weights = weights | {n: torch.cat([w[mine], w[~mine].mean(0, keepdim=True)]) for n, w in last.items()}
        weights["out.bias"][-1] += math.log(int((~mine).sum()))
    model.load_state_dict(weights)
    return model


def rows_of_team(trial: Trial, test: Texts, tools: Tools) -> list[dict]:
    """A team by coverage, under every correction if it has a dustbin; as published it is asked by every routing."""
    members, log_p = members_of(trial, tools), generalist_log_p(trial, test, tools)
    active = {route: active_specialists(log_p, members, **how) for route, how in ROUTES.items()}
    calls = {route: float(asked.sum(1).float().mean()) for route, asked in active.items()}
    rows, corrections = [], ("sampling", "none", "routed") if trial.arm == "specialists" else (None,)
    for correction in corrections:
        opinions = opinions_of(trial, test, tools, correction)
        q = combine(log_p, opinions, active["class:1"])
        parts = [score(q, test.y, log_p), *by_coverage(q, test.y, log_p, members)]
        if correction:
            parts[0] |= dustbin(opinions, test.y, members)
        if correction == corrections[0]:
            parts[0] |= own_classes(log_p, opinions, test.y, members) | costs(trial, tools)
        if correction == "sampling":
            parts[0] |= {"descent_gap": descent_gap(log_p, opinions, active["class:1"]), "calls": calls["class:1"]}
            tools.keep(trial, pictures=examples(log_p, q, opinions, members, test))
            for route in [*ROUTES][1:]:
                row = score(combine(log_p, opinions, active[route]), test.y, log_p)
                parts.append(row | {"routing": route, "calls": calls[route]})
        rows += [{"routing": "class:1", "correction": correction} | row for row in parts]
    return rows


def by_coverage(q: Tensor, y: Tensor, log_p: Tensor, members: Tensor) -> list[dict]:
    """The score by the number of specialists that know the right class, 4+ together."""
    covered = members.sum(0)[y].clamp_max(4)
    parts = {COVERAGE[count]: covered == count for count in covered.unique().tolist()}
    return [score(q[at], y[at], log_p[at]) | {"coverage": part} for part, at in parts.items()]


def score(p: Tensor, y: Tensor, log_p: Tensor) -> dict:
    """Accuracy of probabilities p (N, C), and their gain over the generalist's answers `log_p`."""
    theirs = int((log_p.argmax(-1) == y).sum())
    gain = int((p.argmax(-1) == y).sum()) - theirs
    return {
        "coverage": "all",
        "texts": len(y),
        "accuracy": percent_right(p, y),
        "gain": gain,
        "relative_gain": 100 * gain / max(1, theirs),
        "generalist_accuracy": percent_right(log_p, y),
        "nll": float(-p[torch.arange(len(y)), y].clamp_min(1e-12).log().mean()),
    }


def own_classes(log_p: Tensor, opinions: list[Opinion], y: Tensor, members: Tensor) -> dict:
    """Accuracy in % among a specialist's own classes, over all pairs of a specialist and one of its own texts.

    Of the specialists, each by itself, and of the generalist, by `log_p` (N, C).
    """
    right, pairs = {"conditional": 0, "generalist_conditional": 0}, int(members[:, y].sum())
    for mine, (known, said) in zip(members, opinions, strict=True):
        at = mine[y]
        for who, answers in zip(right, (said[at][:, :-1][:, mine[known]], log_p[at][:, mine]), strict=True):
            right[who] += int((mine.nonzero()[answers.argmax(-1), 0] == y[at]).sum())
    return {who: 100 * count / max(1, pairs) for who, count in right.items()}


def dustbin(opinions: list[Opinion], y: Tensor, members: Tensor) -> dict:
    """Whether the dustbin's probability is how often texts belong there."""
    said = torch.stack([o.log_p[:, -1].exp().mean() for o in opinions])
    found = 1 - members[:, y].float().mean(1)
    gap = (said - found).abs().mean()
    return {"dustbin_said": float(said.mean()), "dustbin_is": float(found.mean()), "dustbin_gap": float(gap)}


def costs(team: Trial, tools: Tools) -> dict:
    """What specialists saw, mean of all; and what generalist and team cost, in units of the generalist's own."""
    source, cut, *parts = team.needs
    fit, members = training_texts(source, tools), tools.tensors(cut)["members"]
    special = sum(HalfSpecial.of(fit, mine.nonzero()[:, 0]).visits for mine in members)
    visits = parts[0].settings["epochs"] * special / (source.settings["epochs"] * len(fit))
    words = float((fit.x > 0).sum(1).float().mean())
    one, whole = (words + trial.settings["sizes"][-1] for trial in (parts[0], source))  # a hidden unit's multiply-adds
    seen = np.mean([float(tools.tensors(part)["seen"]) for part in parts])
    return {"seen": float(seen), "visits": 1 + visits, "multiply_adds": 1 + visits * one / whole}


def descent_gap(log_p: Tensor, opinions: list[Opinion], active: Tensor, texts: int = 50) -> float:
    """Largest difference between the two ways to solve eq. 5, on the first texts with several specialists."""
    rows = (active.sum(1) > 1).nonzero()[:texts, 0]
    some = [Opinion(opinion.classes, opinion.log_p[rows]) for opinion in opinions]
    inputs = log_p[rows], some, active[rows]
    return float((combine(*inputs, steps=200) - combine_by_descent(*inputs)).abs().max()) if len(rows) else 0.0


def examples(log_p: Tensor, q: Tensor, opinions: list[Opinion], members: Tensor, test: Texts) -> dict:
    """Test definitions that one specialist set right (eight) or got wrong (four), for the chapter's pictures.

    Each with the four likeliest classes and their probabilities: generalist, specialist (-1 = dustbin), both.
    """
    y, active, p = test.y, active_specialists(log_p, members), log_p.exp()
    own = torch.arange(len(y))
    change = (q[own, y] - p[own, y]) * (active.sum(1) == 1)
    ours, theirs = q.argmax(-1) == y, p.argmax(-1) == y
    better, worse = torch.where(ours & ~theirs, change, 0), torch.where(theirs & ~ours, -change, 0)
    rows = torch.cat([better.topk(8).indices, worse.topk(4).indices])
    asked = active[rows].int().argmax(1)
    said = torch.zeros(len(rows), members.shape[1] + 1)  # the dustbin last
    for answer, row, number in zip(said, rows, asked, strict=True):
        known = opinions[number].log_p[row].exp()
        answer[opinions[number].classes], answer[-1] = known[:-1], known[-1]
    found = {"example_index": test.index[rows], "example_specialist": asked}
    for name, answer in (("generalist", p[rows]), ("specialist", said), ("both", q[rows])):
        top = answer.topk(4)
        found[f"example_{name}_p"] = top.values
        found[f"example_{name}_class"] = top.indices.where(top.indices < members.shape[1], torch.tensor(-1))
    return {name: values.cpu().numpy() for name, values in found.items()}


def by_correction(table):
    """The table with specialists under another correction of the dustbin as arms: `uncorrected` and `routed`."""
    other = table.correction.map({"none": "uncorrected", "routed": "routed"})
    gained = 100 * (table.conditional / table.generalist_conditional - 1)
    return table.assign(arm=other.fillna(table.arm), conditional_gain=gained)


def whole(table):
    """Its rows about all test texts, with specialists chosen by the likeliest class where there are any."""
    table = by_correction(table)
    return table[(table.coverage == "all") & ~table.routing.isin([*ROUTES][1:])]


def shown(*names: str, **labels: str) -> dict[str, Look]:
    """How teams are shown; beside the arms there are the specialists under another correction."""
    corrections = {
        "uncorrected": Arm("dustbin not\ncorrected", "shifted"),
        "routed": Arm("corrected\nfor its texts", "control"),
    }
    return looks(arms("full") | corrections, names, **labels)


@figure("specialists_gain", chapter="06", size=(12, 4.4), grid=(1, 2), width_ratios=[1.8, 1])
def gain(left, right, both):
    """Hinton et al. 2015, Table 3, relative to the generalist; the two controls are ours.

    Left, the gain in right answers over the generalist alone: specialists gain about what the paper published, more
    when the dustbin is left uncorrected; longer training gains nothing, an ensemble of the same cost far more. Right,
    the gain among a specialist's own classes.
    """
    teams = shown("specialists", "uncorrected", "specialists_regularised", "longer", "ensemble")
    own = shown("specialists", "specialists_regularised")
    for axes, column, among in ((left, "relative_gain", teams), (right, "conditional_gain", own)):
        by_arm(axes, both.map(whole), column, among)
        published(axes, 0, PUBLISHED[column], "published" if axes is left else None)
        level(axes, 0)
    left.set(title="All test definitions", ylabel="right answers, % more than the generalist's")
    right.set(title="Among a specialist's own classes", ylabel="accuracy, % more than the generalist's")


@figure("specialists_coverage", chapter="06", size=(13, 4), grid=(1, 3), sharey=True)
def coverage(panels, both):
    """Hinton et al. 2015, Table 4: the more specialists know a class, the more it gains.

    Gain in right answers over the number of specialists that know the right class, in three panels: published beside
    ours as published, with the dustbin left uncorrected, and with the full softmax. The published gain rises steadily;
    ours with the corrected dustbin falls, without the correction it rises at first.
    """
    both = both.map(by_correction)
    teams = shown("specialists", "uncorrected", "specialists_regularised")
    for axes, (arm, look) in zip(panels, teams.items(), strict=True):
        parts = both.rows(arm=arm).map(lambda table: table.assign(arm=table.coverage))
        by_arm(axes, parts, "relative_gain", {part: Look(part, look.colour) for part in COVERAGE}, own="yours (quick)")
        published(axes, range(len(COVERAGE)), PUBLISHED_GAIN, "published")
        level(axes, 0)
        axes.set(title=look.label.replace("\n", " "), xlabel="specialists that know the right class")
    panels[0].set_ylabel("right answers, % more than the generalist's")


@figure("specialists_routing", chapter="06", size=(7.5, 4.4))
def routing(axes, both):
    """By the generalist's likeliest classes (the paper), or only where it is unsure (the summary)?

    Accuracy over the number of specialists asked for a text. Asking for every text, by one, two or five likeliest
    classes, lies on one rising curve with asking only for the least sure share of the texts: uncertainty saves calls,
    but gains nothing at equal calls.
    """
    asked = both.rows(arm="specialists", coverage="all", correction="sampling")
    kinds = {"class": Look("by likeliest classes", SOFT), "entropy": Look("if unsure", HARD)}
    for table, own in zip(asked, (False, True), strict=True):
        for kind, look in kinds.items() if table is not None else ():
            groups = {route: rows for route, rows in table.groupby("routing") if route.startswith(kind)}
            samples = {rows.calls.mean(): rows.accuracy for rows in groups.values()}
            samples = {0: [table.generalist_accuracy.mean()]} | samples
            if own:
                line(axes, samples, YOURS, "D--", f"{look.label}, yours", interval=False)
                continue
            line(axes, samples, look.colour, "o-", look.label, interval=False)
            for route, rows in groups.items():
                at, (mean, low, high) = rows.calls.mean(), t_interval(rows.accuracy)
                axes.plot([at, at], [low, high], color=look.colour, lw=1)
                text = f"n = {route[6:]}" if kind == "class" else f"{float(route[8:]):.0%}"
                axes.annotate(text, (at, mean), (4, -11), textcoords="offset points", fontsize=9)
    axes.set(title="Who decides whether specialists are asked?", xlabel="specialists asked a text", ylabel="top-1, %")


@figure("specialists_dustbin", chapter="06", size=(11.5, 4.2), grid=(1, 2), legend="all")
def dustbins(left, right, both):
    """Hinton et al. 2015, section 5.2: half of a specialist's training texts are special; the rest is one dustbin.

    Left, the mean probability that specialists give to the dustbin, beside how often texts belong there: far too low as
    trained, near it with the correction of the paper. Right, the share of all training texts that a specialist has
    seen: every one lies far above one part in K.
    """
    labels = {"uncorrected": "as trained", "routed": "for the texts\nthat it is asked", "specialists": "as published"}
    teams = both.map(whole)
    by_arm(left, teams, "dustbin_said", shown(*labels, **labels), scale=100)
    level(left, 100 * teams.reference.dustbin_is.mean(), "black", "belongs there", ":", 1.5)
    left.set(title="The dustbin's probability, by its correction", ylabel="% of test texts")
    for table, look in zip(both, (Look("reference", SOFT), Look("yours (quick)", YOURS)), strict=True):
        if table is not None:
            seen = 100 * np.sort(table[table.arm == "specialist"].seen)
            right.plot(np.linspace(0, 100, len(seen)), seen, ".", color=look.colour, label=look.label)
    level(right, 100 / both.reference.subset.nunique(), "black", "1/K", ":", 1.5)
    right.set(title="Training texts that a specialist has seen", xlabel="specialists, sorted, %")
    right.set(ylabel="% of all texts")
    right.set_ylim(0, None)


@figure("specialist_says", chapter="06", size=(12.5, 7.6), grid=None)
def says(fig, both):
    """Real definitions, and the likeliest classes of generalist, specialist and both.

    Three test definitions. For each, bars with the four likeliest classes of the generalist, of the one specialist that
    it asks, and of both together. In the first two the specialist turns a wrong answer into the right one; in the third
    it spoils a right one.
    """
    for part, at in zip(fig.subfigures(3), (0, 1, 8), strict=True):
        draw_definition(part, both.reference, at)


def draw_definition(part, reference, at: int) -> None:
    """Three panels in a figure, or a part of one, about example number `at`: generalist, specialist and both."""
    found = read_glosses()

    def example(name: str):
        return reference.array("specialists", f"example_{name}")[at]

    definition, label = (told[int(example("index"))] for told in (found.definitions, found.labels))
    for axes, who in zip(part.subplots(1, 3), ("generalist", "specialist", "both"), strict=True):
        classes, p = example(f"{who}_class"), example(f"{who}_p")
        colours = [TEACHER if c == label else "#BBBBBB" if c < 0 else SOFT for c in classes]
        axes.barh(range(len(p)), p, color=colours)
        names = ["(dustbin)" if c < 0 else found.classes[c] for c in classes]
        axes.set_yticks(range(len(p)), [textwrap.shorten(n, 24, placeholder="…") for n in names], fontsize=9)
        axes.invert_yaxis()
        axes.set(xlim=(0, 1), title="both together" if who == "both" else f"{who} alone")
        axes.grid(axis="y", visible=False)
    text = "\n".join(textwrap.wrap(f"“{definition.text}”", 118))
    right = f"right: {found.classes[label]} (the word was: {', '.join(definition.lemmas)})"
    part.suptitle(f"{text}\n{right}", x=0.01, ha="left", fontsize=10)
