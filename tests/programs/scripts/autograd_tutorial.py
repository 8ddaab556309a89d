import torch
from torch.autograd import Function, Variable
from torch.autograd.functional import jacobian

x = torch.ones(5)
y = torch.zeros(3)
w = torch.randn(5, 3, requires_grad=True)
b = torch.randn(3, requires_grad=True)
z = torch.matmul(x, w) + b
loss = torch.nn.functional.binary_cross_entropy_with_logits(z, y)
print(f"Gradient function for loss = {loss.grad_fn}")
loss.backward()
print(w.grad.shape, b.grad.shape)
with torch.no_grad():
    z = torch.matmul(x, w) + b
print(z.requires_grad)

inp = torch.eye(4, 5, requires_grad=True)
out = (inp + 1).pow(2).t()
out.backward(torch.ones_like(out), retain_graph=True)
out.backward(torch.ones_like(out), retain_graph=True)
print(f"\nSecond call\n{inp.grad[0]}")
inp.grad.zero_()
out.backward(torch.ones_like(out))
print(f"\nCall after zeroing gradients\n{inp.grad[0]}")


class LegendrePolynomial3(Function):
    @staticmethod
    def forward(ctx, input):
        ctx.save_for_backward(input)
        return 0.5 * (5 * input**3 - 3 * input)

    @staticmethod
    def backward(ctx, grad_output):
        (input,) = ctx.saved_tensors
        return grad_output * 1.5 * (5 * input**2 - 1)


dtype, device = torch.float, torch.device("cpu")
t = torch.linspace(-3.14, 3.14, 200, device=device, dtype=dtype)
goal = torch.sin(t)
params = [
    torch.full((), v, device=device, dtype=dtype, requires_grad=True) for v in (0.0, -1, 0, 0.3)
]
for step in range(50):
    P3 = LegendrePolynomial3.apply
    y_pred = params[0] + params[1] * P3(params[2] + params[3] * t)
    loss = (y_pred - goal).pow(2).sum()
    if step in (0, 49):
        print(step, "%.2f" % loss.item())
    loss.backward()
    with torch.no_grad():
        for p in params:
            p -= 5e-6 * p.grad
            p.grad = None
assert torch.autograd.gradcheck(P3, (torch.randn(4, dtype=torch.double, requires_grad=True),))

print(jacobian(lambda v: v**2, torch.tensor([1.0, 2.0])))
v = Variable(torch.tensor([1.0, 2.0]), requires_grad=True)
(first,) = torch.autograd.grad((v**3).sum(), v, create_graph=True)
(second,) = torch.autograd.grad(first.sum(), v)
print(second)
a = torch.tensor([2.0, 3.0], requires_grad=True)
h = a.register_hook(lambda grad: grad * 2)
(a * a).sum().backward()
h.remove()
print(a.grad, a.is_leaf, a.grad_fn)
