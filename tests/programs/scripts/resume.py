import argparse
import os
import random
import shutil

import numpy as np
import torch
import torch.nn as nn
from torch.cuda.amp import GradScaler, autocast
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.tensorboard import SummaryWriter

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=2)
parser.add_argument("--resume", default="", type=str, metavar="PATH")
parser.add_argument("--seed", default=1, type=int)
parser.add_argument("--amp", action="store_true")
args = parser.parse_args()

random.seed(args.seed)
np.random.seed(args.seed)
torch.manual_seed(args.seed)
torch.cuda.manual_seed_all(args.seed)
torch.backends.cudnn.deterministic = True
torch.backends.cudnn.benchmark = False
torch.use_deterministic_algorithms(True, warn_only=True)

model = nn.Sequential(
    nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 2)
)
if torch.cuda.device_count() > 1:
    print("Let's use", torch.cuda.device_count(), "GPUs!")
model = torch.nn.DataParallel(model)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
model.to(device)
criterion = nn.CrossEntropyLoss().to(device)
optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9, weight_decay=1e-4, nesterov=True)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=10)
scaler = GradScaler(enabled=args.amp)
start_epoch, best_acc1 = 0, 0
if args.resume:
    if os.path.isfile(args.resume):
        checkpoint = torch.load(args.resume, map_location=device, weights_only=False)
        start_epoch, best_acc1 = checkpoint["epoch"], checkpoint["best_acc1"]
        model.load_state_dict(checkpoint["state_dict"])
        optimizer.load_state_dict(checkpoint["optimizer"])
        scheduler.load_state_dict(checkpoint["scheduler"])
        scaler.load_state_dict(checkpoint["scaler"])
        torch.set_rng_state(checkpoint["rng"])
        print("=> loaded checkpoint '{}' (epoch {})".format(args.resume, checkpoint["epoch"]))
    else:
        print("=> no checkpoint found at '{}'".format(args.resume))

x = torch.from_numpy(np.random.RandomState(0).randn(24, 4).astype("float32"))
g = torch.Generator()
loader = DataLoader(
    TensorDataset(x, (x[:, 0] > 0).long()), batch_size=8, shuffle=True, pin_memory=True, generator=g
)
writer = SummaryWriter("runs/test")
for epoch in range(start_epoch, args.epochs):
    model.train()
    g.manual_seed(args.seed + epoch)
    for i, (images, target) in enumerate(loader):
        images = images.to(device, non_blocking=True)
        target = target.to(device, non_blocking=True)
        with autocast(enabled=args.amp):
            output = model(images)
            loss = criterion(output, target)
        optimizer.zero_grad(set_to_none=True)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        writer.add_scalar("train/loss", loss.item(), epoch * len(loader) + i)
    scheduler.step()
    acc1 = (output.argmax(1) == target).float().mean()
    writer.add_histogram("weights", model.module[0].weight, epoch)
    is_best, best_acc1 = acc1 > best_acc1, max(acc1.item(), best_acc1)
    state = {
        "epoch": epoch + 1,
        "arch": "mlp",
        "state_dict": model.state_dict(),
        "best_acc1": best_acc1,
        "optimizer": optimizer.state_dict(),
        "scheduler": scheduler.state_dict(),
        "scaler": scaler.state_dict(),
        "rng": torch.get_rng_state(),
    }
    torch.save(state, "checkpoint.pth.tar")
    shutil.copyfile("checkpoint.pth.tar", f"epoch{epoch}.pth.tar")
writer.close()
if torch.cuda.is_available():
    torch.cuda.synchronize()
print("finger", [round(float(p.detach().double().sum()), 12) for p in model.parameters()])
