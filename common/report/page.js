"use strict";

// A click on a heading sorts: first the better values up, then the other way. What was not measured stays at the end.
for (const button of document.querySelectorAll("thead button")) {
  button.addEventListener("click", () => sortBy(button));
}

function sortBy(button) {
  const heading = button.parentElement, row = heading.parentElement, body = row.parentElement.nextElementSibling;
  const index = [...row.children].indexOf(heading);
  const before = heading.getAttribute("aria-sort");
  const first = button.dataset.better === "higher" ? "descending" : "ascending";
  const other = first === "ascending" ? "descending" : "ascending";
  const order = before === first ? other : first;
  for (const each of row.children) each.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", order);
  const isText = !heading.classList.contains("number");
  const rows = [...body.children].map((line) => [line, keyOf(line.children[index], isText)]);
  rows.sort(([, a], [, b]) => compare(a, b, order === "ascending" ? 1 : -1));
  body.append(...rows.map(([line]) => line));
}

function keyOf(cell, isText) {
  if (isText) return cell.textContent;
  return "value" in cell.dataset ? Number(cell.dataset.value) : null;
}

function compare(a, b, sign) {
  if (a === null || b === null) return (a === null) - (b === null);
  return sign * (typeof a === "string" ? a.localeCompare(b, "en", { numeric: true }) : a - b);
}

// A figure is shown at its full size, or as wide as the page.
for (const button of document.querySelectorAll(".zoom")) {
  button.addEventListener("click", () => {
    button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
  });
}

// The line of a slider, and the pictures at its sides.
for (const slider of document.querySelectorAll(".slider")) {
  const stage = slider.querySelector(".stage");
  if (!stage) continue;
  const line = stage.querySelector("input"), images = stage.querySelectorAll("img");
  const sides = slider.querySelectorAll("select");
  const show = () => {
    const [left, right] = [...sides].map((side) => side.selectedOptions[0].textContent);
    stage.style.setProperty("--cut", `${line.value}%`);
    line.setAttribute("aria-valuetext", `${line.value} % ${left}, ${100 - line.value} % ${right}`);
    images.forEach((image, index) => {
      for (const side of sides) image.classList.toggle(side.dataset.side, Number(side.value) === index);
    });
  };
  line.addEventListener("input", show);
  for (const side of sides) side.addEventListener("change", show);
  show();
}
