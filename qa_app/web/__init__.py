"""The web page and the HTTP API: a thin layer over ``qa_app.api``.

    browser ── security ── routes ───────────────▶ page ──▶ answer_view … sources_view ──▶ HTML
                  └── components, public_api ──────▲          (each with its template)

app.py           builds the page and serves it
security.py      allowed hosts and routes, body sizes, response headers
accounts.py      the accounts file, and its hashed passwords
sessions.py      signing in, throttled, and sessions that end
request_log.py   the log, and the ids of requests
draining.py      ending: running questions are finished, new ones refused
health.py        /healthz and /readyz
metrics.py       /metrics, for Prometheus
components.py    the Gradio components, and which function handles each event
public_api.py    the functions that are the HTTP API
routes.py        routes in addition to Gradio's: downloads, state, uploads
page.py          the handlers of the page's events, and the list of views
address.py       the page's state to and from a query string
catalogue.py     what is indexed, read once per generation, and example questions
answer_view.py   an answer, its filters, the front page
summary.py       the summary of an answer that a language model is asked for
source_view.py   the open source, and a search in it
topics_view.py   the heat map and the quotes of its cells
brief_view.py    the brief and saved questions, and the handlers of their buttons
sources_view.py  the list of sources
rendering.py     renders templates/ to escaped HTML; marks words
page_images.py   images of PDF pages, drawn in a worker process
uploads.py       saves a report uploaded from the page in the corpus
builds.py        a build in the background
watcher.py       tells when the corpus has changed and come to rest

Styles are in static/*.css, client code in static/*.js.
"""
