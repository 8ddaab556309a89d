import torch
import torch.nn as nn
import torchvision
import torchvision.transforms as T
import torchvision.transforms.functional as TF
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import InterpolationMode, v2

torchvision.disable_beta_transforms_warning()
torch.manual_seed(0)
mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
train_tf = T.Compose(
    [
        T.RandomResizedCrop(32, scale=(0.6, 1.0), interpolation=InterpolationMode.BICUBIC),
        T.RandomHorizontalFlip(),
        T.RandomApply([T.ColorJitter(0.4, 0.4, 0.4, 0.1)], p=0.8),
        T.RandomGrayscale(p=0.2),
        T.RandomApply([T.GaussianBlur(kernel_size=5, sigma=(0.1, 2.0))], p=0.5),
        T.RandAugment(num_ops=2, magnitude=9),
        T.ToTensor(),
        T.Normalize(mean, std),
        T.RandomErasing(p=0.25),
    ]
)
test_tf = T.Compose([T.Resize(36), T.CenterCrop(32), T.ToTensor(), T.Normalize(mean=mean, std=std)])
print(test_tf)


class Cutout:
    """A transform of one's own, as they stand in many repositories."""

    def __init__(self, length):
        self.length = length

    def __call__(self, img):
        h, w = img.shape[1:]
        y, x = torch.randint(h, (1,)).item(), torch.randint(w, (1,)).item()
        y1, y2 = max(0, y - self.length // 2), min(h, y + self.length // 2)
        x1, x2 = max(0, x - self.length // 2), min(w, x + self.length // 2)
        img[:, y1:y2, x1:x2] = 0.0
        return img


train_tf.transforms.append(Cutout(8))


class Squares(Dataset):
    def __init__(self, n, transform):
        self.n, self.transform = n, transform

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        label = i % 2
        img = Image.new("RGB", (48, 40), (220, 40, 40) if label else (40, 60, 220))
        img.paste((i * 5 % 255, 200, 90), (10, 8, 30, 28))
        return self.transform(img), label


class TwoCrops:
    def __init__(self, transform):
        self.transform = transform

    def __call__(self, x):
        return [self.transform(x), self.transform(x)]


views, _ = next(iter(DataLoader(Squares(8, TwoCrops(train_tf)), batch_size=4, num_workers=2)))
print("views", len(views), tuple(views[0].shape), bool((views[0] != views[1]).any()))

img = Image.new("RGB", (40, 30), (10, 200, 30))
print(TF.to_tensor(img).mean(dim=(1, 2)), TF.pil_to_tensor(img).dtype)
print(
    TF.get_image_size(TF.rotate(img, 90, expand=True)), TF.adjust_gamma(img, 2.0).getpixel((0, 0))
)
boxes = TF.ten_crop(img, (16, 16))
print(torch.stack([T.ToTensor()(crop) for crop in boxes]).shape)

mix = v2.RandomChoice([v2.CutMix(num_classes=2), v2.MixUp(alpha=0.2, num_classes=2)])
prepare = v2.Compose(
    [
        v2.ToImage(),
        v2.Resize((32, 32), antialias=True),
        v2.ToDtype(torch.float32, scale=True),
        v2.Normalize(mean, std),
    ]
)
model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 2))
opt = torch.optim.SGD(model.parameters(), lr=1e-3)
losses = []
for epoch in range(4):
    for x, y in DataLoader(Squares(32, prepare), batch_size=16, shuffle=True):
        x, y = mix(x, y)
        loss = nn.functional.cross_entropy(model(x), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
        losses.append(loss.item())
test = DataLoader(Squares(20, test_tf), batch_size=20)
x, y = next(iter(test))
print(
    "loss falls",
    losses[-1] < losses[0],
    "accuracy",
    (model(x).argmax(1) == y).float().mean().item(),
)
T.ToPILImage()(x[0].clamp(0, 1)).save("first.png")
print("done")
