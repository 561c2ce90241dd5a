"""Clients that look like other people's, with the router behind them: ``litellm`` and ``openai``."""
