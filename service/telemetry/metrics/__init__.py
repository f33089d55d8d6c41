"""Metrics for Prometheus, on a port of their own. Imported only when the settings switch them on.

Events are counted where they happen, in plain numbers; this package reads them at each scrape: docs/metrics.md.
"""

from service.telemetry.metrics.listener import Listener

__all__ = ["Listener"]
