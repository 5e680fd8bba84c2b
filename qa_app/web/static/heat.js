// Arrow keys in the heat map: to the next cell that has something in it.
(() => {
  "use strict";

  const STEPS = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] };

  const next = (cell, [down, right]) => {
    let row = cell.parentElement;
    let column = cell.cellIndex;
    for (;;) {
      if (down) row = down > 0 ? row.nextElementSibling : row.previousElementSibling;
      column += right;
      const found = row?.cells[column];
      if (!found) return null;
      const link = found.querySelector("a");
      if (link) return link;
    }
  };

  document.addEventListener("keydown", (event) => {
    const step = STEPS[event.key];
    if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
    const cell = event.target.closest?.(".heat tbody a")?.parentElement;
    if (!cell) return;
    event.preventDefault();
    next(cell, step)?.focus();
  });
})();
