import sys, traceback
import torch, torch.nn as nn, torch.nn.functional as F, torch.optim as optim, random, math, copy, collections
from collections import namedtuple, deque


def part(f):
    try:
        f()
        print("ok  ", f.__name__)
    except Exception:
        print("FAIL", f.__name__)
        traceback.print_exc(file=sys.stdout)


@part
def time_sequence():
    class S(nn.Module):
        def __init__(s):
            super().__init__()
            s.lstm1 = nn.LSTMCell(1, 8)
            s.lstm2 = nn.LSTMCell(8, 8)
            s.linear = nn.Linear(8, 1)

        def forward(self, input, future=0):
            outputs = []
            h_t = torch.zeros(input.size(0), 8, dtype=torch.double)
            c_t = torch.zeros(input.size(0), 8, dtype=torch.double)
            h2 = torch.zeros(input.size(0), 8, dtype=torch.double)
            c2 = torch.zeros(input.size(0), 8, dtype=torch.double)
            for input_t in input.split(1, dim=1):
                h_t, c_t = self.lstm1(input_t, (h_t, c_t))
                h2, c2 = self.lstm2(h_t, (h2, c2))
                output = self.linear(h2)
                outputs += [output]
            for i in range(future):
                h_t, c_t = self.lstm1(output, (h_t, c_t))
                h2, c2 = self.lstm2(h_t, (h2, c2))
                output = self.linear(h2)
                outputs += [output]
            return torch.cat(outputs, dim=1)

    seq = S()
    seq.double()
    x = torch.sin(torch.arange(20.0).double()).repeat(3, 1)
    opt = optim.LBFGS(seq.parameters(), lr=0.8, max_iter=3)
    crit = nn.MSELoss()

    def closure():
        opt.zero_grad()
        loss = crit(seq(x[:, :-1]), x[:, 1:])
        loss.backward()
        return loss

    opt.step(closure)
    with torch.no_grad():
        seq(x, future=3)[:, :-3].detach().numpy()


@part
def fgsm():
    m = nn.Sequential(nn.Flatten(), nn.Linear(16, 3))
    data = torch.rand(1, 1, 4, 4)
    data.requires_grad = True
    out = m(data)
    init_pred = out.max(1, keepdim=True)[1]
    loss = F.nll_loss(F.log_softmax(out, 1), torch.tensor([1]))
    m.zero_grad()
    loss.backward()
    g = data.grad.data
    p = torch.clamp(data + 0.1 * g.sign(), 0, 1)
    final = m(p).max(1, keepdim=True)[1]
    adv = p.squeeze().detach().cpu().numpy()
    if init_pred.item() == final.item():
        pass


@part
def dqn():
    T = namedtuple("Transition", ("state", "action", "next_state", "reward"))
    mem = deque([], maxlen=50)
    net = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2))
    tgt = copy.deepcopy(net)
    tgt.load_state_dict(net.state_dict())
    opt = optim.AdamW(net.parameters(), lr=1e-3, amsgrad=True)
    for i in range(20):
        mem.append(
            T(
                torch.rand(1, 4),
                torch.tensor([[i % 2]], dtype=torch.long),
                None if i % 5 == 0 else torch.rand(1, 4),
                torch.tensor([1.0]),
            )
        )
    b = T(*zip(*random.sample(mem, 8)))
    mask = torch.tensor(tuple(map(lambda s: s is not None, b.next_state)), dtype=torch.bool)
    nf = torch.cat([s for s in b.next_state if s is not None])
    sa = net(torch.cat(b.state)).gather(1, torch.cat(b.action))
    nv = torch.zeros(8)
    with torch.no_grad():
        nv[mask] = tgt(nf).max(1).values
    loss = nn.SmoothL1Loss()(sa, (nv * 0.9 + torch.cat(b.reward)).unsqueeze(1))
    opt.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_value_(net.parameters(), 100)
    opt.step()
    a, c = tgt.state_dict(), net.state_dict()
    for k in c:
        a[k] = c[k] * 0.005 + a[k] * 0.995
    tgt.load_state_dict(a)


@part
def spatial():
    loc = nn.Sequential(nn.Conv2d(1, 4, 7), nn.MaxPool2d(2, stride=2), nn.ReLU(True))
    fc = nn.Linear(4 * 11 * 11, 6)
    fc.weight.data.zero_()
    fc.bias.data.copy_(torch.tensor([1, 0, 0, 0, 1, 0], dtype=torch.float))
    x = torch.rand(2, 1, 28, 28)
    th = fc(loc(x).view(-1, 4 * 11 * 11)).view(-1, 2, 3)
    y = F.grid_sample(x, F.affine_grid(th, x.size()))
    y.sum().backward()


