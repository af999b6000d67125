// The marks of datacenters: their state as shape and colour, a ring of traffic against capacity, and their names.

/** Draws the shape of a state: a disc is in use, half a disc partly drained, a ring drained, a half triangle partly down, a cross
 *  in a triangle down. */
function traceMark(context, state, x, y, size, colour) {
  context.lineWidth = 1.5 * view.unit;
  context.strokeStyle = look.ink;
  context.fillStyle = look.paper;
  context.beginPath();
  if (state === "partly_down" || state === "down") {
    const high = size * 1.35;
    context.moveTo(x, y - high);
    context.lineTo(x + high, y + high * 0.8);
    context.lineTo(x - high, y + high * 0.8);
    context.closePath();
    context.fill();
    context.strokeStyle = look.alarm;
    context.lineWidth = 2 * view.unit;
    context.stroke();
    context.beginPath();
    if (state === "down") {
      const arm = size * 0.42;
      context.moveTo(x - arm, y + size * 0.25 - arm);
      context.lineTo(x + arm, y + size * 0.25 + arm);
      context.moveTo(x + arm, y + size * 0.25 - arm);
      context.lineTo(x - arm, y + size * 0.25 + arm);
      context.stroke();
    } else {
      context.moveTo(x, y - high);
      context.lineTo(x, y + high * 0.8);
      context.lineTo(x - high, y + high * 0.8);
      context.closePath();
      context.fillStyle = colour;
      context.fill();
    }
    return;
  }
  context.arc(x, y, size, 0, 2 * Math.PI);
  if (state === "in_use") context.fillStyle = colour;
  context.fill();
  if (state === "partly_drained") {
    context.beginPath();
    context.arc(x, y, size, Math.PI / 2, 1.5 * Math.PI);
    context.closePath();
    context.fillStyle = colour;
    context.fill();
    context.beginPath();
    context.arc(x, y, size, 0, 2 * Math.PI);
  }
  context.stroke();
  if (state !== "drained") return;
  context.beginPath();
  context.moveTo(x - size * 0.55, y);
  context.lineTo(x + size * 0.55, y);
  context.stroke();
}

function traceRingOfLoad(context, site, x, y, size, colour) {
  if (site.load === null) return;
  const wide = 3 * view.unit;
  context.lineWidth = wide;
  context.globalAlpha = 0.28;
  context.strokeStyle = look.ink;
  context.beginPath();
  context.arc(x, y, size, 0, 2 * Math.PI);
  context.stroke();
  context.globalAlpha = 1;
  const isOver = site.load > 1;
  context.strokeStyle = isOver ? look.alarm : colour;
  context.lineWidth = isOver ? wide * 1.35 : wide;
  context.beginPath();
  context.arc(x, y, size, -Math.PI / 2, -Math.PI / 2 + 2 * Math.PI * Math.max(0.005, Math.min(1, site.load)));
  context.stroke();
}

// Names are drawn where there is space.

const mostLabels = 64;
const labelBoxes = new Float32Array(4 * (mostLabels + 1_000));
let labelCount = 0;

function isFree(x, y, width, height) {
  for (let i = 0; i < labelCount; i++) {
    const at = 4 * i;
    if (x < labelBoxes[at] + labelBoxes[at + 2] && labelBoxes[at] < x + width && y < labelBoxes[at + 1] + labelBoxes[at + 3]
      && labelBoxes[at + 1] < y + height) return false;
  }
  return true;
}

function takeBox(x, y, width, height) {
  const at = 4 * labelCount;
  if (at + 4 > labelBoxes.length) return;
  labelBoxes[at] = x;
  labelBoxes[at + 1] = y;
  labelBoxes[at + 2] = width;
  labelBoxes[at + 3] = height;
  labelCount++;
}

/** The datacenters in order of the importance of their names; sorted once a second. */
let labelOrder = [];

function orderLabels() {
  const worth = (site) => (site === selectedSite() ? 4e9 : 0) + (site.state === "in_use" ? 0 : 2e9)
    + (site.colour >= 0 ? 1e9 : 0) + Math.min(1e8, site.rate);
  labelOrder = model.siteList.filter((site) => site.isPlaced).sort((one, other) => worth(other) - worth(one));
}

