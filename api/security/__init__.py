"""Who asks: keys, tokens, sessions, and signing in."""
