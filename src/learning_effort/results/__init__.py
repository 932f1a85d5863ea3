"""Answers as data: a solution, its certificate, its labelled arrays, what to cite."""
