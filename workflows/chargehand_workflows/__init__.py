"""Reference agents that customers copy, one folder an agent."""
