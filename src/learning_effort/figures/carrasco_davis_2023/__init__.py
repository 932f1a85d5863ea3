"""The figures of Carrasco-Davis, Masís & Saxe (arXiv 2310.19919)."""
