"""Metrics for Prometheus, on a port of their own. Imported only when the settings switch them on.

What happens is counted where it happens, in plain numbers; this room reads them when somebody asks: docs/metrics.md.
"""

from service.telemetry.metrics.listener import Listener

__all__ = ["Listener"]
