// The globe or the map: two canvases, of which the lower one has the world, and the pointer and key actions there.

const lessMotion = matchMedia("(prefers-reduced-motion: reduce)");

const stage = {
  base: null, hits: null, ratio: 1, most: 2, hasFocus: false,
  drawnVersion: -1, drawnMinute: -1,
  isRotating: !lessMotion.matches,
  /** The weight of hits without a position since the last second, and of each of the last seconds. */
  unplaced: 0, unplacedRate: 0,
  /** The animation towards a picked place. */
  flight: null,
  before: 0, needsFrame: true, quietUntil: 0,
  /** When the last hit will have faded. */
  busyUntil: 0,
  frames: 0, slowFrames: 0, drawTime: 0, frameTime: 0,
};

function startStage() {
  stage.base = element("base").getContext("2d", { alpha: true });
  stage.hits = element("hits").getContext("2d", { alpha: true });
  makeGraticule();
  makeFlat();
  new ResizeObserver(resizeStage).observe(element("scene"));
  resizeStage();
  listenToPointers(element("scene"));
  lessMotion.addEventListener("change", () => {
    if (lessMotion.matches) setRotation(false);
    stage.needsFrame = true;
  });
  setRotation(stage.isRotating);
  requestAnimationFrame(frame);
}

/** The current size of 14 pixels at the default font size. */
function fontUnit() {
  return Math.max(0.8, (parseFloat(getComputedStyle(document.documentElement).fontSize) || 14) / 14);
}

function resizeStage() {
  const scene = element("scene");
  const { clientWidth: width, clientHeight: height } = scene;
  if (width === 0 || height === 0) return;
  stage.ratio = Math.min(stage.most, devicePixelRatio || 1);
  view.unit = fontUnit();
  view.width = width;
  view.height = height;
  for (const canvas of [element("base"), element("hits")]) {
    canvas.width = Math.round(width * stage.ratio);
    canvas.height = Math.round(height * stage.ratio);
  }
  aim();
  stage.needsFrame = true;
}

function setRotation(isOn) {
  stage.isRotating = isOn;
  setAttribute(element("rotate"), "aria-pressed", String(isOn));
}

/** Called when the viewer drags the globe. */
function touchStage() {
  setRotation(false);
  stage.flight = null;
}

/** Degrees a second. */
const rotationSpeed = 4;
const flightTime = 700;
/** Milliseconds between two pictures while nothing moves. */
const stillPause = 250;

function frame(now) {
  requestAnimationFrame(frame);
  drawNext();
  if (document.hidden || address.view === "tables") {
    stage.before = 0;
    return;
  }
  const passed = stage.before === 0 ? 16 : now - stage.before;
  const isStill = lessMotion.matches;
  const isIdle = now > stage.busyUntil && stage.flight === null && !(stage.isRotating && view.isGlobe);
  if ((isStill || isIdle) && !stage.needsFrame && now < stage.quietUntil) return;
  stage.quietUntil = now + stillPause;
  stage.before = now;
  const start = performance.now();
  if (stage.flight !== null) fly(start);
  else if (stage.isRotating && view.isGlobe && !isStill) {
    view.longitude -= (rotationSpeed * Math.min(passed, 100)) / 1e3;
    aim();
  }
  const time = clock.now() ?? Date.now() / 1e3;
  const minute = Math.floor(time / 60);
  if (stage.drawnVersion !== view.version || stage.drawnMinute !== minute) {
    drawWorld(stage.base, stage.ratio, time, address.place ? countries.get(address.place) : undefined);
    stage.drawnVersion = view.version;
    stage.drawnMinute = minute;
  }
  stage.hits.setTransform(stage.ratio, 0, 0, stage.ratio, 0, 0);
  stage.hits.clearRect(0, 0, view.width, view.height);
  const selected = selectedSite();
  drawHits(stage.hits, start, selected, isStill);
  drawMarks(stage.hits, selected);
  if (stage.hasFocus) drawAim(stage.hits);
  stage.needsFrame = false;
  watchFrames(passed, performance.now() - start);
}

