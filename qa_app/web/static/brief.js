// The brief: Pin buttons, notes that save themselves, order, saved questions.
// The server keeps everything; this file sends what was done and shows what it said.
(() => {
  "use strict";

  const IDLE_MS = 800;
  const LOST_MS = 5000;
  const LOOKS_MS = [0, 15000, 60000];

  const find = (selector, root = document) => root.querySelector(selector);
  const findAll = (selector, root = document) => [...root.querySelectorAll(selector)];

  let focusNext = null;

  const state = () => find("#notices [data-stamp]");
  const listed = (name) => JSON.parse(state()?.dataset[name] || "[]");
  const aside = (act) => desk.send("aside", { act });

  // Pin and Save buttons show what the server knows

  const markButtons = () => {
    const pinned = new Set(listed("pinned"));
    findAll("[data-pin]").forEach((button) => {
      const place = JSON.parse(button.dataset.pin);
      const on = pinned.has(`${place.doc} ${place.at} ${place.value}`);
      if (button.getAttribute("aria-pressed") !== String(on)) {
        button.setAttribute("aria-pressed", on);
        find(".pin-word", button).textContent = on ? "Pinned" : "Pin";
      }
    });
    const saved = new Set(listed("saved"));
    findAll("[data-save]").forEach((button) => {
      const on = saved.has(button.dataset.save);
      if (button.disabled !== on) {
        button.disabled = on;
        button.textContent = on ? "Question saved" : "Save this question";
      }
    });
    const link = find('#header [data-view="brief"]');
    const quotes = Number(state()?.dataset.quotes || 0);
    if (link && link.dataset.quotes !== String(quotes)) {
      link.dataset.quotes = quotes;
      link.textContent = quotes ? `Brief (${quotes})` : "Brief";
    }
  };

  const togglePin = (button) => {
    const on = button.getAttribute("aria-pressed") === "true";
    const { question, foundBy } = button.closest("[data-found-by], [data-question]")?.dataset ?? {};
    const found = { question: foundBy ?? question ?? "" };
    aside({ ...JSON.parse(button.dataset.pin), ...found, do: on ? "unpin" : "pin" });
  };

  // Notes

  const notes = () => findAll("[data-note]", find("#answer"));
  const stored = (note) => note.dataset.stored ?? note.defaultValue;
  const packed = (note) => ({
    do: "note",
    id: Number(note.dataset.note),
    text: note.value,
    seen: Number(note.dataset.seen),
  });

  const say = (note, words) => {
    const place = find(".note-state", note.closest("[data-item]"));
    if (place) place.textContent = words;
  };

  const saveNote = (note) => {
    if (!note.isConnected || note.value === stored(note)) return;
    // One at a time: the next save has to name the version that this one makes.
    if (Date.now() - Number(note.dataset.sentAt || 0) < LOST_MS) return;
    note.dataset.sentAt = Date.now();
    note.dataset.sent = note.value;
    say(note, "Saving …");
    aside(packed(note));
  };

  const noteAnswered = (root) => {
    const note = find(`#answer [data-note="${root.dataset.note}"]`);
    if (!note || note.dataset.sent === undefined) return;
    note.dataset.sentAt = 0;
    note.dataset.seen = root.dataset.version;
    if (root.dataset.trouble) {
      say(note, "Not saved");
      return;
    }
    note.dataset.stored = note.dataset.sent;
    say(note, "Saved");
    saveNote(note);
  };

  let idle = 0;
  const onInput = (event) => {
    const note = event.target.closest("[data-note]");
    if (!note) return;
    say(note, "");
    if (note.matches("textarea")) fit(note);
    clearTimeout(idle);
    idle = setTimeout(() => saveNote(note), IDLE_MS);
  };

  const fit = (area) => {
    area.style.height = "auto";
    area.style.height = `${area.scrollHeight + 2}px`;
  };

  // Changes to the brief

  const change = (act) => {
    const unsaved = notes().filter((note) => note.value !== stored(note));
    desk.send("revise", { act: { ...act, notes: unsaved.map(packed) } });
  };

  const press = (button) => {
    const act = JSON.parse(button.dataset.change);
    focusNext = act.do === "remove" ? ".undo button" : `[data-item="${act.id}"] .${
      act.by < 0 ? "move-up" : act.by > 0 ? "move-down" : "open"}`;
    change(act);
  };

  const onClick = (event) => {
    const button = event.target.closest("[data-pin], [data-save], [data-aside], [data-change]");
    if (!button) return;
    if (button.dataset.pin) togglePin(button);
    else if (button.dataset.save) aside({ do: "save", search: button.dataset.save });
    else if (button.dataset.change) press(button);
    else {
      const act = JSON.parse(button.dataset.aside);
      if (act.do === "forget") button.closest("[data-saved-item]").remove();
      aside(act);
    }
  };

  const onSubmit = (event) => {
    const form = event.target.closest("[data-brief-form]");
    if (!form) return;
    event.preventDefault();
    const act = JSON.parse(form.dataset.briefForm);
    focusNext = act.do === "heading" ? "#new-heading" : "#brief-title";
    change({ ...act, text: form.elements.text.value });
  };

  const onKey = (event) => {
    const item = event.target.closest("[data-item]");
    const arrow = { ArrowUp: ".move-up", ArrowDown: ".move-down" }[event.key];
    if (item && arrow && event.altKey) {
      event.preventDefault();
      find(arrow, item).click();
    }
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
    if (plain && event.key === "p" && !event.target.closest("input, textarea, select, dialog")) {
      // The chosen quote, else the one whose source is open.
      const result = event.target.closest(".result") ?? find("#answer .result.is-open");
      if (result) find("[data-pin]", result)?.click();
    }
  };

  // What Gradio has just rendered

  const noticesRendered = (root) => {
    if (Number(root.dataset.note)) noteAnswered(root);
    else if (root.dataset.said) desk.announce(root.dataset.said);
  };

  // A new generation: saved questions are asked of it in a while.
  let generation = null;
  const headerRendered = (root) => {
    if (generation !== null && root.dataset.stamp !== generation) {
      LOOKS_MS.forEach((after) => setTimeout(() => aside({ do: "look" }), after));
    }
    generation = root.dataset.stamp;
  };

  const answerRendered = () => {
    findAll("textarea[data-note]", find("#answer")).forEach(fit);
    if (!focusNext || !find("#answer .brief")) return;
    const wanted = find(`#answer ${focusNext}`);
    const near = wanted?.disabled ? wanted.parentElement.querySelector("button:enabled") : wanted;
    near?.focus();
    focusNext = null;
  };

  const watch = (container, action) => {
    let stamp;
    const look = () => {
      const root = find("[data-stamp]", container);
      markButtons();
      if (!root || root.dataset.stamp === stamp) return;
      stamp = root.dataset.stamp;
      action(root);
    };
    new MutationObserver(look).observe(container, {
      childList: true,
      subtree: true,
      attributes: true,
      attributeFilter: ["data-stamp"],
    });
    look();
  };

  const start = () => {
    if (!window.desk || !find("#answer") || !find("#notices") || !find("#header")) {
      requestAnimationFrame(start);
      return;
    }
    watch(find("#notices"), noticesRendered);
    watch(find("#answer"), answerRendered);
    watch(find("#header"), headerRendered);
    document.addEventListener("click", onClick);
    document.addEventListener("submit", onSubmit);
    document.addEventListener("input", onInput);
    document.addEventListener("change", (event) => {
      const note = event.target.closest("[data-note]");
      if (note) saveNote(note);
    });
    document.addEventListener("keydown", onKey);
  };

  start();
})();
