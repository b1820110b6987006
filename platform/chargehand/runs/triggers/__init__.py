"""What starts runs when nobody is there: schedules, webhooks, messages from connectors, and rows."""
