"""What is known about an answer, examined: certificates, comparisons, curvature, sensitivities, samples."""
