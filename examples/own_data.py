"""A network of your own, learning your own data, at a speed that is chosen for it.

`seedlings.csv` has 200 made-up seedlings: temperature (°C), light (hours a day), water (ml a day) and nitrogen (g), and after
a month height (cm) and leaves. A two-layer ReLU network learns to predict the last two from the first four. Learning
faster costs effort; how fast should it learn, and when?

    python examples/own_data.py [FOLDER] [--steps N]

prints what the answer is worth, and leaves the solution (`run.nc`) and its figure (`figure.png`) in FOLDER, `runs/own-data`
unless you name another. `le.load(FOLDER, problem=problem())` reads it again.
"""

import argparse
from pathlib import Path

import equinox as eqx
import jax
import optax
import pandas as pd

import learning_effort as le

DATA = Path(__file__).with_name("seedlings.csv")
INPUTS = ["temperature_c", "light_hours", "water_ml", "nitrogen_g"]
TARGETS = ["height_cm", "leaves"]
RATE = 0.05


def problem(steps: int = 400) -> le.Problem:
    """How fast to learn, at each of 20 moments, in so many steps of learning."""
    table = pd.read_csv(DATA)
    table = (table - table.mean()) / table.std()  # inputs and targets of about 1 learn at ordinary rates
    task = le.tasks.Arrays(table[INPUTS].to_numpy(), table[TARGETS].to_numpy())

    network = eqx.nn.MLP(len(INPUTS), len(TARGETS), width_size=16, depth=1, activation=jax.nn.relu, key=jax.random.key(0))
    learner = le.SampledNetwork(task, network, optax.sgd(RATE), step_size=RATE)
    speed = le.LearningRate(bounds=(-1, 2), cost=le.costs.Quadratic(0.05), knots=min(20, steps))
    return le.Problem(learner, speed, horizon=le.Steps(steps), discount=0.99)


def main() -> None:
    parser = argparse.ArgumentParser(description="Choose how fast a network learns a table of seedlings.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path("runs/own-data"), help="where the results go")
    parser.add_argument("--steps", type=int, default=400, help="steps of learning")
    arguments = parser.parse_args()

    # The value of a ReLU network has kinks, where no gradient vanishes: look no further than it pays.
    solution = le.solve(problem(arguments.steps), le.QuasiNewton(max_gradients=30), progress=False)
    print(solution.summary())
    print("Learning is 1 + u times as fast, u =", solution.effort["learning_rate"].round(2))

    solution.save(arguments.folder / "run.nc")
    solution.plot().savefig(arguments.folder / "figure.png", dpi=150)
    print(f"The solution and its figure are in {arguments.folder}.")


if __name__ == "__main__":
    main()
