// The table of a contrast: search, choice of genes, order, pages, keys, download.

const CHOICES = [
  ["all", "all genes", () => true],
  ["found", "significant", (direction) => direction > 0],
  ["up", "significant, up", (direction) => direction === 1],
  ["down", "significant, down", (direction) => direction === 2],
];
// Columns whose largest values come first when their heading is chosen.
const FROM_ABOVE = new Set(["baseMean", "log2FoldChange", "stat"]);
// A search that leaves no more genes than this marks them in the figures.
const MARKED = 60;
const WAIT = 90;

class GeneTable {
  constructor(root, contrast) {
    this.root = root;
    this.contrast = contrast;
    this.table = root.querySelector("table");
    this.body = this.table.tBodies[0];
    this.scroll = root.querySelector(".scroll");
    this.count = root.querySelector(".count");
    this.sorted = { name: contrast.ranking, down: false };
    this.page = 0;
    this.size = 25;
    this.note = "";
    this.addControls();
    this.addHeadings();
    this.addPages();
    this.count.setAttribute("role", "status");
    this.count.setAttribute("aria-live", "polite");
    this.body.addEventListener("click", (event) => this.clicked(event));
    this.body.addEventListener("keydown", (event) => this.pressed(event));
    contrast.addEventListener("chosen", (event) => this.follow(event.detail));
    this.ordered = contrast.order;
    this.select();
  }

