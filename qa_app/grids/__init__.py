"""Evidence grids: a list of questions asked of every value of a facet.

    file, saved questions ── question_list ──▶ questions
    questions × values ── grid_runner ──▶ Grid ── grid_store ──▶ briefs/grids/NAME.json
    Grid ── as_excel, as_word_table ──▶ .xlsx, .docx

A cell is what the reports say about one question for one value: quotes with their citations, or
nothing. ``grid`` is the model, in which the analyst's marks are kept from build to build.
"""
