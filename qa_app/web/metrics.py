"""``/metrics``: what the server does, as Prometheus reads it. No names, no words of questions."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from qa_app.errors import QAAppError
from qa_app.models import Answer
from qa_app.web.builds import BuildState
from qa_app.web.page import PageController
from qa_app.web.request_log import Served
from qa_app.web.security import METRICS_ROUTE

# Seconds. A question takes a tenth to half a second, and a stream lasts as long as its questions.
_BUCKETS = (0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
# Open as long as a page is shown, so its time says nothing.
_UNTIMED = frozenset({"/gradio_api/heartbeat"})


class Metrics:
    """Counts requests and answers; reads the index and the build when it is asked."""

    def __init__(self, page: PageController) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "qa_app_requests", "Requests answered.", ["route", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "qa_app_request_seconds",
            "Until a response had ended, by route.",
            ["route"],
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._answers = Counter(
            "qa_app_answers",
            "Questions answered, by verdict.",
            ["verdict"],
            registry=self._registry,
        )
        self._asking = Histogram(
            "qa_app_answer_seconds",
            "From a question to its answer.",
            buckets=_BUCKETS,
            registry=self._registry,
        )
        ProcessCollector(registry=self._registry)
        self._registry.register(_Live(page))

    def count_request(self, served: Served) -> None:
        """Count a request that was answered."""
        self._requests.labels(served.route, served.status).inc()
        if served.route not in _UNTIMED:
            self._seconds.labels(served.route).observe(served.ms / 1000)

    def count_answer(self, answer: Answer) -> None:
        """Count a question that was answered."""
        self._answers.labels(str(answer.verdict)).inc()
        self._asking.observe(answer.timings_ms["total"] / 1000)

    def route(self) -> Route:
        """Return the route; it asks for no sign-in, since Prometheus has none."""

        async def metrics(_request: Request) -> Response:
            text = await run_in_threadpool(generate_latest, self._registry)
            return Response(text, headers={"content-type": CONTENT_TYPE_LATEST})

        return Route(METRICS_ROUTE, metrics)


class _Live(Collector):
    def __init__(self, page: PageController) -> None:
        self._page = page

    def collect(self) -> Iterator[Metric]:
        build = self._page.builds.state if self._page.builds else BuildState()
        yield GaugeMetricFamily("qa_app_build_running", "1 while a build runs.", build.running)
        yield GaugeMetricFamily("qa_app_build_failed", "1 if the last build failed.", build.failed)
        try:
            manifest = self._page.snapshot().generation.manifest
        except QAAppError:
            return
        age = time.time() - datetime.fromisoformat(manifest.created).timestamp()
        yield GaugeMetricFamily(
            "qa_app_generation_age_seconds", "Since the live generation was built.", age
        )
