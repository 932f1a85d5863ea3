"""`python -m learning_effort`: the command."""

from .cli import main

main()
