"""The vision transformer of DINO, with the names that its checkpoints have, so that they load as they are.

Its arithmetic is that of the published ``vision_transformer.py``, positions included: at other sizes than the one it
was trained at they are interpolated bicubically by a *factor* ((n + 0.1) / grid), not to a size, as other
implementations do. Attention is torch's fused one. Two steps can be called apart: pixels to tokens, which depends on
the shape of an image, and tokens to features, which does not, so that images of different shapes but equally many
tokens share a batch.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from syncd_embedding.errors import ModelError, install

HEAD_WIDTH = 64
"""Width of an attention head, in every ViT that DINO published; it does not show in a checkpoint's shapes."""

EPSILON = 1e-6

_FOREIGN = {
    "register_tokens": "of a DINOv2 with registers",
    "blocks.0.ls1.gamma": "of a DINOv2",
    "mask_token": "of a DINOv2",
    "layer1.0.conv1.weight": "of a ResNet",
    "blocks.0.attn.temperature": "of an XCiT",
    "encoder.layer.0.attention.attention.query.weight": "in the form of transformers",
    "embeddings.cls_token": "in the form of transformers",
}


@dataclass(frozen=True)
class Architecture:
    """What the shapes of a checkpoint tell: ``patch`` in pixels, ``grid`` in patches a side, as it was trained."""

    width: int
    depth: int
    heads: int
    hidden: int
    patch: int
    grid: int

    def __str__(self) -> str:
        sizes = {192: "Ti", 384: "S", 768: "B", 1024: "L"}
        return f"ViT-{sizes.get(self.width, self.width)}/{self.patch} ({self.depth} blocks)"


def architecture(shapes: Mapping[str, tuple[int, ...]]) -> Architecture:
    """Find the architecture in the shapes of a backbone's tensors. Raises ModelError where DINO has none such."""
    for name, kind in _FOREIGN.items():
        if name in shapes:
            raise ModelError(
                f"These weights are {kind}, not of one of DINO's own vision transformers.",
                remedy="Give the folder of the model in the form of transformers (config.json beside its weights). "
                + install("embedding-transformers"),
            )
    try:
        width, channels, patch, patch_across = shapes["patch_embed.proj.weight"]
        _, positions, _ = shapes["pos_embed"]
        hidden, _ = shapes["blocks.0.mlp.fc1.weight"]
        _ = shapes["cls_token"]
    except (KeyError, ValueError):
        some = ", ".join(sorted(shapes)[:4])
        raise ModelError(
            f"These weights are not those of a DINO vision transformer: among its tensors are {some}.",
            remedy="Expected are cls_token, pos_embed, patch_embed.proj.*, blocks.N.* and norm.*.",
        ) from None
    depth = 1 + max(int(found[1]) for found in map(re.compile(r"blocks\.(\d+)\.").match, shapes) if found)
    grid = math.isqrt(positions - 1)
    if channels != 3 or patch != patch_across or width % HEAD_WIDTH or grid**2 != positions - 1:
        raise ModelError(
            f"These weights are of a vision transformer that DINO has not: width {width}, {channels} channels, "
            f"patches of {patch} × {patch_across}, {positions} positions."
        )
    return Architecture(width, depth, width // HEAD_WIDTH, hidden, patch, grid)


class Attention(nn.Module):
    """Multi-head self-attention, (B, T, C) to (B, T, C)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Attend."""
        batch, tokens, width = x.shape
        q, k, v = (
            self.qkv(x).reshape(batch, tokens, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        )
        attended = functional.scaled_dot_product_attention(q, k, v)
        projected: Tensor = self.proj(attended.transpose(1, 2).reshape(batch, tokens, width))
        return projected


class Mlp(nn.Module):
    """Two layers with a GELU between them."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.act = nn.GELU()
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """Apply both."""
        out: Tensor = self.fc2(self.act(self.fc1(x)))
        return out


class Block(nn.Module):
    """One block: attention and MLP, each on what is normalised and added to what was there."""

    def __init__(self, shape: Architecture) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(shape.width, eps=EPSILON)
        self.attn = Attention(shape.width, shape.heads)
        self.norm2 = nn.LayerNorm(shape.width, eps=EPSILON)
        self.mlp = Mlp(shape.width, shape.hidden)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block."""
        x = x + self.attn(self.norm1(x))
        out: Tensor = x + self.mlp(self.norm2(x))
        return out


class PatchEmbed(nn.Module):
    """The projection of patches; a module of its own for the names of its tensors."""

    def __init__(self, shape: Architecture) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, shape.width, kernel_size=shape.patch, stride=shape.patch)


class Encoder(nn.Module):
    """Tokens to features, (B, T, C) to (B, T, C): the part that does not know the shape of an image."""

    def __init__(self, blocks: nn.ModuleList, norm: nn.LayerNorm) -> None:
        super().__init__()
        self.blocks = blocks
        self.norm = norm

    def forward(self, tokens: Tensor) -> Tensor:
        """Apply all blocks, and normalise."""
        for block in self.blocks:
            tokens = block(tokens)
        out: Tensor = self.norm(tokens)
        return out


class VisionTransformer(nn.Module):
    """A ViT of DINO."""

    def __init__(self, shape: Architecture) -> None:
        super().__init__()
        self.shape = shape
        self.patch_embed = PatchEmbed(shape)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, shape.width))
        self.pos_embed = nn.Parameter(torch.zeros(1, shape.grid**2 + 1, shape.width))
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.depth))
        self.norm = nn.LayerNorm(shape.width, eps=EPSILON)

    @property
    def encoder(self) -> Encoder:
        """What turns tokens into features; its weights are this model's own."""
        return Encoder(self.blocks, self.norm).train(self.training)

    def positions(self, rows: int, columns: int) -> Tensor:
        """What is added to the tokens of an image of so many patches, (1, 1 + rows · columns, C)."""
        grid = self.shape.grid
        if rows == columns == grid:
            return self.pos_embed
        first, others = self.pos_embed[:, :1], self.pos_embed[:, 1:]
        others = functional.interpolate(
            others.reshape(1, grid, grid, -1).permute(0, 3, 1, 2),
            # The reference's tenth of a patch: without it the product may fall below a whole number.
            scale_factor=((rows + 0.1) / grid, (columns + 0.1) / grid),
            mode="bicubic",
        )
        return torch.cat((first, others.permute(0, 2, 3, 1).reshape(1, rows * columns, -1)), dim=1)

    def tokens(self, pixels: Tensor) -> Tensor:
        """Normalised pixels (B, 3, H, W), H and W multiples of the patch, to tokens (B, 1 + patches, C)."""
        patches = self.patch_embed.proj(pixels)
        positions = self.positions(patches.shape[2], patches.shape[3])
        patches = patches.flatten(2).transpose(1, 2)
        return torch.cat((self.cls_token.expand(len(patches), -1, -1), patches), dim=1) + positions

    def forward(self, pixels: Tensor) -> Tensor:
        """Normalised pixels (B, 3, H, W) to features (B, 1 + patches, C), the class token's first."""
        features: Tensor = self.encoder(self.tokens(pixels))
        return features
