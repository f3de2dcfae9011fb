// Open the data, then make the tables and figures of every contrast answer. Whatever fails, the
// page keeps its pictures and the first genes of every table.

async function start() {
  for (const [place, description] of stored.contrasts.entries()) {
    const contrast = await new Contrast({ ...description, place }).open();
    const own = `[data-contrast="${place}"]`;
    for (const root of document.querySelectorAll(`.explorer${own}`)) new GeneTable(root, contrast);
    for (const figure of document.querySelectorAll(`figure.points${own}`)) {
      const places = contrast.figures[figure.dataset.points];
      const [across, down] = await Promise.all(places.map(column));
      new PointFigure(figure, contrast, across, down);
    }
  }
  document.documentElement.dataset.explorer = "ready";
}

start().catch((error) => {
  document.documentElement.dataset.explorer = "failed";
  const told =
    "DecompressionStream" in window
      ? `The other genes could not be opened (${error.message}).`
      : "The other genes need a browser of 2023 or later.";
  for (const count of document.querySelectorAll(".explorer[data-contrast] .count")) {
    count.append(` ${told}`);
  }
});
