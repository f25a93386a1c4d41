"""The shell around the kernel: writes facts, performs steps, and lets clients see both."""
