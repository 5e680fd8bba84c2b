// The grids: forms, progress while cells are filled, and a table that stays where it was.
(() => {
  "use strict";

  const POLL_MS = 1200;
  const find = (selector, root = document) => root.querySelector(selector);
  const findAll = (selector, root = document) => [...root.querySelectorAll(selector)];
  const grid = () => find("#answer .grid[data-grid]");
  const send = (act) => desk.send("grid", { act, search: location.search });

  let timer = 0;
  let done = -1; // questions asked when the table was last shown
  let place = null; // where the table was scrolled to, and the cell that had the focus

  // Progress

  const look = async () => {
    clearTimeout(timer);
    const here = grid();
    if (!here) return;
    try {
      const response = await fetch(`grid-state?${new URLSearchParams({ name: here.dataset.grid })}`);
      if (response.ok) show(here, await response.json());
    } catch {
      timer = setTimeout(look, POLL_MS); // the server is away for a moment
    }
  };

  const show = (here, run) => {
    const line = find("[data-grid-progress]", here);
    const fill = find("[data-grid-fill]", here);
    line.hidden = !run.running;
    if (fill) fill.hidden = run.running;
    const bar = find("progress", line);
    if (run.total) {
      bar.max = run.total;
      bar.value = run.done;
      find("span", line).textContent = `${run.done} of ${run.total} questions asked`;
    } else {
      bar.removeAttribute("value");
      find("span", line).textContent = "Waiting for its turn …";
    }
    const was = done;
    done = run.running ? run.done : -1;
    if (run.running) timer = setTimeout(look, POLL_MS);
    else if (was >= 0) desk.announce(run.trouble || "All questions have been asked.");
    // Not while something is being written: it would be lost.
    const writing = document.activeElement?.matches("#answer :is(textarea, input, select)");
    if (was >= 0 && was !== done && !writing) again();
  };

  const again = () => {
    keep();
    desk.send("go", { search: location.search });
  };

  // The table

  const keep = () => {
    const frame = find("#answer .grid .heat-frame");
    const focus = document.activeElement?.closest?.("#answer .grid a")?.getAttribute("href");
    place = frame && { left: frame.scrollLeft, focus };
  };

  const rendered = () => {
    const frame = find("#answer .grid .heat-frame");
    if (frame && place) {
      frame.scrollLeft = place.left;
      const link = findAll("#answer .grid a").find((a) => a.getAttribute("href") === place.focus);
      link?.focus({ preventScroll: true });
    }
    place = null;
    look();
  };

  // Forms

  document.addEventListener("submit", (event) => {
    const form = event.target.closest("[data-grid-form]");
    if (!form) return;
    event.preventDefault();
    const act = JSON.parse(form.dataset.gridForm);
    new FormData(form).forEach((value, name) => {
      if (typeof value === "string") act[name] = value;
    });
    act.saved = form.elements.saved?.checked ?? false;
    act.table = form.dataset.table === "true";
    keep();
    if (act.do === "mark") desk.announce("Kept.");
    if (act.do === "ask" || act.do === "new") done = 0;
    send(act);
  });

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-grid-act]");
    if (button) {
      if (!("sure" in button.dataset) || confirm(`${button.textContent}?`)) {
        const act = JSON.parse(button.dataset.gridAct);
        if (act.do === "fill") done = 0;
        send(act);
      }
    } else if (event.target.closest("#answer .grid .heat a")) keep();
  });

  document.addEventListener("change", async (event) => {
    if (event.target.id !== "grid-file" || !event.target.files.length) return;
    const [file] = event.target.files;
    const form = event.target.form;
    form.elements.text.value = await file.text();
    form.dataset.table = /\.(csv|tsv)$/i.test(file.name);
    form.elements.text.focus();
  });

  const start = () => {
    const answer = find("#answer");
    if (!window.desk || !answer) {
      requestAnimationFrame(start);
      return;
    }
    let stamp;
    const changed = () => {
      const root = find(".grid[data-stamp]", answer);
      if (root?.dataset.stamp === stamp) return;
      stamp = root?.dataset.stamp;
      if (root) rendered();
    };
    new MutationObserver(changed).observe(answer, {
      childList: true,
      subtree: true,
      attributes: true,
      attributeFilter: ["data-stamp"],
    });
    changed();
  };

  start();
})();
