// Figures whose points have names. A gene's place is a fraction of the picture, so that the marks
// follow it through every size of the window.

const NEAR = 12;

class PointFigure {
  constructor(figure, contrast, across, down) {
    this.contrast = contrast;
    this.across = across;
    this.down = down;
    this.kind = figure.dataset.points;
    this.image = figure.querySelector("img");
    this.layer = make("div", { className: "plot" });
    this.image.replaceWith(this.layer);
    this.found = make("div", { className: "found", "aria-hidden": "true" });
    this.chosen = this.mark("chosen");
    this.near = this.mark("near");
    this.tip = make("div", { className: "tip", hidden: true, "aria-hidden": "true" });
    this.layer.append(this.image, this.found, this.chosen, this.near, this.tip);
    this.layer.addEventListener("pointermove", (event) => this.point(event));
    this.layer.addEventListener("pointerleave", () => this.leave());
    this.layer.addEventListener("click", (event) => this.click(event));
    const hint = " Point at a gene for its name; a click finds it in the table.";
    figure.querySelector("figcaption").append(make("span", { className: "hint", textContent: hint }));
    contrast.addEventListener("chosen", () => this.follow());
    contrast.addEventListener("marked", () => this.markFound());
    this.follow();
    this.markFound();
  }

  mark(kind) {
    return make("div", { className: `ring ${kind}`, hidden: true, "aria-hidden": "true" });
  }

  // The drawn gene nearest to the pointer, -1 where none is near.
  nearest(event) {
    const box = this.image.getBoundingClientRect();
    const x = event.clientX - box.left;
    const y = event.clientY - box.top;
    const { rank } = this.contrast;
    let best = -1;
    let least = NEAR * NEAR;
    for (let row = 0; row < this.across.length; row++) {
      const right = this.across[row] * box.width - x;
      const below = this.down[row] * box.height - y;
      const square = right * right + below * below;
      // Of genes in one place the better ranked is named.
      if (square < least || (square === least && best >= 0 && rank[row] < rank[best])) {
        best = row;
        least = square;
      }
    }
    return best;
  }

  point(event) {
    const row = this.nearest(event);
    this.layer.classList.toggle("over", row >= 0);
    if (row < 0) {
      this.leave();
      return;
    }
    this.put(this.near, row);
    this.tip.replaceChildren(
      make("strong", { textContent: this.contrast.called(row) }),
      ...this.lines(row).map((text) => make("span", { textContent: text })),
    );
    this.tip.hidden = false;
    this.placeTip(row);
  }

  lines(row) {
    const { values, evidence, used } = this.contrast;
    const lines = [`mean ${written("baseMean", values.get("baseMean")[row])}`];
    lines.push(`log2 fold change ${written("", values.get("log2FoldChange")[row])}`);
    lines.push(`${evidence} ${written(evidence, values.get(evidence)[row])}`);
    if (this.kind === "dispersion") lines.push(`dispersion ${Number(used[row].toPrecision(3))}`);
    const note = this.contrast.word("note", row);
    return note ? [...lines, note] : lines;
  }

  // Beside the point, inside the picture's width.
  placeTip(row) {
    const width = this.layer.clientWidth;
    const height = this.layer.clientHeight;
    const right = this.across[row] * width + NEAR;
    const left = this.across[row] * width - NEAR - this.tip.offsetWidth;
    const at = right + this.tip.offsetWidth <= width ? right : left;
    this.tip.style.left = `${Math.max(0, Math.min(at, width - this.tip.offsetWidth))}px`;
    const top = this.down[row] * height - this.tip.offsetHeight - NEAR;
    this.tip.style.top = `${top >= 0 ? top : this.down[row] * height + NEAR}px`;
  }

  leave() {
    this.layer.classList.remove("over");
    this.near.hidden = true;
    this.tip.hidden = true;
  }

  click(event) {
    const row = this.nearest(event);
    if (row < 0) return;
    this.contrast.choose(row, "figure");
  }

  put(mark, row) {
    const drawn = row >= 0 && !Number.isNaN(this.across[row]);
    mark.hidden = !drawn;
    if (!drawn) return;
    mark.style.left = `${100 * this.across[row]}%`;
    mark.style.top = `${100 * this.down[row]}%`;
  }

  follow() {
    const { chosen } = this.contrast;
    this.put(this.chosen, chosen);
    if (chosen < 0) return;
    const right = this.across[chosen] > 0.5;
    const label = make("span", { textContent: this.contrast.called(chosen).replace(/ \(.*/, "") });
    label.classList.toggle("left", right);
    this.chosen.replaceChildren(label);
  }

  markFound() {
    const marks = this.contrast.found
      .filter((row) => !Number.isNaN(this.across[row]))
      .map((row) => {
        const mark = make("div", { className: "ring" });
        this.put(mark, row);
        return mark;
      });
    this.found.replaceChildren(...marks);
  }
}
