"""Figures of the experiments of Mignacco & Mori (arXiv 2507.07907)."""
