// The page's behaviour: addresses, keys, copying, scrolling to the quote.
// Gradio renders; this file only reads what was rendered and asks Gradio for more.
(() => {
  "use strict";

  const SOURCE_KEYS = ["doc", "at", "part", "as", "find"];
  const ASK_VIEW = "answer";
  const RECENT = "qa_app.recent";
  const MOST_RECENT = 5;
  const MOST_SHOWN = 140; // characters of one of them
  const PATIENCE_MS = 60000;
  const SLOW_MS = 600;
  const CATCH_UP_MS = 100;

  const find = (selector, root = document) => root.querySelector(selector);
  const findAll = (selector, root = document) => [...root.querySelectorAll(selector)];
  const question = () => find("#question textarea, #question input");

  let send = null;
  let patience = 0;
  let slow = 0;
  let lastFocus = null;
  let lastAnswer = "";
  let searching = false;
  let caughtUp = null; // the address that the source was asked for once more
  let turning = null; // words of the source's own link that was followed, as "Next page"
  let filtersOpen = null;

  // Addresses

  const answerPart = (search) => {
    const fields = new URLSearchParams(search);
    SOURCE_KEYS.forEach((key) => fields.delete(key));
    return fields.toString();
  };

  const sourcePart = (search) => {
    const fields = new URLSearchParams(search);
    return SOURCE_KEYS.map((key) => fields.get(key) ?? "").join("\n");
  };

  const navigate = (search) => {
    const before = shown;
    const next = search === "?" ? "" : search;
    if (next !== location.search) history.pushState(null, "", location.pathname + next);
    follow(before, next);
  };

  const follow = (before, next) => {
    shown = next;
    if (answerPart(before) === answerPart(next) && find("#answer [data-stamp]")) {
      send("open", { search: next });
    } else {
      busy(true);
      send("go", { search: next });
    }
  };

  let shown = location.search;

  // What Gradio has just rendered

  const busy = (on) => {
    document.body.classList.toggle("is-busy", on);
    find("#answer")?.setAttribute("aria-busy", String(on));
    clearTimeout(patience);
    clearTimeout(slow);
    if (on) {
      patience = setTimeout(() => busy(false), PATIENCE_MS);
      slow = setTimeout(() => document.body.classList.add("is-slow"), SLOW_MS);
    } else {
      document.body.classList.remove("is-slow");
    }
  };

  const whenRendered = (container, action) => {
    let stamp;
    const look = () => {
      const root = find("[data-stamp]", container);
      if (root?.dataset.stamp === stamp) return;
      stamp = root?.dataset.stamp;
      action(root);
    };
    new MutationObserver(look).observe(container, {
      childList: true,
      subtree: true,
      attributes: true,
    });
    look();
  };

  const answerRendered = (root) => {
    busy(false);
    if (!root) return;
    const search = root.dataset.search ?? location.search;
    if (answerPart(search) !== answerPart(location.search)) {
      history.pushState(null, "", location.pathname + search);
      shown = location.search;
    }
    const best = root.dataset.best;
    const opened = new URLSearchParams(location.search).get("doc");
    // The best quote's source comes on its own, so that the answer need not wait for it.
    if (best && !opened && !narrow()) send("peek", { search: best });
    const asked = root.dataset.question;
    document.title = asked ? `${asked} · ${PRODUCT}` : PRODUCT;
    if (asked) remember(asked);
    showRecent();
    showFilters();
    markView();
    window.adding.show();
    markOpenResult();
    find("[data-focus]", root)?.focus();
    const verdict = find("#verdict", root);
    if (verdict) announce(verdict.textContent);
  };

  const sourceRendered = (root) => {
    markOpenResult();
    if (!root) {
      lastFocus?.focus({ preventScroll: true });
      return;
    }
    const opened = new URLSearchParams(location.search).get("doc");
    if (opened && root.classList.contains("is-preview")) {
      // A source was opened while the best one was still on its way.
      send("open", { search: location.search });
      return;
    }
    const isBehind = sourcePart(root.dataset.search) !== sourcePart(location.search);
    if (isBehind && !root.classList.contains("is-preview") && caughtUp !== location.search) {
      // Going back twice at once: Gradio asks for the first twice. Once more, when it has ended.
      caughtUp = location.search;
      setTimeout(() => send("open", { search: location.search }), CATCH_UP_MS);
      return;
    }
    caughtUp = null;
    const box = find(".source-text", root);
    const mark = find("mark, .page-box", root);
    if (box && mark) {
      // The pane ends below the window's edge until the page is scrolled.
      const { top } = box.getBoundingClientRect();
      const inSight = Math.min(box.clientHeight, innerHeight - top);
      box.scrollTop += mark.getBoundingClientRect().top - top - inSight / 3;
    } else if (box) {
      box.scrollTop = 0;
    }
    const preview = root.classList.contains("is-preview");
    if (searching) {
      searching = false;
      find("#find", root).focus();
      announce(find("#hits-title", root)?.textContent ?? "");
      return;
    }
    const title = find("#source-title", root).textContent;
    // Without a path it is a notice: why there is nothing to read.
    if (!preview) announce(find(".path", root) ? `${title} is open.` : title);
    if (turning !== null) {
      // The link went with what it led away from: the same one is the next to press.
      const links = findAll(".source-head a[data-go]", root);
      const again = links.find((link) => link.textContent === turning);
      (again ?? find("#source-title", root)).focus({ preventScroll: true });
      turning = null;
    } else if (narrow() && !preview) find("#source-title", root).focus({ preventScroll: true });
  };

  const viewOf = (search) => new URLSearchParams(search).get("show") || ASK_VIEW;

  const markView = () => {
    const view = viewOf(location.search);
    if (view === ASK_VIEW) lastAnswer = location.search;
    findAll("[data-view]").forEach((link) => {
      if (link.dataset.view === view) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    });
  };

  const roomy = () => matchMedia("(min-width: 1400px)").matches;

  const narrow = () => matchMedia("(max-width: 999px)").matches;

  const markOpenResult = () => {
    const here = new URLSearchParams(find("#source [data-search]")?.dataset.search || "");
    const doc = here.get("doc");
    const at = here.get("at");
    findAll("#answer .result").forEach((result) => {
      const link = find("a.open", result);
      const there = new URLSearchParams(link.getAttribute("href"));
      const open = doc !== null && there.get("doc") === doc && there.get("at") === at;
      result.classList.toggle("is-open", open);
      if (open) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    });
  };

  const announce = (text) => {
    const region = find("#announcer");
    if (region) region.textContent = text;
  };

  // Questions asked before, on this computer only

  const recent = () => {
    try {
      const stored = JSON.parse(localStorage.getItem(RECENT) || "[]");
      return Array.isArray(stored) ? stored.filter((item) => typeof item === "string") : [];
    } catch {
      return [];
    }
  };

  const remember = (asked) => {
    const questions = [asked, ...recent().filter((item) => item !== asked)];
    try {
      localStorage.setItem(RECENT, JSON.stringify(questions.slice(0, MOST_RECENT)));
    } catch {
      // Private windows may refuse; the list is a convenience.
    }
  };

  const showRecent = () => {
    const section = find("#recent");
    if (!section) return;
    const questions = recent();
    section.hidden = questions.length === 0;
    find("ul", section).replaceChildren(
      ...questions.map((asked) => {
        const link = document.createElement("a");
        link.href = `?${new URLSearchParams({ q: asked })}`;
        link.dataset.go = "";
        const long = asked.length > MOST_SHOWN;
        link.textContent = long ? `${asked.slice(0, MOST_SHOWN).trimEnd()}…` : asked;
        const item = document.createElement("li");
        item.append(link);
        return item;
      }),
    );
  };

  // Clicks

  const plainClick = (event) =>
    event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;

  const onClick = (event) => {
    const target = event.target;
    const copy = target.closest("[data-copy]");
    if (copy) {
      copyText(copy);
      return;
    }
    if (target.closest(".narrow > summary")) filtersOpen = !find(".narrow").open;
    if (target.closest("[data-help]")) {
      find("#keys").showModal();
      return;
    }
    const link = target.closest("a[data-go]");
    if (link) {
      if (!plainClick(event)) return;
      event.preventDefault();
      if (link.classList.contains("open")) lastFocus = link;
      turning = link.closest("#source") && !link.matches("[data-close]") ? link.textContent : null;
      const isBack = link.dataset.view === ASK_VIEW && viewOf(location.search) !== ASK_VIEW;
      navigate(isBack ? lastAnswer : link.getAttribute("href"));
      return;
    }
    const result = target.closest(".result");
    if (result && !target.closest("button, summary, details, label, input, textarea") && !String(getSelection())) {
      find("a.open", result).click();
    }
  };

  const onSubmit = (event) => {
    const form = event.target.closest("[data-form]");
    if (!form) return;
    event.preventDefault();
    const search = new URLSearchParams(form.dataset.form);
    const values = findAll("input", form).map((input) => input.value.trim());
    // The fields of a range become one value: "2019..2024".
    const value = form.dataset.range && values.some(Boolean) ? values.join("..") : values[0];
    if (value) search.set(form.dataset.range || find("input", form).name, value);
    searching = "searches" in form.dataset;
    navigate(`?${search}`);
  };

  // The filters

  const onInput = (event) => {
    const box = event.target.closest("[data-narrow]");
    if (!box) return;
    const wanted = box.value.trim().toLowerCase();
    findAll("li", box.parentElement).forEach((item) => {
      item.hidden = !find("a", item).textContent.toLowerCase().includes(wanted);
    });
  };

  const showFilters = () => {
    const panel = find(".narrow");
    // Open where there is room beside the answer, and as the user left it.
    if (panel) panel.open = filtersOpen ?? roomy();
  };

  const copyText = async (button) => {
    const text = button.dataset.copy;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // Without a secure address the clipboard is out of reach: the old way still works.
      const area = document.createElement("textarea");
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    button.classList.add("is-done");
    announce("Copied.");
    setTimeout(() => button.classList.remove("is-done"), 1600);
  };

  // Keys

  const step = (by) => {
    const links = findAll("#answer .result a.open");
    if (!links.length) return;
    const at = links.findIndex((link) => link.closest(".result").contains(document.activeElement));
    const next = at < 0 ? (by > 0 ? 0 : links.length - 1) : at + by;
    const link = links[Math.max(0, Math.min(links.length - 1, next))];
    link.focus();
    link.closest(".result").scrollIntoView({ block: "nearest" });
  };

  const copyChosen = (style) => {
    const result = document.activeElement.closest(".result") ?? find("#source .source");
    if (result) findAll("[data-copy]", result)[style]?.click();
  };

  const onKey = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("#question")) {
      if (event.key === "Escape") question().blur();
      if (event.key === "Enter" && question().value.trim()) busy(true);
      return;
    }
    if (event.target.closest("input, textarea, select, dialog")) return;
    const action = {
      "/": () => {
        question().focus();
        question().select();
      },
      "?": () => find("#keys").showModal(),
      j: () => step(1),
      k: () => step(-1),
      c: () => copyChosen(0),
      h: () => copyChosen(1),
      f: () => find("#find")?.focus(),
      Escape: () => find("[data-close]")?.click(),
    }[event.key];
    if (action) {
      event.preventDefault();
      action();
    }
  };

  const PRODUCT = document.title;

  const start = () => {
    // Gradio mounts its components one by one; the bridge may come before the others.
    if (!find("#header") || !find("#answer") || !find("#source") || !find("#stop") || !question()) {
      requestAnimationFrame(start);
      return;
    }
    whenRendered(find("#answer"), answerRendered);
    whenRendered(find("#source"), sourceRendered);
    whenRendered(find("#header"), () => {
      markView();
      window.adding.show();
    });
    document.addEventListener("click", onClick);
    document.addEventListener("submit", onSubmit);
    document.addEventListener("input", onInput);
    document.addEventListener("keydown", onKey, true);
    window.addEventListener("popstate", () => follow(shown, location.search));
    find("#ask").addEventListener("click", () => question().value.trim() && busy(true));
    find("#stop").addEventListener("click", () => busy(false));
    question().focus();
    window.adding.start();
  };

  // A new generation: the header's counts, and what lists the corpus; an answer or a brief stays.
  const changed = () => {
    send("header", {});
    if (find("#answer .grid")) send("grid", { act: { do: "show" }, search: location.search });
    else if (!find("#answer [data-question], #answer .brief")) send("go", { search: location.search });
  };

  window.desk = {
    announce,
    changed,
    connect(trigger) {
      send = trigger;
      start();
    },
    send: (name, detail) => send(name, detail),
  };
})();
