// The start, and when each part is drawn. The server joins the files into one module, in the order of their names:
// top-level code may use functions of all files, but values only of earlier ones. `start` runs after all of them.

function drawAll() {
  drawTables();
  drawSites();
  drawChanges();
  drawProblems();
  drawRollout();
  drawInspector();
  drawReplay();
  drawGraphs();
  drawEventMarks();
  drawPickList();
  if (address.view === "tables") drawHour();
  drawTitle();
  orderLabels();
}

/** Parts that are drawn each second, one in each of the next frames: all at once would take too long for one. */
const secondly = [
  drawTables, drawSites, drawProblems, announceProblems, drawRollout, drawInspector, drawGraphs, drawEventMarks, drawPickList,
  drawHourNow, orderLabels, drawTitle, drawLink,
];
let nextSecondly = secondly.length;

/** Called for each new second. */
function drawSecond() {
  while (nextSecondly < secondly.length) drawNext();
  nextSecondly = 0;
  // A hidden page gets no frames, so draw at once.
  if (document.hidden) while (nextSecondly < secondly.length) drawNext();
}

function drawNext() {
  if (nextSecondly < secondly.length) secondly[nextSecondly++]();
}

function drawHourNow() {
  if (address.view === "tables" && Math.floor(model.second.time) % 5 === 0) drawHour();
}

function drawTitle() {
  setText(element("mode"), model.mode);
  setName(element("host"), "", [visible(model.host), visible(model.version)].filter((part) => part).join(" · "));
  const problems = model.second?.problems.length ?? 0;
  const words = `${problems > 0 ? `(${problems}) ` : ""}${visible(model.host) || "geopipe"} ${model.mode}`;
  if (document.title !== words) document.title = words;
}

/** Parts that change between seconds: the clock, and the age of the numbers. */
function tick() {
  const now = clock.now();
  if (now !== null) setText(element("clock"), timeWords(now));
  drawLink();
  speak(performance.now());
  if (model.replay !== null && !model.replay.paused) drawReplay();
}

function drawLegend() {
  const entries = [
    ...Object.entries(stateWords).map(([state, words]) => ({ state, words })),
    { state: "ring", words: "traffic against capacity" }, { state: "other", words: "datacenters beyond the eight with colours" },
  ];
  const makeChild = () => {
    const item = make("li");
    item.append(makeMark(), make("span"));
    return item;
  };
  fill(element("legend-list"), entries, makeChild, (item, { state, words }) => {
    setMark(item.firstChild, Object.hasOwn(stateWords, state) ? state : "in_use", state === "other" ? look.other : look.sites[0]);
    setAttribute(item, "data-entry", state);
    setText(item.lastChild, words);
  });
}

/** For tests: what is currently drawn. */
const report = Object.freeze({
  view() {
    const now = performance.now(), hits = [];
    for (let i = 0; i < mostHits; i++) {
      const age = now - hitBorn[i];
      if (age < 0 || age >= spikeLife || hitHeight[i] === 0) continue;
      const heard = hitHeard[i];
      hits.push({
        lat: heard.lat, lon: heard.lon, country: heard.country, datacenter: hitSite[i]?.name ?? null, weight: heard.weight ?? 1,
      });
    }
    return {
      mode: model.mode, view: address.view, place: address.place, datacenter: address.datacenter, connected: link.isOpen,
      time: clock.now(), second: model.second, events: model.events, replay: model.replay, hits,
      datacenters: model.siteList.map((site) => ({
        name: site.name, state: site.state, colour: colourOf(site), load: site.load, seen: site.isSeen === true,
        x: site.seenX, y: site.seenY,
      })),
      counts: {
        hits: hitsDrawn, arcs: arcsDrawn, marks: marksDrawn, frames: stage.frames, drawTime: stage.drawTime,
        frameTime: stage.frameTime, ratio: stage.ratio, points: model.history.points.length, places: flows.size,
        elements: document.getElementsByTagName("*").length,
      },
      globe: { longitude: view.longitude, latitude: view.latitude, zoom: view.zoom, rotating: stage.isRotating },
    };
  },
});

function start() {
  Object.defineProperty(window, "geopipe", { value: report });
  readOutlines();
  readAddress();
  startStage();
  startGraphs();
  startReplay();
  startKeys();
  applyAddress();
  addEventListener("hashchange", () => {
    readAddress();
    applyAddress();
  });
  darkWanted.addEventListener("change", applyTheme);
  document.addEventListener("visibilitychange", () => {
    stage.before = 0;
    stage.needsFrame = true;
  });
  setInterval(tick, 250);
  setInterval(describeStage, 10_000);
  connect();
}

queueMicrotask(start);
