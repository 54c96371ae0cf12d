"""Commands to terminals: what can be sent (``kinds``), who waits for what (``journal``), who sends it (``engine``)."""
