"""HTTP and WebSocket, one module a noun; serves the built console."""