  addControls() {
    const id = `explorer-${this.contrast.place}`;
    this.search = make("input", { type: "search", id: `${id}-search`, autocomplete: "off" });
    this.choice = make("select", { id: `${id}-choice` });
    const totals = CHOICES.map(([, , test]) => this.contrast.directions.filter(test).length);
    CHOICES.forEach(([value, text], i) => {
      const label = `${text} (${counted(totals[i])})`;
      this.choice.append(make("option", { value, textContent: label }));
    });
    const save = make("button", { type: "button", textContent: "Download these rows (TSV)" });
    const about = this.contrast.shown.slice(1, 1 + this.contrast.annotated.size);
    const sought = ["gene", ...about].join(", ");
    this.root.prepend(
      make(
        "div",
        { className: "controls", role: "search", "aria-label": `Genes, ${this.contrast.label}` },
        make("label", { for: this.search.id, textContent: `Search ${sought}` }, this.search),
        make("label", { for: this.choice.id, textContent: "Show" }, this.choice),
        save,
      ),
    );
    let waiting = 0;
    this.search.addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => this.select(), WAIT);
    });
    this.choice.addEventListener("change", () => this.select());
    save.addEventListener("click", () => this.download());
  }

  addHeadings() {
    this.headings = new Map();
    for (const heading of this.table.tHead.rows[0].cells) {
      const name = heading.dataset.column;
      const arrow = make("span", { className: "arrow", "aria-hidden": "true" });
      const button = make("button", { type: "button" }, name, arrow);
      heading.replaceChildren(button);
      button.addEventListener("click", () => this.sort(name));
      this.headings.set(name, heading);
    }
  }

  addPages() {
    const button = (text, label, step) => {
      const made = make("button", { type: "button", textContent: text, "aria-label": label });
      made.addEventListener("click", () => {
        if (made.getAttribute("aria-disabled") !== "true") this.turn(step());
      });
      return made;
    };
    this.back = [
      button("\u00ab", "First page", () => 0),
      button("\u2039", "Previous page", () => this.page - 1),
    ];
    this.ahead = [
      button("\u203a", "Next page", () => this.page + 1),
      button("\u00bb", "Last page", () => this.pages - 1),
    ];
    this.where = make("span", { className: "where" });
    const id = `explorer-${this.contrast.place}-size`;
    const sizes = make("select", { id });
    for (const size of [10, 25, 50, 100]) {
      sizes.append(make("option", { value: size, textContent: size, selected: size === this.size }));
    }
    sizes.addEventListener("change", () => {
      const first = this.page * this.size;
      this.size = Number(sizes.value);
      this.turn(Math.floor(first / this.size));
    });
    this.scroll.after(
      make(
        "nav",
        { className: "pages", "aria-label": `Pages of genes, ${this.contrast.label}` },
        ...this.back,
        this.where,
        ...this.ahead,
        make("label", { for: id, textContent: "Rows" }, sizes),
      ),
    );
  }

  sort(name) {
    const same = this.sorted.name === name;
    this.sorted = { name, down: same ? !this.sorted.down : FROM_ABOVE.has(name) };
    this.arrange();
    this.select();
  }

  // Rows in the order asked for. Missing values and empty texts come last in both directions.
  arrange() {
    const { name, down } = this.sorted;
    const { rank, order } = this.contrast;
    if (name === this.contrast.ranking && !down) {
      this.ordered = order;
      return;
    }
    const values = Array.from({ length: this.contrast.n }, (_, i) => key(this.contrast.value(name, i)));
    const absent = (value) => value === "" || Number.isNaN(value);
    const known = order.filter((row) => !absent(values[row]));
    const side = down ? -1 : 1;
    known.sort((a, b) => side * minus(values[a], values[b]) || rank[a] - rank[b]);
    this.ordered = [...known, ...order.filter((row) => absent(values[row]))];
  }

  // Rows that search and choice leave.
  select() {
    const sought = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const [, , chosen] = CHOICES.find(([value]) => value === this.choice.value);
    const { directions } = this.contrast;
    let rows = this.ordered;
    if (sought.length || this.choice.value !== "all") {
      const texts = sought.length ? this.texts() : [];
      rows = rows.filter(
        (row) => chosen(directions[row]) && sought.every((part) => texts[row].includes(part)),
      );
    }
    this.rows = rows;
    this.note = "";
    this.contrast.mark(sought.length && rows.length <= MARKED ? Array.from(rows) : []);
    this.turn(0);
  }

  texts() {
    if (!this.searched) {
      const columns = [this.contrast.gene, ...this.contrast.annotated.values()];
      this.searched = this.contrast.gene.map((_, row) =>
        columns.map((values) => values[row]).join("\t").toLowerCase(),
      );
    }
    return this.searched;
  }

  get pages() {
    return Math.max(1, Math.ceil(this.rows.length / this.size));
  }

  turn(page) {
    this.page = Math.min(Math.max(page, 0), this.pages - 1);
    const first = this.page * this.size;
    const shown = Array.from(this.rows.slice(first, first + this.size));
    this.body.replaceChildren(...shown.map((row) => geneLine(this.contrast, row)));
    const buttons = this.buttons();
    const chosen = buttons.find((button) => Number(button.dataset.row) === this.contrast.chosen);
    this.rove(chosen ?? buttons[0]);
    for (const [name, heading] of this.headings) {
      const own = name === this.sorted.name;
      const state = own ? (this.sorted.down ? "descending" : "ascending") : "none";
      heading.setAttribute("aria-sort", state);
    }
    this.tell(first, shown.length);
  }

  tell(first, n) {
    const { down, name } = this.sorted;
    const all = this.contrast.n;
    const of = this.rows.length;
    const part = of === all ? "" : ` found among ${counted(all)}`;
    const order = `sorted by ${name}, ${down ? "descending" : "ascending"}`;
    const text = n
      ? `Genes ${counted(first + 1)} to ${counted(first + n)} of ${counted(of)}${part}, ${order}.`
      : `No gene found among ${counted(all)}.`;
    this.count.textContent = this.note ? `${this.note} ${text}` : text;
    this.where.textContent = `Page ${counted(this.page + 1)} of ${counted(this.pages)}`;
    for (const button of this.back) button.setAttribute("aria-disabled", String(this.page === 0));
    const last = this.page === this.pages - 1;
    for (const button of this.ahead) button.setAttribute("aria-disabled", String(last));
  }

  buttons() {
    return Array.from(this.body.querySelectorAll("button.gene"));
  }

  // One row takes part in the order of the Tab key; arrows go from there.
  rove(button) {
    for (const each of this.buttons()) each.tabIndex = each === button ? 0 : -1;
  }

  clicked(event) {
    const button = event.target.closest("tr")?.querySelector("button.gene");
    if (!button) return;
    this.rove(button);
    this.contrast.choose(Number(button.dataset.row), "table");
  }

  pressed(event) {
    const buttons = this.buttons();
    const at = buttons.indexOf(event.target.closest("button.gene"));
    if (at < 0 || event.altKey || event.ctrlKey || event.metaKey) return;
    const last = buttons.length - 1;
    const steps = {
      ArrowDown: () => (at < last ? [0, at + 1] : [1, 0]),
      ArrowUp: () => (at > 0 ? [0, at - 1] : [-1, Infinity]),
      PageDown: () => [1, at],
      PageUp: () => [-1, at],
      Home: () => [0, 0],
      End: () => [0, last],
    };
    const step = steps[event.key]?.();
    if (!step) return;
    event.preventDefault();
    const page = this.page + step[0];
    if (page < 0 || page >= this.pages) return;
    if (step[0]) this.turn(page);
    const now = this.buttons();
    const next = now[Math.min(step[1], now.length - 1)];
    this.rove(next);
    next.focus();
  }

  // A gene was chosen: mark its row; from a figure, find it first.
  follow(from) {
    const { chosen } = this.contrast;
    if (from === "figure") this.find(chosen);
    for (const button of this.buttons()) {
      const own = Number(button.dataset.row) === chosen;
      button.setAttribute("aria-pressed", String(own));
      button.closest("tr").classList.toggle("chosen", own);
    }
  }

  find(row) {
    let place = this.rows.indexOf(row);
    if (place < 0) {
      this.search.value = "";
      this.choice.value = "all";
      this.select();
      this.note = "All genes are shown again.";
      place = this.rows.indexOf(row);
    }
    this.turn(Math.floor(place / this.size));
    const button = this.buttons().find((each) => Number(each.dataset.row) === row);
    button.focus({ preventScroll: true });
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    button.closest("tr").scrollIntoView({ block: "nearest", behavior: calm ? "auto" : "smooth" });
  }

  download() {
    const { contrast } = this;
    const text = tsv(contrast, this.rows);
    const link = make("a", {
      href: URL.createObjectURL(new Blob([text], { type: "text/tab-separated-values" })),
      download: `genes_${contrast.label.replace(/[^\p{L}\p{N}.-]+/gu, "_")}.tsv`,
    });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }
}
