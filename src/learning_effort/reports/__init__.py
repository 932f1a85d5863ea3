"""Reports of several runs: tables of findings, sheets of figures."""
