"""Files: written whole or not at all, and problems described so that they can be rebuilt."""
