"""One decomposition of ``(H, g)`` that serves every damping of a Newton step."""
