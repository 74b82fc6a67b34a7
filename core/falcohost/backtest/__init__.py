"""How often rules would have fired on what is kept: stored alerts, logs and captures; ``falcohost rules backtest``."""
