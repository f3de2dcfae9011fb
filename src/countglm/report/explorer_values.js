// Values of a contrast in other shapes: rows of its table, what they are sorted by, and a file.

// What a value is sorted by: a text whatever its case, with numbers in it by their size.
function key(value) {
  if (typeof value === "number") return value;
  return value.toLowerCase().replace(/\d+/g, (digits) => digits.padStart(12, "0"));
}

function minus(a, b) {
  return a < b ? -1 : a > b ? 1 : 0;
}

// A value as a file has it: six digits of a number, whole ones of the annotation.
function plain(contrast, name, row) {
  const value = contrast.value(name, row);
  if (typeof value === "string") return value;
  if (Number.isNaN(value)) return "NA";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  return contrast.values.has(name) ? String(Number(value.toPrecision(6))) : String(value);
}

// A cell as the tables of the command are written: quoted where it would end a cell or a row.
function cell(text) {
  if (!text) return "NA";
  return /["\t\n\r]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
}

function tsv(contrast, rows) {
  const names = ["gene", ...contrast.annotated.keys(), ...contrast.values.keys()];
  const words = [...contrast.worded.keys()];
  const lines = Array.from(rows, (row) =>
    [...names.map((name) => plain(contrast, name, row)), ...words.map((w) => contrast.word(w, row))]
      .map(cell)
      .join("\t"),
  );
  return [[...names, ...words].map(cell).join("\t"), ...lines, ""].join("\n");
}

function geneLine(contrast, row) {
  const chosen = row === contrast.chosen;
  const button = make("button", {
    type: "button",
    className: "gene",
    textContent: contrast.gene[row],
    tabIndex: -1,
    "data-row": row,
    "aria-pressed": String(chosen),
  });
  const line = make("tr", {}, make("th", { scope: "row" }, button));
  line.classList.toggle("chosen", chosen);
  for (const name of contrast.shown.slice(1)) {
    const number = contrast.values.has(name);
    const value = contrast.value(name, row);
    const cell = make("td", { textContent: number ? written(name, value) : String(value) });
    if (contrast.annotated.has(name) && Number.isNaN(value)) cell.textContent = "";
    cell.classList.toggle("text", !number);
    if (name === "log2FoldChange") {
      cell.classList.add(["", "up", "down", ""][contrast.directions[row]] || "neither");
    }
    line.append(cell);
  }
  return line;
}
