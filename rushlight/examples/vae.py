"""A variational autoencoder that learns to draw digits.

    python -m rushlight.examples.vae [--epochs 40]

The encoder says for each image where it lies in a space of a few numbers, as a mean and a variance;
the decoder draws an image from a point there.  The loss is the negative of the evidence lower
bound: how badly the image is drawn again, plus how far the encoder's distribution is from a
standard normal one (Kingma and Welling, 2014, "Auto-encoding variational Bayes", equation 10).
"""

from __future__ import annotations

import argparse

import rushlight as rl
import rushlight.nn.functional as F
from rushlight import nn, optim
from rushlight.data import DataLoader
from rushlight.vision.digits import Digits

SHADES = " .:-=+*#%@"


class VAE(nn.Module):
    """Images of 8 x 8 pixels to a mean and a log-variance, and points back to images."""

    def __init__(self, latent: int = 8, width: int = 256):
        super().__init__()
        self.latent = latent
        self.encoder = nn.Sequential(
            nn.Flatten(),
            nn.Linear(64, width),
            nn.ReLU(),
            nn.Linear(width, 2 * latent),
        )
        self.decoder = nn.Sequential(
            nn.Linear(latent, width),
            nn.ReLU(),
            nn.Linear(width, 64),
            nn.Unflatten(1, (1, 8, 8)),
        )

    def forward(self, x: rl.Tensor) -> tuple[rl.Tensor, rl.Tensor, rl.Tensor]:
        """Logits of the pixels, and the mean and log-variance that they were drawn from."""
        mean, log_variance = self.encoder(x).chunk(2, dim=1)
        # The draw as a function of a fixed random number, so that gradients go through it.
        point = mean + (0.5 * log_variance).exp() * rl.randn_like(mean)
        return self.decoder(point), mean, log_variance

    @rl.no_grad()
    def draw(self, count: int) -> rl.Tensor:
        """New images, from points drawn from the standard normal distribution."""
        return self.decoder(rl.randn(count, self.latent)).sigmoid()


def loss_of(
    logits: rl.Tensor, x: rl.Tensor, mean: rl.Tensor, log_variance: rl.Tensor
) -> tuple[rl.Tensor, rl.Tensor]:
    """Both parts of the loss, for each image: drawing again, and the distance from the normal."""
    drawn = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
    distance = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum()
    return drawn / len(x), distance / len(x)


def train_one_epoch(model: VAE, loader: DataLoader, optimizer: optim.Optimizer) -> float:
    """One pass over the images; the mean loss."""
    losses = []
    for images, _ in loader:
        optimizer.zero_grad()
        logits, mean, log_variance = model(images)
        drawn, distance = loss_of(logits, images, mean, log_variance)
        loss = drawn + distance
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return sum(losses) / len(losses)


@rl.no_grad()
def evaluate(model: VAE, loader: DataLoader) -> float:
    """The mean loss of images the network never learned from."""
    total, seen = 0.0, 0
    for images, _ in loader:
        logits, mean, log_variance = model(images)
        drawn, distance = loss_of(logits, images, mean, log_variance)
        total += (drawn + distance).item() * len(images)
        seen += len(images)
    return total / seen


def as_text(images: rl.Tensor) -> str:
    """Images beside each other in letters, light to dark."""
    rows = []
    for line in range(images.shape[2]):
        shades = (images[:, 0, line] * (len(SHADES) - 1)).round().long().tolist()
        rows.append("   ".join("".join(SHADES[i] * 2 for i in image) for image in shades))
    return "\n".join(rows)


def main(arguments: list[str] | None = None) -> float:
    """Train, draw some new digits, and return the loss on held-out images."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--latent", type=int, default=8, help="numbers that tell an image")
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    rl.manual_seed(options.seed)
    train_loader = DataLoader(Digits(train=True), batch_size=options.batch_size, shuffle=True)
    held_out_loader = DataLoader(Digits(train=False), batch_size=359)
    model = VAE(options.latent, options.width)
    optimizer = optim.Adam(model.parameters(), lr=options.lr)
    held_out = 0.0
    for epoch in range(1, options.epochs + 1):
        loss = train_one_epoch(model, train_loader, optimizer)
        held_out = evaluate(model, held_out_loader)
        if epoch % 5 == 0 or epoch == options.epochs:
            print(f"epoch {epoch:3}: loss {loss:.2f}, of held-out images {held_out:.2f}")
    print("digits that nobody wrote:")
    print(as_text(model.draw(4)))
    return held_out


if __name__ == "__main__":
    main()
