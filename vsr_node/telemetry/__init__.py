"""What the protocol does, as events: attach a handler to any of them (docs/TELEMETRY.md)."""
