"""The web page and the HTTP API: a thin face over ``qa_app.api``.

    browser ── security ── routes ───────────────▶ page ──▶ answer_view … sources_view ──▶ HTML
                  └── components, public_api ──────▲          (each with its template)

app.py           builds the page and serves it
security.py      names and passwords, hosts, routes, bodies, headers
components.py    the Gradio components, and which event calls what
public_api.py    the functions that are the HTTP API
routes.py        routes of our own beside Gradio's
page.py          what each event does, and the list of views
address.py       the page's state as a query string, both ways
catalogue.py     what is indexed, read once a generation, and example questions from it
answer_view.py   an answer, its filters, the front page
source_view.py   the open source, and a search in it
topics_view.py   the heat map and the quotes of its cells
brief_view.py    the brief and saved questions, and what their buttons do
sources_view.py  the list of sources
rendering.py     templates/ to HTML, everything escaped; which words are marked
page_images.py   pages of a PDF, drawn in a process of their own
uploads.py       a report sent from the page, into the corpus
builds.py        a build in the background

How the page looks is static/desk.css, how it behaves static/*.js.
"""
