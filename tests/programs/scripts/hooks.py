import torch
import torch.nn as nn
import torch.nn.functional as F

activation, grads, order = {}, {}, []


def get_activation(name):
    def hook(model, input, output):
        activation[name] = output.detach()

    return hook


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.cl1 = nn.Linear(5, 6)
        self.cl2 = nn.Linear(6, 4)
        self.fc = nn.Linear(4, 2)

    def forward(self, x):
        x = F.relu(self.cl1(x))
        x = F.relu(self.cl2(x))
        return self.fc(x)


torch.manual_seed(0)
model = Net()
handles = [
    getattr(model, name).register_forward_hook(get_activation(name)) for name in ("cl1", "fc")
]
model.cl2.register_forward_pre_hook(lambda module, args: (args[0] * 2,))
model.cl2.register_full_backward_hook(lambda m, gi, go: grads.update(cl2=go[0].clone()))
model.register_forward_hook(lambda m, a, k, out: order.append(sorted(k)), with_kwargs=True)
for name, module in model.named_children():
    module.register_forward_hook(lambda m, i, o, name=name: order.append(name))
x = torch.randn(3, 5)
out = model(x)
loss = F.mse_loss(out, torch.zeros_like(out))
out.retain_grad()
model.fc.weight.register_hook(lambda grad: grad.clamp(-0.01, 0.01))
model.cl1.weight.register_post_accumulate_grad_hook(lambda p: grads.update(cl1=p.grad.norm()))
loss.backward()
print(sorted(activation), activation["cl1"].shape, order)
print(model.fc.weight.grad.abs().max() <= 0.01, grads["cl2"].shape, out.grad is not None)
print("norm", grads["cl1"].item() > 0)
for h in handles:
    h.remove()
activation.clear()
model(x)
print("removed", activation == {})
clone = lambda module, inputs, output: output + 1
handle = nn.modules.module.register_module_forward_hook(lambda m, i, o: order.append("global"))
model(x)
handle.remove()
print("global", order.count("global"))
