import argparse
import os

import numpy as np
import torch
import torch.nn as nn
import torchvision
from PIL import Image
from torch.utils.data import DataLoader, random_split
from torchvision import datasets, transforms
from torchvision.datasets.folder import IMG_EXTENSIONS, default_loader
from torchvision.datasets.utils import check_integrity, download_url
from torchvision.datasets.vision import VisionDataset

parser = argparse.ArgumentParser()
parser.add_argument("--data", default="pictures")
args = parser.parse_args()
torch.manual_seed(0)

for split, count in (("train", 20), ("val", 8)):
    for label, colour in enumerate(("red", "green", "blue")):
        folder = os.path.join(args.data, split, colour)
        os.makedirs(folder, exist_ok=True)
        for i in range(count):
            pixels = np.random.default_rng(i).integers(0, 120, (20, 24, 3), dtype=np.uint8)
            pixels[..., label] += 100
            Image.fromarray(pixels).save(os.path.join(folder, "%03d.png" % i))

data_transforms = {
    "train": transforms.Compose(
        [
            transforms.RandomResizedCrop(16),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        ]
    ),
    "val": transforms.Compose(
        [
            transforms.Resize(18),
            transforms.CenterCrop(16),
            transforms.ToTensor(),
            transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        ]
    ),
}
image_datasets = {
    x: datasets.ImageFolder(os.path.join(args.data, x), data_transforms[x])
    for x in ["train", "val"]
}
dataloaders = {
    x: DataLoader(image_datasets[x], batch_size=12, shuffle=True, num_workers=2)
    for x in ["train", "val"]
}
class_names = image_datasets["train"].classes
print(
    "classes", class_names, image_datasets["val"].class_to_idx["red"], len(image_datasets["train"])
)
print(image_datasets["val"])
assert image_datasets["train"].samples[0][0].lower().endswith(IMG_EXTENSIONS)
assert default_loader(image_datasets["train"].imgs[0][0]).mode == "RGB"

model = nn.Sequential(
    nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3)
)
optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
criterion = nn.CrossEntropyLoss()
for epoch in range(6):
    for inputs, labels in dataloaders["train"]:
        optimizer.zero_grad()
        criterion(model(inputs), labels).backward()
        optimizer.step()
correct = 0
with torch.no_grad():
    for inputs, labels in dataloaders["val"]:
        correct += torch.sum(model(inputs).argmax(1) == labels).item()
print("learned", correct >= 20)
from torchvision.io import ImageReadMode, read_image

grey = read_image(image_datasets["val"].samples[0][0], mode=ImageReadMode.GRAY)
print("grey", tuple(grey.shape), grey.dtype == torch.uint8)


class Squares(VisionDataset):
    def __init__(self, root, transform=None, target_transform=None):
        super().__init__(root, transform=transform, target_transform=target_transform)

    def __getitem__(self, index):
        img, target = Image.new("L", (4, 4), index), index
        if self.transforms is not None:
            img, target = self.transforms(img, target)
        return img, target

    def __len__(self):
        return 9


squares = Squares("nowhere", transforms.ToTensor(), lambda label: label * label)
print("squares", [label for _, label in squares] if False else [squares[i][1] for i in range(9)])
train, test = random_split(datasets.FakeData(20, (3, 8, 8), 4, transforms.ToTensor()), [15, 5])
images, labels = next(iter(DataLoader(train, batch_size=5)))
print("fake", tuple(images.shape), labels.dtype == torch.int64, images.max() <= 1)
try:
    datasets.CIFAR10(root="./data", train=True, download=False)
except RuntimeError as e:
    print("missing", "download=True" in str(e))
print("backend", torchvision.get_image_backend(), check_integrity("nothing"))