@part
def superres():
    c1 = nn.Conv2d(1, 8, (5, 5), (1, 1), (2, 2))
    c2 = nn.Conv2d(8, 9, (3, 3), (1, 1), (1, 1))
    ps = nn.PixelShuffle(3)
    nn.init.orthogonal_(c1.weight, nn.init.calculate_gain("relu"))
    y = ps(c2(F.relu(c1(torch.rand(1, 1, 6, 6)))))
    mse = nn.MSELoss()(y, torch.rand(1, 1, 18, 18))
    psnr = 10 * math.log10(1 / mse.item())


@part
def seq2seq():
    class Bahdanau(nn.Module):
        def __init__(s, h):
            super().__init__()
            s.Wa = nn.Linear(h, h)
            s.Ua = nn.Linear(h, h)
            s.Va = nn.Linear(h, 1)

        def forward(s, q, k):
            sc = s.Va(torch.tanh(s.Wa(q) + s.Ua(k))).squeeze(2).unsqueeze(1)
            w = F.softmax(sc, dim=-1)
            return torch.bmm(w, k), w

    emb = nn.Embedding(10, 8)
    enc = nn.GRU(8, 8, batch_first=True)
    att = Bahdanau(8)
    dec = nn.GRU(16, 8, batch_first=True)
    out = nn.Linear(8, 10)
    eo, h = enc(emb(torch.randint(0, 10, (2, 5))))
    inp = torch.empty(2, 1, dtype=torch.long).fill_(0)
    outs = []
    for i in range(4):
        e = emb(inp)
        q = h.permute(1, 0, 2)
        c, w = att(q, eo)
        o, h = dec(torch.cat((e, c), dim=2), h)
        o = out(o)
        outs.append(o)
        _, topi = o.topk(1)
        inp = topi.squeeze(-1).detach()
    F.log_softmax(torch.cat(outs, 1), -1).mean().backward()


@part
def char_rnn():
    all_letters = "abc"

    def lineToTensor(line):
        t = torch.zeros(len(line), 1, 3)
        for li, l in enumerate(line):
            t[li][0][all_letters.find(l)] = 1
        return t

    i2h = nn.Linear(3 + 4, 4)
    i2o = nn.Linear(7, 2)
    h = torch.zeros(1, 4)
    l = lineToTensor("abca")
    for i in range(l.size()[0]):
        comb = torch.cat((l[i], h), 1)
        h = torch.tanh(i2h(comb))
        o = F.log_softmax(i2o(comb), 1)
    loss = nn.NLLLoss()(o, torch.tensor([1], dtype=torch.long))
    loss.backward()
    top_n, top_i = o.topk(1)
    int(top_i[0].item())
    for p in i2o.parameters():
        p.data.add_(p.grad.data, alpha=-0.005)


@part
def neural_style():
    class Norm(nn.Module):
        def __init__(s, m, sd):
            super().__init__()
            s.mean = torch.tensor(m).view(-1, 1, 1)
            s.std = torch.tensor(sd).view(-1, 1, 1)

        def forward(s, x):
            return (x - s.mean) / s.std

    x = torch.rand(1, 3, 8, 8).clone().requires_grad_(True)

    def gram(i):
        a, b, c, d = i.size()
        f = i.view(a * b, c * d)
        return torch.mm(f, f.t()).div(a * b * c * d)

    conv = nn.Conv2d(3, 4, 3)
    t = gram(conv(torch.rand(1, 3, 8, 8))).detach()
    opt = optim.LBFGS([x])
    run = [0]

    def closure():
        with torch.no_grad():
            x.clamp_(0, 1)
        opt.zero_grad()
        loss = F.mse_loss(gram(conv(Norm([0.5, 0.5, 0.5], [0.2, 0.2, 0.2])(x))), t) * 1e3
        loss.backward()
        run[0] += 1
        return loss

    opt.step(closure)
    with torch.no_grad():
        x.clamp_(0, 1)


