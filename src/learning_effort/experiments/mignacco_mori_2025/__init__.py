"""The experiments of Mignacco & Mori (arXiv 2507.07907), and what they become when the learning rate is controlled too."""
