"""What an embedding is good for besides its own classes: neighbours, new classes, distances between classes."""

import numpy as np
import torch
import torch.nn.functional as F
from scipy.stats import spearmanr
from sklearn.decomposition import PCA
from torch import Tensor, nn

from kdbook.data.images import Split, load_images
from kdbook.losses.feature import attention_map
from kdbook.training import predict

EPISODES, WAYS, SHOTS = 200, 5, 5


def embed(model: nn.Module, split: Split) -> Tensor:
    """Last hidden layer (N, D) of a network for a whole split."""
    return predict(model, split, layers=(-1,)).features[-1]


def recall_at_1(embedding: Tensor, y: Tensor) -> float:
    """Share of rows whose nearest other row by cosine has their label.  embedding (N, D), y (N,)"""
    unit, right = F.normalize(embedding, dim=1), 0
    for rows in torch.arange(len(y), device=y.device).split(1_000):
        closeness = unit[rows] @ unit.T  # (1000, N)
        closeness[torch.arange(len(rows)), rows] = -torch.inf
        right += int((y[closeness.argmax(1)] == y[rows]).sum())
    return right / len(y)


def few_shot_accuracy(embedding: Tensor, y: Tensor) -> float:
    """Share of right answers by the nearest class mean, 5 classes of 5 examples an episode (Snell et al. 2017).

    The same 200 episodes for every embedding, each with 15 other examples a class to be classified.
    """
    generator, unit, right = np.random.default_rng(2017), F.normalize(embedding, dim=1), 0.0
    members = [np.flatnonzero(y.cpu().numpy() == c) for c in y.unique().tolist()]
    for _ in range(EPISODES):
        chosen = generator.choice(len(members), WAYS, replace=False)
        drawn = torch.from_numpy(np.stack([generator.choice(members[c], SHOTS + 15, replace=False) for c in chosen]))
        means = unit[drawn[:, :SHOTS]].mean(1)  # (WAYS, D)
        nearest = torch.cdist(unit[drawn[:, SHOTS:]].flatten(0, 1), means).argmin(1).view(WAYS, -1)
        right += float((nearest == torch.arange(WAYS, device=nearest.device)[:, None]).float().mean())
    return right / EPISODES


def class_distances(embedding: Tensor, y: Tensor) -> Tensor:
    """Euclidean distances (C, C) between the classes' mean embeddings, divided by their mean."""
    means = torch.stack([embedding[y == c].mean(0) for c in range(int(y.max()) + 1)])
    apart = torch.cdist(means, means)
    return apart / apart[apart > 0].mean()


def distance_correlation(ours: Tensor, theirs: Tensor) -> float:
    """Spearman correlation of two matrices of distances, each pair of classes once."""
    pairs = np.triu_indices(len(ours), 1)
    return float(spearmanr(ours.cpu().numpy()[pairs], theirs.cpu().numpy()[pairs]).statistic)


def embedding_scores(model: nn.Module, embedding: Tensor, y: Tensor) -> dict:
    """The columns recall, recall_new and few_shot; new are the first N of MNIST.  embedding (N, D) of the own ones"""
    new = load_images("mnist", "test", y.device).rows(slice(len(y)))
    of_new = embed(model, new)
    return {
        "recall": recall_at_1(embedding, y),
        "recall_new": recall_at_1(of_new, new.y),
        "few_shot": few_shot_accuracy(of_new, new.y),
    }


def embedding_pictures(model: nn.Module, split: Split, embedding: Tensor) -> dict[str, np.ndarray]:
    """Arrays for figures, of a split's images and their embedding (N, D).

    Returns
    -------
    dict
        ``plane`` (500, 2), first two principal components of the embedding; ``similarity`` (60, 60), cosines of six
        images a class in the order of classes; ``distances`` (C, C) between class means; ``attention_i`` (6, H, W),
        maps of convolutional layer i for the first six images.
    """
    six = torch.cat([torch.where(split.y == c)[0][:6] for c in range(10)])
    unit = F.normalize(embedding[six], dim=1)
    with torch.no_grad():
        maps = [f for f in model(split.rows(slice(6)).images()).features if f.ndim == 4]
    found = {
        "plane": PCA(2, svd_solver="full").fit_transform(embedding[:500].cpu().numpy()),
        "similarity": (unit @ unit.T).cpu().numpy(),
        "distances": class_distances(embedding, split.y).cpu().numpy(),
    }
    for layer, features in enumerate(maps):
        found[f"attention_{layer}"] = attention_map(features).view(-1, *features.shape[2:]).cpu().numpy()
    return {name: array.astype(np.float32) for name, array in found.items()}