@part
def polynomial():
    x = torch.linspace(-math.pi, math.pi, 50)
    p = torch.tensor([1, 2, 3])
    xx = x.unsqueeze(-1).pow(p)
    model = nn.Sequential(nn.Linear(3, 1), nn.Flatten(0, 1))
    opt = optim.RMSprop(model.parameters(), lr=1e-3)
    y = torch.sin(x)
    for t in range(3):
        loss = nn.MSELoss(reduction="sum")(model(xx), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
    l = model[0]
    f"y = {l.bias.item()} + {l.weight[:, 0].item()} x"


@part
def vit():
    to = nn.Conv2d(3, 16, 4, 4)
    x = to(torch.rand(2, 3, 16, 16)).flatten(2).transpose(1, 2)
    cls = nn.Parameter(torch.randn(1, 1, 16))
    pos = nn.Parameter(torch.randn(1, 17, 16) * 0.02)
    x = torch.cat([cls.expand(2, -1, -1), x], 1) + pos
    mha = nn.MultiheadAttention(16, 4, batch_first=True)
    a, w = mha(x, x, x)
    nn.LayerNorm(16)(a)[:, 0].sum().backward()
    nn.init.trunc_normal_(pos, std=0.02)


@part
def weight_tools():
    m = nn.Linear(3, 3)
    torch.nn.utils.parametrizations.weight_norm(m)
    m(torch.ones(1, 3))
    import torch.nn.utils.prune as prune

    l = nn.Linear(4, 4)
    prune.l1_unstructured(l, "weight", 0.5)
    l(torch.ones(1, 4))
    sd = l.state_dict()
    assert "weight_mask" in sd
    s = nn.utils.spectral_norm(nn.Linear(3, 3))
    s(torch.ones(1, 3))


@part
def mixup_misc():
    x = torch.rand(8, 3)
    idx = torch.randperm(x.size(0))
    lam = torch.distributions.Beta(1.0, 1.0).sample().item()
    (lam * x + (1 - lam) * x[idx, :]).mean()
    t = torch.tensor([1, 2, 3])
    t[t > 1] = 0
    torch.where(t > 0, t, torch.zeros_like(t))
    x[..., None].expand(-1, -1, 4).contiguous().view(8, -1).chunk(2, 1)
    torch.einsum("ij,kj->ik", x, x).diagonal().sum()
    x.scatter_(1, torch.zeros(8, 1, dtype=torch.long), 1.0)
    torch.cumsum(x, 0)[-1]
    x.std(0, unbiased=False)
    x.norm(p=2, dim=1, keepdim=True)
    F.interpolate(torch.rand(1, 1, 4, 4), scale_factor=2, mode="bilinear", align_corners=False)
    torch.stack(torch.meshgrid(torch.arange(2), torch.arange(3), indexing="ij"), -1)


@part
def ckpt():
    import io

    m = nn.Linear(2, 2)
    o = optim.Adam(m.parameters())
    m(torch.ones(1, 2)).sum().backward()
    o.step()
    b = io.BytesIO()
    torch.save({"m": m.state_dict(), "o": o.state_dict(), "l": torch.tensor(0.3)}, b)
    b.seek(0)
    c = torch.load(b, map_location=lambda s, l: s)
    m.load_state_dict(c["m"], strict=True)
    o.load_state_dict(c["o"])
    from torch.utils.checkpoint import checkpoint

    checkpoint(m, torch.ones(1, 2, requires_grad=True), use_reentrant=False).sum().backward()


@part
def amp_cpu():
    m = nn.Linear(4, 4)
    s = torch.amp.GradScaler("cpu")
    with torch.autocast(device_type="cpu", dtype=torch.bfloat16):
        l = m(torch.rand(2, 4)).float().mean()
    s.scale(l).backward()
    o = optim.SGD(m.parameters(), 0.1)
    s.step(o)
    s.update()
    with torch.cuda.amp.autocast():
        m(torch.rand(2, 4))


@part
def devices():
    d = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.ones(2, device=d).to(d, non_blocking=True)
    torch.ones(1).to(torch.float16).cpu()
    nn.Linear(1, 1).to(device=d, dtype=torch.float64)
    torch.cuda.empty_cache()
    with torch.device("cpu"):
        torch.ones(1)
    torch.zeros(1).pin_memory()
    torch.get_rng_state()
    torch.cuda.get_rng_state_all()
    torch.set_num_threads(2)
    torch.cuda.reset_peak_memory_stats()
    torch.utils.data.get_worker_info()
    torch.backends.cudnn.enabled = False
    with torch.inference_mode():
        pass
    assert not torch.ones(1).is_cuda and not next(nn.Linear(1, 1).parameters()).is_cuda
