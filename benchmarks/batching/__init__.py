"""Many runs at once against one after another."""
