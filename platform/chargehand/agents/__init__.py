"""Declare an agent; run plain LangGraph with durable leaves."""
