// The grids: forms, progress while cells are filled, and a table that stays where it was.
(() => {
  "use strict";

  const POLL_MS = 1200;
  const PATIENCE_MS = 30000; // for a table that was asked for
  const REST = 4; // times as long as it takes to show the table anew, until it is shown again
  const STATE = {}; // stands for the line that says how far the grid is filled
  const find = (selector, root = document) => root.querySelector(selector);
  const findAll = (selector, root = document) => [...root.querySelectorAll(selector)];
  const grid = () => find("#answer .grid[data-grid]");
  const send = (act) => desk.send("grid", { act, search: location.search });

  let timer = 0;
  let done = -1; // questions asked when the table was last shown; -1 while none are being asked
  let run = null; // how far it is, as the server said last
  let sentAt = 0; // when the table was asked for, when it was shown, and how long that took, in ms
  let shownAt = 0;
  let took = 0;
  let say = null; // what is read out when the view has been rendered anew; null: its title
  let sent = ""; // the form on its way
  let name = ""; // of the grid that is shown
  let opened = ""; // address of the open cell
  let scroll = { left: 0, top: 0 }; // of the table
  let width = 0; // of the table's frame when the open cell was last brought into sight
  let unfolded = false; // whether the form with the questions is
  let focus = ""; // key of what has the focus
  const drafts = new Map(); // by key of a field: what was typed into it and not sent

  // Progress

  const look = async () => {
    clearTimeout(timer);
    const here = grid();
    if (!here) return;
    try {
      const response = await fetch(`grid-state?${new URLSearchParams({ name: here.dataset.grid })}`);
      if (response.ok && here === grid()) show(here, await response.json());
    } catch {
      later(); // the server is away for a moment
    }
  };

  const later = () => {
    clearTimeout(timer);
    timer = setTimeout(look, POLL_MS);
  };

  const paint = (here) => {
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
    const trouble = find("[data-grid-trouble]", here);
    trouble.textContent = run.trouble;
    trouble.hidden = !run.trouble;
  };

  const show = (here, state) => {
    run = state;
    paint(here);
    const asked = run.running ? run.done : -1;
    if (run.running || asked !== done) later();
    // One at a time; and a large one takes its time: most of it is left to the questions and the user.
    const now = performance.now();
    const isEarly = sentAt ? now - sentAt < PATIENCE_MS : run.running && now - shownAt < REST * took;
    if (asked === done || isEarly) return;
    done = asked;
    say = run.running ? "" : run.trouble || STATE;
    sentAt = now;
    send({ do: "show" });
  };

  // The view is rendered anew for every question that is done: what the user was doing goes on

  const CONTROLS = ":is(a, button, input, textarea, select, summary, [tabindex])";
  const isToggle = (field) => field.type === "radio" || field.type === "checkbox";

  const keyOf = (item) => {
    if (!item.form) return `${item.tagName} ${item.getAttribute("href") ?? JSON.stringify(item.dataset)}`;
    return `${item.form.dataset.gridForm} ${item.name} ${item.type === "radio" ? item.value : ""}`;
  };

  const noteFocus = ({ target }) => {
    const item = target.closest?.(`#answer .grid ${CONTROLS}`);
    focus = item ? keyOf(item) : "";
  };

  const refocus = () => {
    if (!focus || document.activeElement !== document.body) return;
    const item = findAll(`#answer .grid ${CONTROLS}`).find((other) => keyOf(other) === focus);
    item?.focus({ preventScroll: true });
    const caret = drafts.get(focus)?.caret;
    if (caret) item?.setSelectionRange(...caret);
  };

  const restore = () => {
    findAll("#answer .grid form :is(input, textarea, select)").forEach((field) => {
      const draft = drafts.get(keyOf(field));
      if (!draft) return;
      if (isToggle(field)) field.checked = true;
      else field.value = draft.value;
    });
    const more = find("#answer .grid-more");
    unfolded ||= more?.open ?? false; // by the server, which could not use the questions
    if (more) more.open = unfolded;
  };

  // The source that opens beside the table makes it narrower.
  const resized = new ResizeObserver(([{ target: frame }]) => {
    const cell = find("a[aria-current]", frame)?.getBoundingClientRect();
    if (!cell || frame.clientWidth === width) return;
    width = frame.clientWidth;
    const box = frame.getBoundingClientRect();
    const { scrollPaddingLeft, scrollPaddingTop } = getComputedStyle(frame);
    const right = cell.right - box.left - frame.clientWidth;
    const below = cell.bottom - box.top - frame.clientHeight;
    frame.scrollBy({
      left: Math.max(0, right) || Math.min(0, cell.left - box.left - parseFloat(scrollPaddingLeft)),
      top: Math.max(0, below) || Math.min(0, cell.top - box.top - parseFloat(scrollPaddingTop)),
    });
  });

  const readOut = () => {
    const kept = find("#answer [data-grid-kept]");
    if (sent === "mark" && kept && !find("#answer .trouble[role]")) {
      kept.hidden = false;
      say = kept.textContent;
    }
    sent = "";
    if (say !== null) desk.announce(say === STATE ? find("#answer .verdict p").textContent : say);
    say = null;
  };

  const rendered = () => {
    const frame = find("#answer .grid .heat-frame");
    if (grid()?.dataset.grid !== name) {
      name = grid()?.dataset.grid;
      scroll = { left: 0, top: 0 };
      opened = "";
      unfolded = false;
      run = null;
    }
    shownAt = performance.now();
    if (sentAt) took = shownAt - sentAt;
    sentAt = 0;
    if (run && grid()) paint(grid());
    frame?.scrollTo(scroll.left, scroll.top);
    restore();
    const cell = find("#answer .grid .heat a[aria-current]");
    if (cell && cell.getAttribute("href") !== opened) {
      width = 0;
      find("#cell-title").focus();
    } else if (opened && !cell) focus = `A ${opened}`;
    opened = cell?.getAttribute("href") ?? "";
    resized.disconnect();
    if (frame) resized.observe(frame);
    refocus();
    setTimeout(readOut); // after desk.js, which reads out the title
    look();
  };

  document.addEventListener("focusin", noteFocus);
  // A click beside everything takes the focus away without an event.
  document.addEventListener("pointerdown", noteFocus);

  document.addEventListener(
    "scroll",
    ({ target }) => {
      if (target.matches?.("#answer .grid .heat-frame")) scroll = { left: target.scrollLeft, top: target.scrollTop };
    },
    true,
  );

  // Not by the event "toggle", which comes too late if the view is rendered anew at once.
  document.addEventListener("click", ({ target }) => {
    const more = target.closest("#answer .grid-more > summary")?.parentElement;
    if (more) unfolded = !more.open;
  });

  document.addEventListener("input", ({ target }) => {
    const { form } = target;
    if (!target.closest("#answer .grid form") || target.type === "file") return;
    const seen = form.elements.seen;
    // A mark that another window makes from now on is not overwritten unseen.
    if (seen && !drafts.has(keyOf(seen))) drafts.set(keyOf(seen), { value: seen.value });
    findAll("[type=radio]", form).forEach((radio) => target.type === "radio" && drafts.delete(keyOf(radio)));
    const caret = target.matches("textarea") && [target.selectionStart, target.selectionEnd];
    if (isToggle(target) && !target.checked) drafts.delete(keyOf(target));
    else drafts.set(keyOf(target), { value: target.value, caret });
  });

  document.addEventListener("keydown", (event) => {
    const close = event.key === "Escape" && !find("#source [data-close]") && find("#answer [data-grid-close]");
    if (close && !event.target.closest("input, textarea, select, dialog, #question")) close.click();
  });

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
    // From here on they are the server's, which sends them back if it cannot use them.
    [...form.elements].forEach((field) => drafts.delete(keyOf(field)));
    if (act.do === "ask" || act.do === "new") {
      done = 0;
      unfolded = false; // the server unfolds it again if it cannot use them
    }
    sent = act.do;
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
    }
  });

  document.addEventListener("change", async (event) => {
    if (event.target.id !== "grid-file" || !event.target.files.length) return;
    const [file] = event.target.files;
    const form = event.target.form;
    const bytes = await file.arrayBuffer();
    try {
      form.elements.text.value = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    } catch {
      form.elements.text.value = new TextDecoder("windows-1252").decode(bytes); // as Excel saves CSV
    }
    form.dataset.table = /\.(csv|tsv)$/i.test(file.name);
    form.elements.text.focus();
    event.target.value = ""; // so that the same file can be read once more
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
