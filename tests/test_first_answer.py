"""How many programs a first answer compiles. (How long they take is for the benchmarks.)"""

import json
import os
import subprocess
import sys

FIRST = """
import json
import jax
import learning_effort as le
from learning_effort.solvers import longer_steps

programs = []
jax.monitoring.register_event_duration_secs_listener(
    lambda event, seconds, **more: programs.append(more.get("fun_name")) if event.endswith("backend_compile_duration") else None
)
longer_steps.SHORT, longer_steps.FEWEST_STEPS = 100, 40
learner = le.LinearNetwork(le.tasks.SemanticHierarchy(2), hidden=(3,), init_scale=0.3, weight_decay=0.01)
problem = le.Problem(learner, le.Gain(knots=10, interpolation="linear"), le.Steps(240))
solution = le.solve(problem, progress=False)
print(json.dumps({"programs": programs, "stages": len(solution.stages), "converged": solution.certificate.converged}))
"""


def test_a_cold_solve_in_long_steps_and_its_own_compiles_few_programs():
    environment = os.environ | {"LEARNING_EFFORT_CACHE": "off"}
    done = subprocess.run([sys.executable, "-c", FIRST], env=environment, check=True, capture_output=True, text=True)
    told = json.loads(done.stdout)
    assert told["converged"] and told["stages"] == 2  # long steps, then its own
    assert 0 < len(told["programs"]) <= 25, told["programs"]
    # One rollout serves what is checked, compared and reported; the metric is one program; each horizon has its gradient.
    for name, most in {"_rollout": 1, "_diagonal": 1, "gradient_of": 2}.items():
        assert sum(name in (program or "") for program in told["programs"]) == most, told["programs"]