/** If frames are slow for a while, lowers the resolution of the canvases, for large ones below that of the screen. */
function watchFrames(passed, taken) {
  stage.frames++;
  stage.drawTime += (taken - stage.drawTime) / 30;
  stage.frameTime += (passed - stage.frameTime) / 30;
  stage.slowFrames = passed > 22 && passed < 200 ? stage.slowFrames + 1 : Math.max(0, stage.slowFrames - 1);
  const least = view.width * view.height > 1.5e6 ? 0.6 : 1;
  if (stage.slowFrames > 90 && stage.ratio > least && !lessMotion.matches) {
    stage.most = Math.max(least, stage.ratio * 0.75);
    stage.slowFrames = 0;
    resizeStage();
  }
}

/** Turns the globe to a place. */
function flyTo(place) {
  if (!place.isPlaced) return;
  setRotation(false);
  const latitude = Math.asin(place.z) / radian, longitude = Math.atan2(place.y, place.x) / radian;
  let way = longitude - view.longitude;
  way -= 360 * Math.round(way / 360);
  stage.flight = {
    start: performance.now(), longitude: view.longitude, latitude: view.latitude, way, rise: latitude - view.latitude,
    flatX: view.flatX, flatY: view.flatY, flatWay: place.u - view.flatX, flatRise: place.v - view.flatY,
  };
  if (lessMotion.matches) fly(Infinity);
  stage.needsFrame = true;
}

function fly(now) {
  const flight = stage.flight;
  const part = Math.min(1, (now - flight.start) / flightTime);
  const ease = part * part * (3 - 2 * part);
  view.longitude = flight.longitude + flight.way * ease;
  view.latitude = flight.latitude + flight.rise * ease;
  if (view.flatZoom > 1) {
    view.flatX = flight.flatX + flight.flatWay * ease;
    view.flatY = flight.flatY + flight.flatRise * ease;
  }
  aim();
  if (part >= 1) stage.flight = null;
}

function zoomBy(factor) {
  touchStage();
  if (view.isGlobe) {
    view.zoom *= factor;
  } else {
    // The whole map cannot move; the picked place moves to the middle as soon as possible.
    const picked = view.flatZoom === 1 ? pickedPlace() : undefined;
    if (picked !== undefined && picked.isPlaced) [view.flatX, view.flatY] = [picked.u, picked.v];
    view.flatZoom *= factor;
  }
  aim();
  stage.needsFrame = true;
}

/** Moves the view by points of the canvas. */
function moveBy(dx, dy) {
  if (view.isGlobe) {
    view.longitude -= dx / view.radius / radian;
    view.latitude += dy / view.radius / radian;
  } else {
    view.flatX -= dx / view.scale;
    view.flatY += dy / view.scale;
  }
  aim();
  stage.needsFrame = true;
}

function resetView() {
  touchStage();
  Object.assign(view, { latitude: 24, zoom: 1, flatX: 0, flatY: 0, flatZoom: 1 });
  aim();
  stage.needsFrame = true;
}

/** Describes the object at a point of the canvas: a datacenter, a hit or a country. */
function whatIsAt(x, y, reach) {
  const site = siteAt(x, y, reach);
  if (site !== undefined) return { site };
  const hit = hitAt(x, y, reach / 2, performance.now());
  if (hit !== null) return { hit };
  for (const country of countries.values()) {
    if (!country.isDot) continue;
    project(country.x, country.y, country.z, country.u, country.v);
    if (point.front && (point.x - x) ** 2 + (point.y - y) ** 2 < 49) return { country };
  }
  const position = positionAt(x, y);
  const country = position === null ? null : countryAt(position);
  return country === null ? {} : { country };
}

function pickAt(x, y, reach) {
  const found = whatIsAt(x, y, reach);
  if (found.site) pick("datacenter", found.site.name);
  else if (found.hit) {
    const code = textOf(found.hit.country);
    pick("place", code);
    proposeQuestion(textOf(found.hit.network), textOf(found.hit.name));
  } else if (found.country) pick("place", found.country.code);
  else pick(null);
}

function tipAt(x, y, clientX, clientY) {
  const found = whatIsAt(x, y, 16);
  if (found.site) {
    const { words, state, rate, load, capacity } = found.site;
    const lines = [words, `${stateWords[state]}, ${rateWords(rate)} a second`];
    if (load !== null) lines.push(`load ${percentWords(load)} of capacity ${countWords(capacity)}`);
    return showTip(lines, clientX, clientY);
  }
  const hit = found.hit;
  if (hit) {
    const sites = Array.isArray(hit.datacenters) ? hit.datacenters.map(visible).join(", ") : "";
    return showTip(
      [`${visible(hit.network)} in ${countryWords(textOf(hit.country))}`, visible(hit.name), sites ? `to ${sites}` : "no answer"],
      clientX, clientY);
  }
  if (found.country) {
    const top = model.second?.countries.find((item) => item.name === found.country.code);
    return showTip(
      [countryWords(found.country.code), ...(top ? [`${rateWords(top.rate)} a second`] : [])], clientX, clientY);
  }
  hideTip();
}

