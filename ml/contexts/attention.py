"""The patient's other lesions, each given the attention that it deserves."""

from __future__ import annotations

from torch import Tensor, nn


class AttentionContext(nn.Module):
    """Multi-head attention over the other lesions, with a residual and a layer norm.

    Attention is that of Vaswani et al., arXiv:1706.03762. A lesion without others is only
    normalised.
    """

    def __init__(self, features: int, heads: int = 8):
        super().__init__()
        self.features = features
        self.attention = nn.MultiheadAttention(features, heads, batch_first=True)
        self.norm = nn.LayerNorm(features)

    def forward(self, features: Tensor, others: Tensor, mask: Tensor) -> Tensor:
        # features (B, D), others (B, M, D), mask (B, M)
        # in training it goes on, so that processes that share a batch all have its gradients
        if not others.shape[1] or not (self.training or mask.any()):
            return self.norm(features)
        lonely = ~mask.any(1, keepdim=True)  # (B, 1)
        # a softmax over nothing is not a number: the lonely look at anything and forget it
        hidden = ~(mask | lonely)  # (B, M)
        query = features[:, None]  # (B, 1, D)
        seen, _ = self.attention(query, others, others, hidden, need_weights=False)
        return self.norm(features + seen[:, 0].masked_fill(lonely, 0.0))  # (B, D)
