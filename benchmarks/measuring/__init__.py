"""How steps are measured: processes that take turns, memory, the machine's limits, tables."""
