// The index as it changes: reports added from the page, the build's progress, a new generation.
(() => {
  "use strict";

  const IDLE_MS = 10000;
  const BUSY_MS = 700;
  const NEWS_MS = 30000;
  const find = (selector, root = document) => root.querySelector(selector);
  const findAll = (selector, root = document) => [...root.querySelectorAll(selector)];

  let generation = null;
  let build = null;
  let sending = "";
  let refused = [];
  let timer = 0;
  // What a build before this page was opened said is not news.
  let seen = null;

  const ask = async (path, options) => {
    const response = await fetch(path, options);
    if (response.status === 401) location.reload(); // the session has ended: sign in again
    return [response.ok, await response.json()];
  };

  const look = async () => {
    clearTimeout(timer);
    try {
      if (!document.hidden) take((await ask("state"))[1]);
    } catch {
      // The server is away for a moment; the next look may find it.
    }
    timer = setTimeout(look, build?.running ? BUSY_MS : IDLE_MS);
  };

  const take = (state) => {
    const isNew = generation !== null && state.generation !== generation;
    generation = state.generation;
    const ended = build?.running && !state.build.running;
    seen ??= state.build.running ? state.build.number - 1 : state.build.number;
    build = state.build;
    show();
    if (ended) {
      window.desk.announce(build.message);
      if (!build.failed) setTimeout(forget, NEWS_MS, build.number);
    }
    if (isNew) window.desk.changed();
  };

  const forget = (number) => {
    seen = Math.max(seen, number);
    show();
  };

  const line = () => {
    if (sending) return sending;
    if (!build || build.number <= seen) return "";
    if (!build.running) return `${build.message} ${build.hint}`.trim();
    const count = build.total ? ` ${build.done} of ${build.total}` : "";
    return `${build.stage}${count}${build.label ? `: ${build.label}` : ""} …`;
  };

  const headline = (zone) => {
    if (sending || build?.running) return line();
    return zone ? "" : [line(), ...refused].join(" ").trim();
  };

  const show = () => {
    const zone = find("[data-drop]");
    findAll("[data-build]").forEach((place) => {
      // Beside the files there is room for what went wrong; elsewhere the header says it all.
      const text = place.closest("[data-drop]") ? line() : headline(zone);
      if (place.textContent !== text) place.textContent = text;
      place.hidden = !text;
    });
    findAll("[data-build-bar]").forEach((bar) => {
      bar.hidden = !sending && !build?.running;
      if (build?.running && build.total) {
        bar.max = build.total;
        bar.value = build.done;
      } else {
        bar.removeAttribute("value");
      }
    });
    findAll("[data-again]").forEach((button) => {
      button.hidden = !(build?.failed && line());
    });
    findAll("[data-refused]").forEach((list) => {
      list.replaceChildren(
        ...refused.map((text) => {
          const item = document.createElement("li");
          item.textContent = text;
          return item;
        }),
      );
    });
  };

  const add = async (files) => {
    refused = [];
    let kept = 0;
    for (const [at, file] of files.entries()) {
      sending = `Saving ${at + 1} of ${files.length}: ${file.name} …`;
      show();
      try {
        const [ok, said] = await ask(`upload?${new URLSearchParams({ name: file.name })}`, {
          method: "POST",
          body: file,
        });
        if (ok) kept += 1;
        else refused.push(`${said.message} ${said.hint}`);
      } catch {
        refused.push(`${file.name} could not be sent. Is it larger than 100 MB?`);
      }
    }
    sending = "";
    if (refused.length) window.desk.announce(refused.join(" "));
    if (kept) start();
    else show();
  };

  const start = async () => {
    build = (await ask("build", { method: "POST" }))[1];
    show();
    look();
  };

  document.addEventListener("click", (event) => {
    if (event.target.closest?.("[data-again]")) start();
  });

  document.addEventListener("change", (event) => {
    if (event.target.id !== "add-files") return;
    add([...event.target.files]);
    event.target.value = "";
  });
  ["dragover", "dragleave", "drop"].forEach((kind) => {
    document.addEventListener(kind, (event) => {
      const zone = event.target.closest?.("[data-drop]");
      if (!zone) return;
      event.preventDefault();
      zone.classList.toggle("is-over", kind === "dragover");
      if (kind === "drop" && event.dataTransfer.files.length) add([...event.dataTransfer.files]);
    });
  });
  document.addEventListener("visibilitychange", () => !document.hidden && look());

  window.adding = { show, start: look };
})();
