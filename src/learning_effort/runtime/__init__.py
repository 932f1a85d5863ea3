"""Where and how everything runs: precision, devices, threads, compiled programs."""
