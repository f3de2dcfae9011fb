// The data of the page. Every column is deflated and in base64, the bytes of its values apart:
// first the first byte of all values, then the second (explorer_pack.py packs them).

const MISSING = 4095;
const STEPS = 4094;

const stored = JSON.parse(document.getElementById("explorer-data").textContent);
const opened = new Map();

async function inflated(text) {
  const packed = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const plain = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(plain).arrayBuffer());
}

// Put the bytes of every value together again, behind `leading` bytes that are zero.
function together(bytes, width, leading) {
  const n = bytes.length / width;
  const whole = new Uint8Array(n * (width + leading));
  for (let part = 0; part < width; part++) {
    let to = leading + part;
    for (let i = part * n; i < (part + 1) * n; i++) {
      whole[to] = bytes[i];
      to += width + leading;
    }
  }
  return whole.buffer;
}

const readers = {
  number: (bytes) => new Float64Array(together(bytes, 4, 4)),
  whole: (bytes) => new Float64Array(together(bytes, 8, 0)),
  text: (bytes) => new TextDecoder().decode(bytes).split("\n"),
  category: (bytes, { words }) => ({ words, codes: new Uint16Array(together(bytes, 2, 0)) }),
  order: (bytes) => new Uint32Array(together(bytes, 4, 0)),
  fraction(bytes) {
    const steps = new Uint16Array(together(bytes, 2, 0));
    return Float32Array.from(steps, (step) => (step === MISSING ? NaN : step / STEPS));
  },
};

// Columns that several contrasts share are opened once.
function column(place) {
  if (!opened.has(place)) {
    const segment = stored.segments[place];
    opened.set(place, inflated(segment.data).then((bytes) => readers[segment.kind](bytes, segment)));
  }
  return opened.get(place);
}

async function columnsOf(places) {
  const names = Object.keys(places);
  const values = await Promise.all(names.map((name) => column(places[name])));
  return new Map(names.map((name, i) => [name, values[i]]));
}

// One contrast: its columns, and which gene is chosen. Tables and figures listen to it.
class Contrast extends EventTarget {
  constructor(description) {
    super();
    Object.assign(this, description);
    this.chosen = -1;
    this.found = [];
  }

  async open() {
    const [genes, note, direction, dispersion, order] = await Promise.all(
      [this.genes, this.note, this.direction, this.dispersion, this.order].map(column),
    );
    this.gene = genes;
    this.n = genes.length;
    this.notes = note;
    this.directions = Uint8Array.from(direction.codes, (code) => Number(direction.words[code]));
    this.used = dispersion;
    this.order = order;
    this.annotated = await columnsOf(this.annotation);
    this.values = await columnsOf(this.numbers);
    this.worded = await columnsOf(this.words);
    // A gene's place in the order of the test settles ties of every other order.
    this.rank = new Uint32Array(this.n);
    order.forEach((row, place) => {
      this.rank[row] = place;
    });
    return this;
  }

  word(name, row) {
    const { words, codes } = name === "note" ? this.notes : this.worded.get(name);
    return words[codes[row]];
  }

  // The value by which rows are put in order: a number or a text.
  value(name, row) {
    if (name === "gene") return this.gene[row];
    if (name === "note") return this.word(name, row);
    return (this.values.get(name) ?? this.annotated.get(name))[row];
  }

  // What a reader calls the gene: its symbol where there is one.
  called(row) {
    const [first] = this.annotated.values();
    const symbol = first && typeof first[row] === "string" ? first[row] : "";
    return symbol && symbol !== this.gene[row] ? `${symbol} (${this.gene[row]})` : this.gene[row];
  }

  choose(row, from) {
    this.chosen = row === this.chosen && from === "table" ? -1 : row;
    this.dispatchEvent(new CustomEvent("chosen", { detail: from }));
  }

  // The genes that a search has left, to be marked where they are few.
  mark(rows) {
    this.found = rows;
    this.dispatchEvent(new Event("marked"));
  }
}

// Numbers as the rest of the page writes them.
function written(name, value) {
  if (typeof value === "string") return value;
  if (Number.isNaN(value)) return "NA";
  if (!Number.isFinite(value)) return value > 0 ? "+\u221e" : "\u2212\u221e";
  if (name === "pvalue" || name === "padj" || name === "svalue") {
    if (value <= 0) return "< 1e-307";
    return value.toExponential(2).replace(/e([+-])(\d)$/, "e$10$2");
  }
  const size = Math.abs(value);
  return value.toFixed(size >= 1e4 ? 0 : size >= 1e3 ? 1 : 2).replace("-", "\u2212");
}

function counted(n) {
  return n.toLocaleString("en-US");
}

// An element with its properties, attributes (names with a hyphen, and role) and children.
function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "role" || name === "for") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children);
  return element;
}