/** Marks the middle, which Enter picks, while the keyboard is in use. */
function drawAim(context) {
  const { centreX: x, centreY: y } = view, arm = 9 * view.unit;
  context.strokeStyle = look.ink;
  context.lineWidth = 1.2 * view.unit;
  context.beginPath();
  for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
    context.moveTo(x + dx * arm * 0.4, y + dy * arm * 0.4);
    context.lineTo(x + dx * arm, y + dy * arm);
  }
  context.stroke();
}

function listenToPointers(scene) {
  const pointers = new Map();
  let travelled = 0, gap = 0;
  const at = (event) => {
    const box = scene.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  scene.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    touchStage();
    hideTip();
    scene.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (pointers.size === 1) travelled = 0;
    gap = 0;
  });
  scene.addEventListener("pointermove", (event) => {
    const pointer = pointers.get(event.pointerId);
    if (pointer === undefined) {
      if (event.pointerType === "mouse") tipAt(...at(event), event.clientX, event.clientY);
      return;
    }
    const dx = event.clientX - pointer.x, dy = event.clientY - pointer.y;
    pointer.x = event.clientX;
    pointer.y = event.clientY;
    travelled += Math.abs(dx) + Math.abs(dy);
    if (pointers.size === 1) {
      if (travelled > 4) moveBy(dx, dy);
      return;
    }
    const [one, other] = pointers.values();
    const distance = Math.hypot(one.x - other.x, one.y - other.y);
    if (gap > 0 && distance > 0) zoomBy(distance / gap);
    gap = distance;
  });
  const end = (event) => {
    if (!pointers.delete(event.pointerId)) return;
    gap = 0;
    if (event.type === "pointerup" && pointers.size === 0 && travelled <= 4) {
      pickAt(...at(event), event.pointerType === "mouse" ? 14 : 24);
    }
  };
  scene.addEventListener("pointerup", end);
  scene.addEventListener("pointercancel", end);
  scene.addEventListener("pointerleave", hideTip);
  scene.addEventListener("wheel", (event) => {
    // If the page itself scrolls, the wheel scrolls it unless the globe has the focus.
    const scrolls = document.documentElement.scrollHeight > innerHeight + 2;
    if (scrolls && !event.ctrlKey && document.activeElement !== scene) return;
    event.preventDefault();
    zoomBy(Math.exp(-Math.max(-120, Math.min(120, event.deltaY * (event.deltaMode === 1 ? 30 : 1))) / 400));
  }, { passive: false });
  scene.addEventListener("focus", () => {
    stage.hasFocus = scene.matches(":focus-visible");
    stage.needsFrame = true;
  });
  scene.addEventListener("blur", () => {
    stage.hasFocus = false;
    stage.needsFrame = true;
  });
  const step = 48;
  const moves = { ArrowLeft: [step, 0], ArrowRight: [-step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
  scene.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (Object.hasOwn(moves, event.key)) {
      touchStage();
      stage.hasFocus = true;
      moveBy(...moves[event.key]);
    } else if (event.key === "Enter") {
      pickAt(view.centreX, view.centreY, 40);
    } else {
      return;
    }
    event.preventDefault();
  });
}

/** Describes the canvas in words, for screen readers. */
function describeStage() {
  const second = model.second;
  if (second === null) return;
  const down = model.siteList.filter((site) => site.state === "down" || site.state === "partly_down").length;
  const drained = model.siteList.filter((site) => site.state === "drained" || site.state === "partly_drained").length;
  const top = second.countries.slice(0, 3).map((item) => countryWords(item.name)).join(", ");
  setAttribute(
    element("hits"), "aria-label",
    `${view.isGlobe ? "Globe" : "Map"} with ${model.siteList.length} datacenters, ${down} down or partly down,`
      + ` ${drained} drained or partly drained; ${rateWords(second.rate.answered)} answers a second${top ? `, most of them to ${top}` : ""}.`
      + " The same facts are in the tables.");
}
