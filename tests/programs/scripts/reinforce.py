import argparse
from collections import deque

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.distributions import Categorical

parser = argparse.ArgumentParser()
parser.add_argument("--gamma", type=float, default=0.9)
parser.add_argument("--seed", type=int, default=3)
args = parser.parse_args()
torch.manual_seed(args.seed)


class Corridor:
    """Five cells; the prize is at the right end."""

    def reset(self):
        self.place, self.steps = 2, 0
        return self._state()

    def step(self, action):
        self.steps += 1
        self.place = max(0, min(4, self.place + (1 if action else -1)))
        return self._state(), float(self.place == 4), self.place == 4 or self.steps == 12

    def _state(self):
        return np.eye(5, dtype=np.float32)[self.place]


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.affine1 = nn.Linear(5, 16)
        self.affine2 = nn.Linear(16, 2)
        self.saved_log_probs = []
        self.rewards = []

    def forward(self, x):
        return F.softmax(self.affine2(F.relu(self.affine1(x))), dim=1)


policy = Policy()
optimizer = optim.Adam(policy.parameters(), lr=3e-2)
eps = np.finfo(np.float32).eps.item()


def select_action(state):
    state = torch.from_numpy(state).float().unsqueeze(0)
    probs = policy(state)
    m = Categorical(probs)
    action = m.sample()
    policy.saved_log_probs.append(m.log_prob(action))
    return action.item()


def finish_episode():
    R, policy_loss, returns = 0, [], deque()
    for r in policy.rewards[::-1]:
        R = r + args.gamma * R
        returns.appendleft(R)
    returns = torch.tensor(returns)
    returns = (returns - returns.mean()) / (returns.std() + eps) if len(returns) > 1 else returns
    for log_prob, R in zip(policy.saved_log_probs, returns):
        policy_loss.append(-log_prob * R)
    optimizer.zero_grad()
    torch.cat(policy_loss).sum().backward()
    optimizer.step()
    del policy.rewards[:]
    del policy.saved_log_probs[:]


env, lengths = Corridor(), []
for i_episode in range(25):
    state, done, t = env.reset(), False, 0
    while not done:
        state, reward, done = env.step(select_action(state))
        policy.rewards.append(reward)
        t += 1
    lengths.append(t)
    finish_episode()
print("episodes", len(lengths), "last", np.mean(lengths[-5:]))
