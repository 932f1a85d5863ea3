"""A single neuron as a sparse program for CasADi and IPOPT, without a line of ours, so that their first answer is their own."""

from __future__ import annotations

import numpy as np


def transcription(casadi, steps, mean, std, weight_decay, gamma, learning_rate, beta, lower, upper, weights):
    """`single-neuron` as a program in all its weights and gains: a call that solves it from zero gain and the `weights` that
    follow, and its value."""
    second = mean**2 + std**2
    w, g = casadi.SX.sym("w", steps), casadi.SX.sym("g", steps)
    effective = w * (1 + g)
    loss = 0.5 - mean * effective + second * effective**2 / 2 + weight_decay * w**2 / 2
    field = (1 + g) * (mean - second * effective) - weight_decay * w
    discount = gamma ** (np.arange(steps) * learning_rate) * learning_rate
    cost = casadi.dot(casadi.DM(discount), loss + beta * g**2)
    follows = w[1:] - w[:-1] - learning_rate * field[:-1]
    program = {"x": casadi.vertcat(w, g), "f": cost, "g": casadi.vertcat(w[0], follows)}
    options = {"print_time": False, "ipopt": {"print_level": 0, "sb": "yes", "tol": 1e-11}}
    solver = casadi.nlpsol("solver", "ipopt", program, options)
    low = np.concatenate([np.full(steps, -np.inf), np.full(steps, lower)])
    high = np.concatenate([np.full(steps, np.inf), np.full(steps, upper)])
    start = np.concatenate([weights, np.zeros(steps)])

    def call():
        return solver(x0=start, lbx=low, ubx=high, lbg=0.0, ubg=0.0)

    return lambda: call() and None, -float(call()["f"])
