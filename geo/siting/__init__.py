"""Where to place facilities, and how their places are shared: location models, accessibility, markets."""
