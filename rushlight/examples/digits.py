"""A first example: a small residual network learns to read handwritten digits.

Run it with ``rushlight demo``, or copy this file and change it. It reads from top to bottom:
the network, the data, the training loop with its five steps, the test, and ``main``.
"""

import argparse
import time
from pathlib import Path

from tqdm import tqdm

import rushlight as rl
import rushlight.nn.functional as F
from rushlight import nn, optim
from rushlight.data import DataLoader
from rushlight.vision import Digits

# ---------------------------------------------------------------------------- the network


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions, whose result is added to what came in."""

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.shortcut = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            # The sum needs equal shapes: a 1 x 1 convolution brings x to the new one.
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride, bias=False),
                nn.BatchNorm2d(out_channels),
            )

    def forward(self, x: rl.Tensor) -> rl.Tensor:
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        return F.relu(out + self.shortcut(x))


class DigitNet(nn.Module):
    """Images of 1 x 8 x 8 pixels in, a score for each of the ten digits out."""

    def __init__(self, width: int = 16):
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(1, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
        )
        self.blocks = nn.Sequential(
            ResidualBlock(width, width),
            ResidualBlock(width, 2 * width, stride=2),
            ResidualBlock(2 * width, 2 * width),
        )
        self.head = nn.Linear(2 * width, 10)

    def forward(self, x: rl.Tensor) -> rl.Tensor:
        x = self.blocks(self.stem(x))
        return self.head(x.mean(dim=(2, 3)))


# ---------------------------------------------------------------------------- the data


def make_loaders() -> tuple[DataLoader, DataLoader]:
    """The images to learn from, in a new order each epoch, and the held-out fifth."""
    train_loader = DataLoader(Digits(train=True), batch_size=32, shuffle=True)
    held_out_loader = DataLoader(Digits(train=False), batch_size=128)
    return train_loader, held_out_loader


# ---------------------------------------------------------------------------- learning

BAR = "{desc} |{bar:24}| {n_fmt}/{total_fmt} {elapsed}{postfix}"


def show(bar: tqdm, losses: list[float], accuracy: float) -> None:
    """Put the mean loss and the accuracy of this epoch so far beside the progress bar."""
    mean = sum(losses) / len(losses)
    bar.set_postfix_str(f"loss {mean:.3f}, accuracy {accuracy:.1%}", refresh=False)


def count_correct(logits: rl.Tensor, labels: rl.Tensor) -> int:
    """How many images have their own digit as the highest score."""
    return int((logits.argmax(dim=1) == labels).sum().item())


def train_one_epoch(
    model: nn.Module,
    loader: DataLoader,
    optimizer: optim.Optimizer,
    scheduler: optim.lr_scheduler.LRScheduler,
    bar: tqdm,
) -> tuple[list[float], float]:
    """One pass over the images; returns the loss of each step and the accuracy."""
    model.train()
    losses: list[float] = []
    correct = seen = 0
    for images, labels in loader:
        optimizer.zero_grad()  # 1 clear the gradients of the last step
        logits = model(images)  # 2 forward: what does the network say?
        loss = F.cross_entropy(logits, labels)  # 3 loss: how wrong is it?
        loss.backward()  # 4 differentiate: every parameter's .grad is filled
        optimizer.step()  # 5 update: each parameter goes a little downhill
        scheduler.step()

        losses.append(loss.item())
        correct += count_correct(logits, labels)
        seen += len(labels)
        show(bar, losses, correct / seen)
        bar.update()
    return losses, correct / seen


@rl.no_grad()
def evaluate(model: nn.Module, loader: DataLoader) -> tuple[float, list[tuple]]:
    """Accuracy on images the network never learned from, and what it said of each."""
    model.eval()
    answers: list[tuple] = []
    correct = 0
    for images, labels in loader:
        chances = F.softmax(model(images), dim=1)
        correct += count_correct(chances, labels)
        sure, guesses = chances.max(dim=1)
        answers += zip(
            images.numpy(), labels.tolist(), guesses.tolist(), sure.tolist(), strict=True
        )
    return correct / len(answers), answers


def learn(epochs: int, seed: int) -> tuple[DigitNet, dict]:
    """Train a network from its first random numbers; returns it and its history."""
    rl.manual_seed(seed)
    train_loader, held_out_loader = make_loaders()
    model = DigitNet()
    optimizer = optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.05)
    steps = len(train_loader)
    scheduler = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs * steps)
    history: dict = {"loss": [], "training": [], "held out": [], "answers": []}

    for epoch in range(1, epochs + 1):
        with tqdm(total=steps, desc=f"epoch {epoch:2}/{epochs}", bar_format=BAR) as bar:
            losses, training = train_one_epoch(model, train_loader, optimizer, scheduler, bar)
            held_out, history["answers"] = evaluate(model, held_out_loader)
            bar.set_postfix_str(f"{bar.postfix}, held out {held_out:.1%}")
        history["loss"] += losses
        history["training"].append(training)
        history["held out"].append(held_out)
    return model, history


# ---------------------------------------------------------------------------- the program


def read_arguments(arguments: list[str] | None) -> argparse.Namespace:
    """What the person wants, from the command line."""
    parser = argparse.ArgumentParser(
        prog="rushlight demo", description="Learn to read handwritten digits."
    )
    parser.add_argument("--epochs", type=int, default=12, help="passes over the images (12)")
    parser.add_argument("--seed", type=int, default=0, help="of all random numbers (0)")
    parser.add_argument(
        "--out", type=Path, default=Path("rushlight-demo.png"), help="the picture's file"
    )
    chosen = parser.parse_args(arguments)
    if chosen.epochs < 1:
        parser.error(f"--epochs must be at least 1, not {chosen.epochs}")
    if chosen.out.suffix not in (".png", ".svg", ".pdf"):
        parser.error(f"--out must end in .png, .svg or .pdf, not '{chosen.out}'")
    return chosen


def main(arguments: list[str] | None = None) -> int:
    """Train, report and draw; returns the exit status."""
    chosen = read_arguments(arguments)
    started = time.perf_counter()
    model, history = learn(chosen.epochs, chosen.seed)
    seconds = time.perf_counter() - started

    weights = sum(parameter.numel() for parameter in model.parameters())
    answers = history["answers"]
    right = sum(label == guess for _, label, guess, _ in answers)
    print(f"\nA network of {weights:,} weights learned for {seconds:.0f} s.")
    print(f"It reads {right} of {len(answers)} held-out digits: {right / len(answers):.1%}.")

    from rushlight.examples.digits_picture import draw

    if draw(history, chosen.out):
        print(f"Curves and predictions: {chosen.out}")
    print(f"The program, to read and to change: {Path(__file__)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
