"""The web page and the HTTP API: a thin face over ``qa_app.api``.

app.py          builds the page and serves it
layout.py       the components, and which event calls what
events.py       what each event does: the address in, HTML out
public_api.py   the functions that are the HTTP API
navigation.py   the views of the left side, in one table
address.py      the page's state as a query string, both ways
handlers.py     an Answer as view models, pure
source.py       a Document as a view model, pure
filtering.py    what an answer is kept to, and could be
brief_view.py   the brief and the saved questions as view models, pure
brief_desk.py   what the brief's buttons do
catalogue.py    what is indexed: header, list of sources
examples.py     example questions, made from the corpus
finding.py      words searched for inside the open source
marking.py      which words of a text are marked
originals.py    the files that documents were read from
routes.py       routes of our own beside Gradio's
uploads.py      a report sent from the page, into the corpus
builds.py       a build in the background
page_images.py  pages of a PDF, drawn by a worker process
views.py        the view models
rendering.py    view models to HTML, through templates/ that escape everything; the look is
                static/desk.css, the behaviour static/*.js
security.py     hosts, routes, bodies, headers
access.py       names and passwords
"""