let marksDrawn = 0;
let labelUnit = 0, labelFont = "";
const labelFamily = 'px system-ui, "Segoe UI", "Liberation Sans", Arial, sans-serif';

function drawMarks(context, selected) {
  marksDrawn = 0;
  labelCount = 0;
  context.lineCap = "butt";
  const many = labelOrder.length > 24, unit = view.unit;
  for (let i = labelOrder.length - 1; i >= 0; i--) {
    const site = labelOrder[i];
    project(site.x, site.y, site.z, site.u, site.v);
    site.seenX = point.x;
    site.seenY = point.y;
    site.isSeen = point.front && point.x > -20 && point.y > -20 && point.x < view.width + 20 && point.y < view.height + 20;
    if (!site.isSeen) continue;
    const colour = colourOf(site);
    const size = (site === selected ? 8 : many && site.colour < 0 ? 4 : 6) * unit;
    traceRingOfLoad(context, site, point.x, point.y, size + 4.5 * unit, colour);
    traceMark(context, site.state, point.x, point.y, size, colour);
    if (site === selected) {
      context.strokeStyle = look.ink;
      context.lineWidth = 1;
      context.beginPath();
      context.arc(point.x, point.y, size + 9 * unit, 0, 2 * Math.PI);
      context.stroke();
    }
    takeBox(point.x - 8 * unit, point.y - 8 * unit, 16 * unit, 16 * unit);
    marksDrawn++;
  }
  if (labelUnit !== unit) {
    labelUnit = unit;
    labelFont = `600 ${12 * unit}${labelFamily}`;
    for (const site of model.siteList) site.labelWidth = 0;
  }
  context.font = labelFont;
  context.textBaseline = "middle";
  context.lineWidth = 3 * unit;
  context.strokeStyle = look.textCasing;
  const high = 14 * unit, apart = 15 * unit;
  let labels = 0;
  for (let i = 0; i < labelOrder.length && labels < mostLabels; i++) {
    const site = labelOrder[i];
    if (!site.isSeen) continue;
    if (site.labelWidth === 0) {
      site.label = site.words.length > 22 ? site.words.slice(0, 21) + "…" : site.words;
      site.labelWidth = context.measureText(site.label).width;
    }
    const width = site.labelWidth, y = site.seenY;
    let x = site.seenX + apart;
    if (!isFree(x, y - high / 2, width, high) || x + width > view.width) {
      x = site.seenX - apart - width;
      if (!isFree(x, y - high / 2, width, high) || x < 0) continue;
    }
    takeBox(x, y - high / 2, width, high);
    context.strokeText(site.label, x, y);
    context.fillStyle = site.state === "down" || site.state === "partly_down" ? look.alarm : look.text;
    context.fillText(site.label, x, y);
    labels++;
  }
}

function siteAt(x, y, reach) {
  let best, least = reach * reach;
  for (const site of labelOrder) {
    if (!site.isSeen) continue;
    const distance = (site.seenX - x) ** 2 + (site.seenY - y) ** 2;
    if (distance < least) {
      least = distance;
      best = site;
    }
  }
  return best;
}

/** The same shape in a table: an element that `setMark` changes. */
function makeMark() {
  const mark = makeDrawn("svg", { viewBox: "0 0 16 16", class: "mark", "aria-hidden": "true" });
  mark.append(makeDrawn("path", { class: "whole" }), makeDrawn("path", { class: "part" }));
  return mark;
}

const disc = "M8 2.5a5.5 5.5 0 1 1 0 11a5.5 5.5 0 1 1 0-11z";
const triangle = "M8 1.5l7 12.5h-14z";
const markShapes = {
  in_use: [disc, ""], partly_drained: [disc, "M8 2.5a5.5 5.5 0 0 0 0 11z"], drained: [disc, "M5 8h6"],
  partly_down: [triangle, "M8 1.5v12.5h-7z"], down: [triangle, "M5.8 7.6l4.4 4.4m0-4.4l-4.4 4.4"],
};

function setMark(mark, state, colour) {
  const [whole, part] = markShapes[state];
  setAttribute(mark, "data-state", state);
  setAttribute(mark.firstChild, "d", whole);
  setAttribute(mark.lastChild, "d", part);
  if (mark.style.color !== colour) mark.style.color = colour;
}
