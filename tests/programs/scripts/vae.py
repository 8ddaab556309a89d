import torch
import torch.utils.data
from torch import nn, optim
from torch.nn import functional as F
from torchvision.utils import save_image

torch.manual_seed(1)
use_mps = torch.backends.mps.is_available()
if torch.cuda.is_available():
    device = torch.device("cuda")
elif use_mps:
    device = torch.device("mps")
else:
    device = torch.device("cpu")


class VAE(nn.Module):
    def __init__(self):
        super(VAE, self).__init__()
        self.fc1 = nn.Linear(64, 32)
        self.fc21 = nn.Linear(32, 4)
        self.fc22 = nn.Linear(32, 4)
        self.fc3 = nn.Linear(4, 32)
        self.fc4 = nn.Linear(32, 64)

    def encode(self, x):
        h1 = F.relu(self.fc1(x))
        return self.fc21(h1), self.fc22(h1)

    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        eps = torch.randn_like(std)
        return mu + eps * std

    def decode(self, z):
        return torch.sigmoid(self.fc4(F.relu(self.fc3(z))))

    def forward(self, x):
        mu, logvar = self.encode(x.view(-1, 64))
        return self.decode(self.reparameterize(mu, logvar)), mu, logvar


def loss_function(recon_x, x, mu, logvar):
    BCE = F.binary_cross_entropy(recon_x, x.view(-1, 64), reduction="sum")
    KLD = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return BCE + KLD


def train(model, loader, optimizer):
    model.train()
    train_loss = 0
    for data, _ in loader:
        data = data.to(device)
        optimizer.zero_grad()
        loss = loss_function(model(data)[0], data, *model(data)[1:])
        loss.backward()
        train_loss += loss.item()
        optimizer.step()
    return train_loss / len(loader.dataset)


def main():
    images = (torch.rand(64, 1, 8, 8) > 0.7).float()
    images[:, :, 2:6, 2:6] = 1.0
    dataset = torch.utils.data.TensorDataset(images, torch.zeros(64, dtype=torch.long))
    loader = torch.utils.data.DataLoader(dataset, batch_size=16, shuffle=True)
    model = VAE().to(device)
    optimizer = optim.Adam(model.parameters(), lr=1e-2)
    losses = [train(model, loader, optimizer) for _ in range(4)]
    with torch.no_grad():
        data = images[:8]
        recon, _, _ = model(data)
        comparison = torch.cat([data, recon.view(8, 1, 8, 8)])
        save_image(comparison.cpu(), "reconstruction.png", nrow=8)
        sample = model.decode(torch.randn(16, 4).to(device)).cpu()
        save_image(sample.view(16, 1, 8, 8), "sample.png")
    print("loss falls:", losses[-1] < losses[0])


if __name__ == "__main__":
    main()
