"""Extremely randomised trees (Geurts, Ernst and Wehenkel, Machine Learning 63:3, 2006).

scikit-learn grows them; here they are tables of tensors, which can be stored without a pickle.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

SMALLEST = 1e-7  # probability in the place of none, whose logarithm is no number


class ExtraTreesHead(nn.Module):
    """``trees`` trees of at most ``leaves`` leaves; the logits are the logs of their mean answer.

    Until ``fit`` is called, all classes are equally likely. A node's tables are: ``split``, the
    feature it asks for; ``threshold``; ``child``, the nodes to go on with below and above it (a
    leaf goes on with itself); ``answer``, its probabilities. All are one-dimensional, because a
    checkpoint in half precision keeps vectors as they are.
    """

    split: Tensor
    threshold: Tensor
    child: Tensor
    answer: Tensor
    depth: Tensor

    def __init__(self, features: int, classes: int, trees: int = 100, leaves: int = 256):
        super().__init__()
        self.classes, self.trees, self.leaves = classes, trees, leaves
        self.nodes = 2 * leaves - 1  # of a full binary tree
        total = trees * self.nodes
        self.register_buffer("split", torch.zeros(total, dtype=torch.long))
        self.register_buffer("threshold", torch.zeros(total))
        self.register_buffer("child", torch.arange(total).repeat_interleave(2))
        self.register_buffer("answer", torch.full((total * classes,), 1.0 / classes))
        self.register_buffer("depth", torch.zeros(1, dtype=torch.long))

    def fit(self, features: np.ndarray, labels: np.ndarray, seed: int = 0) -> None:
        """Grow the trees from features float32 (N, D) and labels (N,), classes weighted equally."""
        from sklearn.ensemble import ExtraTreesClassifier

        forest = ExtraTreesClassifier(
            self.trees, max_leaf_nodes=self.leaves, class_weight="balanced", random_state=seed
        )
        self.take_over(forest.fit(features, labels))

    def take_over(self, forest: Any) -> None:
        """Copy the trees of a fitted scikit-learn forest."""
        device = self.answer.device
        known = torch.as_tensor(forest.classes_, dtype=torch.long)
        answer = torch.zeros(self.trees, self.nodes, self.classes)
        for number, tree in enumerate(entry.tree_ for entry in forest.estimators_):
            start = number * self.nodes
            place = slice(start, start + tree.node_count)
            self.split[place] = torch.from_numpy(tree.feature).clamp(min=0).to(device)
            self.threshold[place] = torch.from_numpy(_round_down(tree.threshold)).to(device)
            self.child.view(-1, 2)[place] = (_children(tree) + start).to(device)
            answer[number][: tree.node_count, known] = _shares(tree)
        self.answer.copy_(answer.flatten())
        self.depth.fill_(max(entry.tree_.max_depth for entry in forest.estimators_))

    def forward(self, features: Tensor) -> Tensor:  # (B, D)
        features = features.float()
        roots = torch.arange(self.trees, device=features.device) * self.nodes
        node = roots.expand(len(features), -1)  # (B, T)
        for _ in range(int(self.depth)):
            above = features.gather(1, self.split[node]) > self.threshold[node]  # (B, T)
            node = self.child[2 * node + above]
        answers = self.answer.view(-1, self.classes)[node].double()  # (B, T, K)
        return answers.mean(1).clamp(min=SMALLEST).log().float()  # (B, K)


def _round_down(thresholds: np.ndarray) -> np.ndarray:
    """The next float32 not above: a float32 feature is below it exactly when it was before."""
    nearest = thresholds.astype(np.float32)
    return np.where(nearest > thresholds, np.nextafter(nearest, np.float32(-np.inf)), nearest)


def _children(tree: Any) -> Tensor:
    """Nodes to go on with (N, 2); a leaf's are the leaf itself."""
    below = torch.from_numpy(np.stack([tree.children_left, tree.children_right], 1))  # (N, 2)
    return torch.where(below < 0, torch.arange(len(below))[:, None], below)


def _shares(tree: Any) -> Tensor:
    values = torch.from_numpy(tree.value[:, 0])  # (N, K), the share or the weight of each class
    return (values / values.sum(1, keepdim=True)).float()
